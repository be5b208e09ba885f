/**
 * What all compared systems have in common: something that listens for MQTT, and processes whose
 * CPU counts as theirs.
 * @module
 */
import type { DevicePlan, GatewayPlan, WindowResult } from '../load/messages.ts'

export type System = {
  readonly name: SystemName
  readonly port: number
  readonly pids: readonly number[]
  readonly devices: readonly DevicePlan[]
  readonly gateway: GatewayPlan | undefined
  /** Messages that arrived where they were meant to within a window. */
  readonly messagesOf: (window: WindowResult) => Promise<number>
  readonly stop: () => Promise<void>
}

export const systemNames = {
  gateway: 'Tickpay gateway',
  quiet: 'Tickpay gateway, nobody listens to `down`',
  aedes: 'bare aedes',
  mosquitto: 'Mosquitto alone',
  subscriber: 'Mosquitto with one subscriber',
} as const
export type SystemName = keyof typeof systemNames

export const benchFleet = 'bench'

/** The number of a device as an id, so that all topics are equally long. */
export function deviceId(number: number): string {
  return `d-${String(number).padStart(6, '0')}`
}

/** Devices for systems that check nothing. */
export function plainDevices(devices: number, channels: number): readonly DevicePlan[] {
  return Array.from({ length: devices }, (_, number) => ({
    fleet: benchFleet,
    device: deviceId(number),
    channelIds: Array.from({ length: channels }, () => new Uint8Array(32)),
  }))
}
