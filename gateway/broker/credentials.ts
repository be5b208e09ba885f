/**
 * Static credentials of people's tools: a name, a fleet, rights, and a password that is never kept.
 * Storing the records is up to the caller.
 * @module
 */
import type { Random } from '../../ports/index.ts'
import type { Identity, Right } from '../../protocol/access.ts'
import { bytesToHex, parseHex, utf8ToBytes } from '../../protocol/bytes.ts'
import { isId } from '../../protocol/ids.ts'

/** Cost parameters of scrypt (RFC 7914): memory is 128 * N * r bytes. */
export type ScryptCost = { readonly N: number; readonly r: number; readonly p: number }

/** 16 MiB and some 50 ms on a small computer; the passwords made here are random anyway. */
export const defaultCost: ScryptCost = { N: 16_384, r: 8, p: 1 }

/** Derives `SCRYPT_BYTES` bytes from a password; undefined when too many are being derived. */
export type Derive = (
  password: Uint8Array,
  salt: Uint8Array,
  cost: ScryptCost,
) => Promise<Uint8Array | undefined>

export const SCRYPT_BYTES = 32
const SALT_BYTES = 16
/** 144 bits: nobody guesses it, so its hash needs no secrecy either. */
const PASSWORD_BYTES = 18
const PASSWORD_BYTES_MAX = 128

export type Credential = {
  readonly fleet: string
  readonly name: string
  readonly rights: readonly Right[]
  /** Hex. */
  readonly salt: string
  /** Hex. */
  readonly hash: string
  readonly cost: ScryptCost
  readonly createdSeconds: number
  readonly lastUsedSeconds?: number
  readonly revokedSeconds?: number
  /** Of an operator: the secret of his one-time codes in base32, and the last step he showed. */
  readonly secondFactor?: { readonly secret: string; readonly usedStep: number }
}

export type CredentialVerdict =
  | { readonly kind: 'accepted'; readonly identity: Identity; readonly credential: Credential }
  | { readonly kind: 'refused'; readonly reason: 'bad_credential' | 'unavailable' }

/** MQTT user name of a tool: `name@fleet`. No device is called so. */
export function credentialUsername(fleet: string, name: string): string {
  return `${name}@${fleet}`
}

export function parseCredentialUsername(
  text: string,
): { readonly fleet: string; readonly name: string } | undefined {
  const [name = '', fleet = '', ...rest] = text.split('@')
  return rest.length === 0 && isId(name) && isId(fleet) ? { fleet, name } : undefined
}

/** A new credential and its password, which is shown once and not kept. */
export async function createCredential(
  ports: { readonly random: Random; readonly derive: Derive },
  wanted: Pick<Credential, 'fleet' | 'name' | 'rights'>,
  nowSeconds: number,
): Promise<{ readonly credential: Credential; readonly password: string }> {
  const { fleet, name, rights } = wanted
  if (!isId(fleet) || !isId(name)) throw new RangeError('a credential has a fleet and a name')
  const password = base64Url(ports.random.bytes(PASSWORD_BYTES))
  const salt = ports.random.bytes(SALT_BYTES)
  const hash = await ports.derive(utf8ToBytes(password), salt, defaultCost)
  if (hash === undefined) throw new Error('too many passwords are being checked, try again')
  const credential: Credential = {
    fleet,
    name,
    rights,
    salt: bytesToHex(salt),
    hash: bytesToHex(hash),
    cost: defaultCost,
    createdSeconds: nowSeconds,
  }
  return { credential, password }
}

/**
 * Checks a login. An unknown or revoked name costs as much time as a wrong password, so that names
 * cannot be told apart. The accepted credential carries its new `lastUsedSeconds` to be stored.
 */
export async function verifyCredential(
  derive: Derive,
  find: (fleet: string, name: string) => Credential | undefined,
  login: { readonly username: string; readonly password: Uint8Array },
  nowSeconds: number,
): Promise<CredentialVerdict> {
  const who = parseCredentialUsername(login.username)
  if (!who || login.password.length > PASSWORD_BYTES_MAX) return refused('bad_credential')
  const found = find(who.fleet, who.name)
  const known = found?.revokedSeconds === undefined ? found : undefined
  const salt = parseHex(known?.salt ?? '') ?? new Uint8Array(0)
  const hash = await derive(login.password, salt, known?.cost ?? defaultCost)
  if (hash === undefined) return refused('unavailable')
  const wanted = parseHex(known?.hash ?? '') ?? new Uint8Array(0)
  if (!known || !isSameSecret(hash, wanted)) return refused('bad_credential')
  const { fleet, name, rights } = known
  return {
    kind: 'accepted',
    identity: { kind: 'reader', fleet, name, rights },
    credential: { ...known, lastUsedSeconds: nowSeconds },
  }
}

function refused(reason: 'bad_credential' | 'unavailable'): CredentialVerdict {
  return { kind: 'refused', reason }
}

/** Takes the same time wherever the difference is. */
function isSameSecret(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length || a.length === 0) return false
  let difference = 0
  for (const [index, byte] of a.entries()) difference |= byte ^ (b[index] ?? 0)
  return difference === 0
}

const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'

/** Base64url (RFC 4648 section 5) of a multiple of three bytes. */
function base64Url(bytes: Uint8Array): string {
  let text = ''
  for (let at = 0; at < bytes.length; at += 3) {
    const group = ((bytes[at] ?? 0) << 16) | ((bytes[at + 1] ?? 0) << 8) | (bytes[at + 2] ?? 0)
    for (const shift of [18, 12, 6, 0]) text += alphabet[(group >> shift) & 63]
  }
  return text
}
