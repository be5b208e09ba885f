/**
 * A device's step to a new key: a Rotate that the old key has signed and the new one too, which
 * proves that somebody has it.
 * @module
 */
import { decodeCbor, encodeCbor } from './cbor.ts'
import type { PublicKey, Verify } from './keys.ts'
import { parsePublicKey, SIGNATURE_BYTES } from './keys.ts'
import { CLOCK_TOLERANCE_SECONDS, WIRE_VERSION } from './limits.ts'
import type { Rotate, Signed } from './structures.ts'
import { digestOf, rotateStructure, signedFromWire, signedToWire } from './structures.ts'
import type { Domain } from './typedData.ts'

/** `signature` is of the old key, `possession` of the new one, over the same digest. */
export type Rotation = Signed<Rotate> & { readonly possession: Uint8Array }

/** A rotation is sent at once: one that lies around is worth nothing. */
export const ROTATION_SECONDS_MAX = 600

/** `[version, [[fields], signature], possession]`. */
export function encodeRotation(rotation: Rotation): Uint8Array {
  return encodeCbor([WIRE_VERSION, signedToWire(rotateStructure, rotation), rotation.possession])
}

export function decodeRotation(payload: Uint8Array): Rotation | undefined {
  const wire = decodeCbor(payload)
  if (!Array.isArray(wire) || wire.length !== 3 || wire[0] !== WIRE_VERSION) return undefined
  const signed = signedFromWire(rotateStructure, wire[1])
  const possession = wire[2]
  if (!(possession instanceof Uint8Array) || possession.length !== SIGNATURE_BYTES) return undefined
  return signed && { ...signed, possession }
}

export type RotationContext = {
  readonly domain: Domain
  readonly gateway: string
  readonly fleet: string
  readonly device: string
  /** The key that the device is enrolled with. */
  readonly key: PublicKey
  /** True for every key that any device here has or ever had. */
  readonly wasUsed: (key: PublicKey) => boolean
  readonly nowSeconds: number
}

/** Why a rotation is not carried out, in the order in which it is looked at. */
export type RotationRefusal =
  | 'malformed'
  | 'not_this_device'
  | 'bad_signature'
  | 'bad_time'
  | 'bad_possession'
  | 'key_used'

/**
 * The new key; or why not. A key that was ever used is refused, so that no rotation counts twice:
 * the new key is the nonce that rises durably.
 */
export function checkRotation(
  context: RotationContext,
  payload: Uint8Array,
  verify: Verify,
): PublicKey | RotationRefusal {
  const rotation = decodeRotation(payload)
  const next = rotation && parsePublicKey(keyBytes(rotation.value))
  if (!rotation || !next) return 'malformed'
  const { value } = rotation
  const isMine =
    value.role === 'device' &&
    value.gateway === context.gateway &&
    value.fleet === context.fleet &&
    value.subject === context.device
  if (!isMine) return 'not_this_device'
  const digest = digestOf(context.domain, rotateStructure, value)
  if (!verify(context.key, digest, rotation.signature)) return 'bad_signature'
  if (!isTimely(value, context.nowSeconds)) return 'bad_time'
  if (!verify(next, digest, rotation.possession)) return 'bad_possession'
  return context.wasUsed(next) ? 'key_used' : next
}

function keyBytes({ algorithm, key }: Rotate): Uint8Array {
  return new Uint8Array([algorithm, ...key])
}

function isTimely({ issuedAt, expiry }: Rotate, nowSeconds: number): boolean {
  const lasts = expiry - issuedAt
  return (
    lasts >= 0 &&
    lasts <= ROTATION_SECONDS_MAX &&
    nowSeconds <= expiry &&
    issuedAt <= nowSeconds + CLOCK_TOLERANCE_SECONDS
  )
}
