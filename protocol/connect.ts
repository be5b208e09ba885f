/**
 * The login of a device or of a fleet's own service: a signed Connect as the MQTT password.
 * @module
 */
import { decodeCbor, encodeCbor } from './cbor.ts'
import { FLEET_ITSELF, isId } from './ids.ts'
import type { PublicKey, Verify } from './keys.ts'
import { CLOCK_TOLERANCE_SECONDS, WIRE_VERSION } from './limits.ts'
import type { ConnectReason } from './reasons.ts'
import type { Connect, Signed } from './structures.ts'
import { connectStructure, digestOf, signedFromWire, signedToWire } from './structures.ts'
import type { Domain } from './typedData.ts'

/** MQTT client id and user name of a device: `fleet/device`; of the fleet itself: `fleet/_`. */
export function clientIdOf(fleet: string, device: string): string {
  return `${fleet}/${device}`
}

export function parseClientId(text: string): { fleet: string; device: string } | undefined {
  const [fleet = '', device = '', ...rest] = text.split('/')
  if (rest.length > 0 || !isId(fleet)) return undefined
  return isId(device) || device === FLEET_ITSELF ? { fleet, device } : undefined
}

/** The MQTT password: `[version, [[fields], signature]]`. */
export function encodeConnect(signed: Signed<Connect>): Uint8Array {
  return encodeCbor([WIRE_VERSION, signedToWire(connectStructure, signed)])
}

export function decodeConnect(password: Uint8Array): Signed<Connect> | undefined {
  const wire = decodeCbor(password)
  if (!Array.isArray(wire) || wire.length !== 2 || wire[0] !== WIRE_VERSION) return undefined
  return signedFromWire(connectStructure, wire[1])
}

export type ConnectContext = {
  readonly domain: Domain
  readonly gateway: string
  readonly clientId: string
  readonly username: string
  /** The pinned key of a device or, for the fleet itself, its signer; undefined when unknown. */
  readonly keyOf: (fleet: string, device: string) => PublicKey | undefined
  /** True when this nonce was seen within twice the tolerance. */
  readonly isNonceUsed: (nonce: Uint8Array) => boolean
  readonly nowSeconds: number
}

export type ConnectVerdict =
  | { readonly kind: 'accepted' | 'stale_clock'; readonly connect: Connect }
  | { readonly kind: 'refused'; readonly reason: ConnectReason }

/** Judges a login before any session is taken over. The order of checks is API. */
export function checkConnect(
  context: ConnectContext,
  password: Uint8Array,
  verify: Verify,
): ConnectVerdict {
  const signed = decodeConnect(password)
  if (!signed) return refused('malformed')
  const connect = signed.value
  const name = clientIdOf(connect.fleet, connect.device)
  if (context.clientId !== name || context.username !== name) return refused('bad_client_id')
  if (connect.gateway !== context.gateway) return refused('wrong_gateway')
  const key = context.keyOf(connect.fleet, connect.device)
  if (!key) return refused('unknown_device')
  const digest = digestOf(context.domain, connectStructure, connect)
  if (!verify(key, digest, signed.signature)) return refused('bad_signature')
  const offSeconds = Math.abs(connect.issuedAt - context.nowSeconds)
  if (offSeconds > CLOCK_TOLERANCE_SECONDS) return { kind: 'stale_clock', connect }
  if (context.isNonceUsed(connect.nonce)) return refused('nonce_reused')
  return { kind: 'accepted', connect }
}

function refused(reason: ConnectReason): ConnectVerdict {
  return { kind: 'refused', reason }
}
