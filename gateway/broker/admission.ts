/**
 * What a CONNECT must look like whoever sends it, and the session that an identity gets.
 * @module
 */
import { clientIdOf } from '../../protocol/connect.ts'
import { claimUsername } from '../../protocol/enrolment.ts'
import { FLEET_ITSELF } from '../../protocol/ids.ts'
import { formatTopic } from '../../protocol/topics.ts'
import type { Identity } from './broker.ts'
import type { BrokerLimits } from './limits.ts'

export type Will = {
  readonly topic: string
  readonly payload: Uint8Array
  readonly qos: number
  readonly retain: boolean
}

/** The one topic that clients tell each other something on: a device's own state, its last will. */
export function relayedTopic(identity: Identity): string | undefined {
  if (identity.kind !== 'device') return undefined
  const { fleet, device } = identity
  return formatTopic({ kind: 'deviceState', fleet, device })
}

/** Undefined when fine. Checked before the client is known. */
export function refuseHello(
  limits: BrokerLimits,
  protocolVersion: number | undefined,
  keepaliveSeconds: number,
): string | undefined {
  if (protocolVersion !== 4) return 'not_mqtt_3_1_1'
  // Without keepalive, or with a long one, a dead client would hold its session.
  if (keepaliveSeconds === 0) return 'no_keepalive'
  return keepaliveSeconds > limits.keepaliveSecondsMax ? 'keepalive_too_long' : undefined
}

/** Undefined when fine. Checked when the client is known, before it takes any session over. */
export function refuseIdentity(
  limits: BrokerLimits,
  identity: Identity,
  clientId: string,
  will: Will | undefined,
): string | undefined {
  if (!isOwnClientId(identity, clientId)) return 'bad_client_id'
  if (will === undefined) return undefined
  const bounded = will.payload.length <= limits.willBytesMax && will.qos <= 1
  return bounded && will.topic === willTopic(identity) ? undefined : 'bad_will'
}

/** A device with a wrong clock sends the will it always sends; it is never published. */
function willTopic(identity: Identity): string | undefined {
  if (identity.kind !== 'stale_clock') return relayedTopic(identity)
  return relayedTopic({ ...identity, kind: 'device' })
}

/** People's tools, and who has no name yet, may call themselves what they like, or nothing. */
function isOwnClientId(identity: Identity, clientId: string): boolean {
  if (identity.kind === 'reader' || identity.kind === 'claimant') return true
  return clientId === clientIdOf(identity.fleet, nameOf(identity))
}

function nameOf(identity: Exclude<Identity, { kind: 'reader' | 'claimant' }>): string {
  return identity.kind === 'fleet' ? FLEET_ITSELF : identity.device
}

/**
 * Where sessions are counted and replaced: `place` has at most `seats` of them, and one with the
 * same `id` gives way first.
 */
export type Seat = { readonly id: string; readonly place: string; readonly seats: number }

/** A session with a wrong clock has a place of its own, so it takes over nobody. */
export function seatOf(
  limits: BrokerLimits,
  identity: Identity,
  clientId: string,
  connection: number,
): Seat {
  if (identity.kind === 'reader') {
    const place = `${identity.fleet}/${FLEET_ITSELF}/${identity.name}`
    // Two tools of one name replace each other; those without a name do not.
    const id = `${place}/${clientId || `/${connection}`}`
    return { id, place, seats: limits.sessionsPerReaderMax }
  }
  if (identity.kind === 'claimant') {
    const id = claimUsername(identity.fleet, identity.serial)
    return { id, place: id, seats: 1 }
  }
  const id = clientIdOf(identity.fleet, nameOf(identity))
  if (identity.kind !== 'stale_clock') return { id, place: id, seats: 1 }
  const place = `${id}?clock`
  return { id: `${place}${connection}`, place, seats: limits.staleSessionsPerDeviceMax }
}
