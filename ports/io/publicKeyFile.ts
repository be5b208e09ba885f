/**
 * Public keys as tools of hardware write them: SubjectPublicKeyInfo (RFC 5280) in PEM or DER.
 * @module
 */
import type { KeyObject } from 'node:crypto'
import { createPublicKey } from 'node:crypto'
import { concatBytes } from '../../protocol/bytes.ts'
import type { Algorithm, PublicKey } from '../../protocol/keys.ts'
import { isSoundPublicKey } from '../../protocol/keys.ts'

/** An Ed25519 or P-256 key has fewer than 200 bytes in PEM. */
const SPKI_BYTES_MAX = 1_024

const algorithmOf: Readonly<Record<string, Algorithm>> = {
  'P-256': 'p256',
  secp256k1: 'secp256k1',
  Ed25519: 'ed25519',
}

/** The key in `bytes`; undefined when there is none of the three algorithms. */
export function publicKeyFromSpki(bytes: Buffer): PublicKey | undefined {
  if (bytes.length > SPKI_BYTES_MAX) return undefined
  const opened = openKey(bytes)
  if (!opened) return undefined
  const { crv = '', x, y } = opened.export({ format: 'jwk' })
  const algorithm = algorithmOf[crv]
  if (algorithm === undefined || x === undefined) return undefined
  const parts = [x, ...(y === undefined ? [] : [y])].map(
    (part) => new Uint8Array(Buffer.from(part, 'base64url')),
  )
  const key = { algorithm, bytes: concatBytes(...parts) }
  return isSoundPublicKey(key) ? key : undefined
}

function openKey(bytes: Buffer): KeyObject | undefined {
  try {
    return bytes.includes('-----BEGIN PUBLIC KEY-----')
      ? createPublicKey(bytes)
      : createPublicKey({ key: bytes, format: 'der', type: 'spki' })
  } catch {
    return undefined
  }
}
