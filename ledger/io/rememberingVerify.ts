/**
 * A verifier that remembers what it has verified: most signatures in a settlement were verified by
 * the same process when the devices showed them. Only `true` is remembered, under the SHA-256 of
 * algorithm, key, digest and signature; the digest says which domain and structure it is of. What
 * is forgotten is verified again.
 * @module
 */
import type { PublicKey, Verify } from '../../protocol/keys.ts'
import { algorithmByte, SIGNATURE_BYTES } from '../../protocol/keys.ts'
import { VERIFIED_SIGNATURES_MAX } from '../limits.ts'
import { fastSha256 } from './fastSha256.ts'
import { createHashTable } from './hashTable.ts'

const DIGEST_BYTES = 32
const KEY_BYTES_MAX = 64

export type RememberingVerify = {
  /** Answers what the verifier below answers. */
  readonly verify: Verify
  /** True for what was verified and is not forgotten; never works anything out. */
  readonly knows: Verify
  /** Remembers what another verifier of this process has found to be true. */
  readonly remember: (key: PublicKey, digest: Uint8Array, signature: Uint8Array) => void
}

/** Remembers about `signaturesMax` signatures in 36 bytes each. */
export function createRememberingVerify(
  below: Verify,
  signaturesMax: number = VERIFIED_SIGNATURES_MAX,
): RememberingVerify {
  const table = createHashTable(signaturesMax)
  const knows: Verify = (key, digest, signature) => {
    const name = nameOf(key, digest, signature)
    return name !== undefined && table.has(name)
  }
  return {
    knows,
    verify: (key, digest, signature) => {
      const name = nameOf(key, digest, signature)
      if (name !== undefined && table.has(name)) return true
      if (!below(key, digest, signature)) return false
      if (name !== undefined) table.add(name)
      return true
    },
    remember: (key, digest, signature) => {
      const name = nameOf(key, digest, signature)
      if (name !== undefined && !table.has(name)) table.add(name)
    },
  }
}

const scratch = new Uint8Array(1 + DIGEST_BYTES + SIGNATURE_BYTES + KEY_BYTES_MAX)

/** Undefined for what no verifier says yes to. What may differ in length comes last. */
function nameOf(
  { algorithm, bytes }: PublicKey,
  digest: Uint8Array,
  signature: Uint8Array,
): Uint8Array | undefined {
  if (digest.length !== DIGEST_BYTES || signature.length !== SIGNATURE_BYTES) return undefined
  if (bytes.length > KEY_BYTES_MAX) return undefined
  scratch[0] = algorithmByte(algorithm)
  scratch.set(digest, 1)
  scratch.set(signature, 1 + DIGEST_BYTES)
  const fixed = 1 + DIGEST_BYTES + SIGNATURE_BYTES
  scratch.set(bytes, fixed)
  return fastSha256(scratch.subarray(0, fixed + bytes.length))
}
