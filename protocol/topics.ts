/**
 * Topics: built and parsed in one place.
 * @module
 */
import { FLEET_ITSELF, isId } from './ids.ts'
import { TOPIC_BYTES_MAX, TOPIC_LEVELS_MAX, WIRE_VERSION } from './limits.ts'

export const TOPIC_ROOT = `tickpay/${WIRE_VERSION}`

/** What a device publishes. */
export const upNames = [
  'hello',
  'open',
  'commit',
  'tick',
  'reading',
  'close',
  'rotate',
  'receipt',
] as const
export type UpName = (typeof upNames)[number]

/** What the gateway sends to one device. */
export const downNames = [
  'welcome',
  'slot',
  'accept',
  'ack',
  'reject',
  'receipt',
  'supply',
  'command',
] as const
export type DownName = (typeof downNames)[number]

/** What the gateway publishes about itself, retained. */
export const gatewayNames = ['state', 'info', 'health', 'tariff', 'receipts'] as const
export type GatewayName = (typeof gatewayNames)[number]

export type Topic =
  | { readonly kind: 'up'; readonly fleet: string; readonly device: string; readonly name: UpName }
  | {
      readonly kind: 'down'
      readonly fleet: string
      readonly device: string
      readonly name: DownName
    }
  | { readonly kind: 'deviceState'; readonly fleet: string; readonly device: string }
  | { readonly kind: 'deviceReport'; readonly fleet: string; readonly device: string }
  | {
      readonly kind: 'fleet'
      readonly fleet: string
      readonly name: 'status' | 'event' | 'statement'
    }
  | { readonly kind: 'request'; readonly fleet: string; readonly verb: string }
  | { readonly kind: 'response'; readonly fleet: string; readonly verb: string }
  /** A device that belongs to nobody yet asks to be enrolled, and is answered. */
  | {
      readonly kind: 'enrol' | 'enrolled'
      readonly fleet: string
      readonly serial: string
    }
  | { readonly kind: 'gateway'; readonly gateway: string; readonly name: GatewayName }

/** The text of a topic. */
export function formatTopic(topic: Topic): string {
  if (topic.kind === 'gateway') return `${TOPIC_ROOT}/_gateway/${topic.gateway}/${topic.name}`
  const fleet = `${TOPIC_ROOT}/${topic.fleet}`
  switch (topic.kind) {
    case 'up':
    case 'down':
      return `${fleet}/${topic.device}/${topic.kind}/${topic.name}`
    case 'deviceState':
      return `${fleet}/${topic.device}/state`
    case 'deviceReport':
      return `${fleet}/${FLEET_ITSELF}/devices/${topic.device}`
    case 'fleet':
      return `${fleet}/${FLEET_ITSELF}/${topic.name}`
    case 'request':
    case 'response':
      return `${fleet}/${FLEET_ITSELF}/${topic.kind}/${topic.verb}`
    case 'enrol':
    case 'enrolled':
      return `${fleet}/${FLEET_ITSELF}/${topic.kind}/${topic.serial}`
  }
}

/** A subscription to all `down` topics of one device. */
export function downFilter(fleet: string, device: string): string {
  return `${TOPIC_ROOT}/${fleet}/${device}/down/+`
}

/** True within the limits on bytes, levels and characters that every topic and filter obeys. */
export function isBoundedTopic(text: string): boolean {
  if (text.length === 0 || text.length > TOPIC_BYTES_MAX) return false
  return /^[a-z0-9_/+#-]+$/.test(text) && text.split('/').length <= TOPIC_LEVELS_MAX
}

/** Reads a topic; undefined for everything this protocol does not know. Wildcards are unknown. */
export function parseTopic(text: string): Topic | undefined {
  if (!isBoundedTopic(text)) return undefined
  const [root, version, fleet = '', second = '', third = '', fourth, ...rest] = text.split('/')
  if (`${root}/${version}` !== TOPIC_ROOT || rest.length > 0) return undefined
  if (fleet === '_gateway') return fourth === undefined ? gatewayTopic(second, third) : undefined
  if (!isId(fleet)) return undefined
  if (second === FLEET_ITSELF) return fleetTopic(fleet, third, fourth)
  if (!isId(second)) return undefined
  return deviceTopic(fleet, second, third, fourth)
}

function gatewayTopic(gateway: string, name: string): Topic | undefined {
  const known = gatewayNames.find((one) => one === name)
  return known && isId(gateway) ? { kind: 'gateway', gateway, name: known } : undefined
}

function fleetTopic(fleet: string, name: string, last: string | undefined): Topic | undefined {
  if (last === undefined) {
    return name === 'status' || name === 'event' || name === 'statement'
      ? { kind: 'fleet', fleet, name }
      : undefined
  }
  if (!isId(last)) return undefined
  if (name === 'devices') return { kind: 'deviceReport', fleet, device: last }
  if (name === 'enrol' || name === 'enrolled') return { kind: name, fleet, serial: last }
  return name === 'request' || name === 'response' ? { kind: name, fleet, verb: last } : undefined
}

function deviceTopic(
  fleet: string,
  device: string,
  direction: string,
  last: string | undefined,
): Topic | undefined {
  if (direction === 'state' && last === undefined) return { kind: 'deviceState', fleet, device }
  const up = upNames.find((one) => one === last)
  if (direction === 'up' && up) return { kind: 'up', fleet, device, name: up }
  const down = downNames.find((one) => one === last)
  return direction === 'down' && down ? { kind: 'down', fleet, device, name: down } : undefined
}
