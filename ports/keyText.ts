/**
 * Public keys as people read and write them: `p256:<hex>`, `ed25519:<hex>`, `secp256k1:<hex>`.
 * @module
 */
import { bytesToHex, parseHex } from '../protocol/bytes.ts'
import type { PublicKey } from '../protocol/keys.ts'
import { algorithms, isSoundPublicKey } from '../protocol/keys.ts'

/** `algorithm:hex`, the hex being x||y (64 bytes) or the 32-byte Ed25519 key, in lower case. */
export function formatPublicKey(key: PublicKey): string {
  return `${key.algorithm}:${bytesToHex(key.bytes)}`
}

/** Reads and vets a key; undefined for an unknown algorithm, a wrong length or a weak point. */
export function parseKeyText(text: string): PublicKey | undefined {
  const [name, hex, ...rest] = text.trim().split(':')
  const algorithm = algorithms.find((one) => one === name)
  const bytes = hex === undefined || rest.length > 0 ? undefined : parseHex(hex)
  if (!algorithm || !bytes) return undefined
  const key = { algorithm, bytes }
  return isSoundPublicKey(key) ? key : undefined
}
