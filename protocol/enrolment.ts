/**
 * Enrolment by a claim: a device that belongs to nobody yet shows a secret that is good for one
 * serial number, asks with its own key to be enrolled, and is told what the operator decided.
 * @module
 */
import { bytesToHex, parseHex, utf8ToBytes } from './bytes.ts'
import type { WireValue } from './cbor.ts'
import { decodeCbor, encodeCbor } from './cbor.ts'
import { isId } from './ids.ts'
import type { PublicKey } from './keys.ts'
import { encodePublicKey, parsePublicKey } from './keys.ts'
import { WIRE_VERSION } from './limits.ts'
import type { Signed, Value } from './structures.ts'
import { signedFromWire, signedToWire, structure } from './structures.ts'
import type { Domain } from './typedData.ts'

/** Signed with the key that asks to be enrolled, which proves that the device has it. */
export const enrolStructure = structure('Enrol', {
  gateway: 'text',
  fleet: 'text',
  serial: 'text',
  algorithm: 'uint8',
  key: 'bytes',
})
export type Enrol = Value<typeof enrolStructure>

/** What was decided about one key, signed by the gateway. */
export const enrolledStructure = structure('Enrolled', {
  gateway: 'text',
  fleet: 'text',
  serial: 'text',
  algorithm: 'uint8',
  key: 'bytes',
  status: 'text',
  /** Its name from now on; empty unless approved. */
  device: 'text',
  /** Algorithm byte and key of the fleet's signer; empty unless approved. */
  signer: 'bytes',
})
export type Enrolled = Value<typeof enrolledStructure>

/** In the order in which they are looked at; the first three are for good. */
export const enrolStatuses = [
  'malformed',
  'bad_signature',
  'claim_used',
  'expired',
  'pending',
  'approved',
  'refused',
] as const
export type EnrolStatus = (typeof enrolStatuses)[number]

/** What a person gives a device: enough to find nobody but this gateway and be nobody else. */
export type ClaimToken = {
  readonly fleet: string
  readonly serial: string
  /** The MQTT password. */
  readonly secret: string
  readonly gateway: string
  readonly gatewayKey: PublicKey
  readonly domain: Domain
}

const SECRET_BYTES_MAX = 64
const USERNAME_PREFIX = 'enrol:'
const TOKEN_PREFIX = 'tickpay-claim-1-'
const TOKEN_CHARS_MAX = 1_024

/** MQTT user name of a device that claims: `enrol:serial@fleet`. Nobody else is called so. */
export function claimUsername(fleet: string, serial: string): string {
  return `${USERNAME_PREFIX}${serial}@${fleet}`
}

export function parseClaimUsername(
  text: string,
): { readonly fleet: string; readonly serial: string } | undefined {
  if (!text.startsWith(USERNAME_PREFIX)) return undefined
  const [serial = '', fleet = '', ...rest] = text.slice(USERNAME_PREFIX.length).split('@')
  return rest.length === 0 && isId(serial) && isId(fleet) ? { fleet, serial } : undefined
}

/** One line of text: a prefix and CBOR in hex. */
export function formatClaimToken(token: ClaimToken): string {
  const { fleet, serial, secret, gateway, gatewayKey, domain } = token
  const { chainId, verifyingContract } = domain
  const key = encodePublicKey(gatewayKey)
  const fields = [fleet, serial, secret, gateway, key, chainId, verifyingContract]
  return `${TOKEN_PREFIX}${bytesToHex(encodeCbor(fields))}`
}

/** Reads a token; undefined for anything else. */
export function parseClaimToken(text: string): ClaimToken | undefined {
  const trimmed = text.trim()
  if (!trimmed.startsWith(TOKEN_PREFIX) || trimmed.length > TOKEN_CHARS_MAX) return undefined
  const bytes = parseHex(trimmed.slice(TOKEN_PREFIX.length))
  const wire = bytes && decodeCbor(bytes)
  return Array.isArray(wire) && wire.length === 7 ? readToken(wire) : undefined
}

function readToken(wire: readonly WireValue[]): ClaimToken | undefined {
  const [fleet, serial, secret, gateway, key, chain, contract] = wire
  const chainId = typeof chain === 'number' ? BigInt(chain) : chain
  if (typeof fleet !== 'string' || typeof serial !== 'string' || typeof gateway !== 'string') {
    return undefined
  }
  if (![fleet, serial, gateway].every(isId) || typeof chainId !== 'bigint') return undefined
  if (typeof secret !== 'string' || utf8ToBytes(secret).length > SECRET_BYTES_MAX) return undefined
  if (!(contract instanceof Uint8Array) || contract.length !== 20) return undefined
  const gatewayKey = key instanceof Uint8Array ? parsePublicKey(key) : undefined
  if (!gatewayKey) return undefined
  return {
    fleet,
    serial,
    secret,
    gateway,
    gatewayKey,
    domain: { chainId, verifyingContract: contract },
  }
}

/** The payload of `enrol`: `[version, [[fields], signature]]`. */
export function encodeEnrol(signed: Signed<Enrol>): Uint8Array {
  return encodeCbor([WIRE_VERSION, signedToWire(enrolStructure, signed)])
}

export function decodeEnrol(payload: Uint8Array): Signed<Enrol> | undefined {
  const wire = versioned(payload)
  return wire === undefined ? undefined : signedFromWire(enrolStructure, wire)
}

/** The payload of `enrolled`. */
export function encodeEnrolled(signed: Signed<Enrolled>): Uint8Array {
  return encodeCbor([WIRE_VERSION, signedToWire(enrolledStructure, signed)])
}

export function decodeEnrolled(payload: Uint8Array): Signed<Enrolled> | undefined {
  const wire = versioned(payload)
  return wire === undefined ? undefined : signedFromWire(enrolledStructure, wire)
}

/** The key in a request or an answer; undefined when it is not sound. */
export function keyIn(about: Pick<Enrol, 'algorithm' | 'key'>): PublicKey | undefined {
  return parsePublicKey(new Uint8Array([about.algorithm, ...about.key]))
}

function versioned(payload: Uint8Array): WireValue | undefined {
  const wire = decodeCbor(payload)
  if (!Array.isArray(wire) || wire.length !== 2 || wire[0] !== WIRE_VERSION) return undefined
  return wire[1]
}
