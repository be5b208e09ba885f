/**
 * What all compared systems have in common: something that listens for MQTT, and processes whose
 * CPU counts as theirs.
 * @module
 */
import type { DevicePlan, GatewayPlan, TlsPlan, WindowResult } from '../load/messages.ts'

export type System = {
  readonly name: SystemName
  readonly port: number
  readonly processes: readonly { readonly name: string; readonly pid: number }[]
  readonly devices: readonly DevicePlan[]
  readonly gateway: GatewayPlan | undefined
  /** Where devices connect with certificates. */
  readonly tls?: TlsPlan | undefined
  /** Messages that arrived where they were meant to within a window. */
  readonly messagesOf: (window: WindowResult) => Promise<number>
  /** Until all of so many messages have arrived there: the next system wants the machine alone. */
  readonly caughtUp: (messages: number) => Promise<void>
  readonly stop: () => Promise<void>
}

export function pidsOf({ processes }: System): readonly number[] {
  return processes.map(({ pid }) => pid)
}

const CATCH_UP_TIMEOUT_MS = 120_000
const POLL_MS = 20

/** Waits until `count` says that all of `messages` have arrived. */
export async function catchUp(messages: number, count: () => Promise<number>): Promise<void> {
  const deadlineMs = performance.now() + CATCH_UP_TIMEOUT_MS
  for (;;) {
    const arrived = await count()
    if (arrived >= messages) return
    if (performance.now() > deadlineMs) {
      throw new Error(`of ${messages} messages only ${arrived} have arrived`)
    }
    await new Promise((resolve) => setTimeout(resolve, POLL_MS))
  }
}

export const systemNames = {
  gateway: 'Tickpay gateway',
  tls: 'Tickpay gateway, TLS 1.3',
  attached: 'Tickpay gateway behind Mosquitto',
  quiet: 'Tickpay gateway, nobody listens to `down`',
  aedes: 'bare aedes',
  mosquitto: 'Mosquitto alone',
  subscriber: 'Mosquitto with a bare subscriber',
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
