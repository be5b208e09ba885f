/**
 * Who signs for a fleet: a key that is open in this process, or something that signs elsewhere and
 * takes its time, such as a token behind a command.
 * @module
 */
import type { PrivateKey, PublicKey } from '../protocol/keys.ts'
import { publicKeyOf, signDigest } from '../protocol/keys.ts'

/** Signs a digest of 32 bytes; rejects with a line for the operator when it cannot. */
export type OutsideSigner = {
  readonly publicKey: PublicKey
  readonly sign: (digest: Uint8Array) => Promise<Uint8Array>
}

export type FleetSigner = PrivateKey | OutsideSigner

/** 64 bytes; at once where the key is here. */
export async function signFor(signer: FleetSigner, digest: Uint8Array): Promise<Uint8Array> {
  return 'sign' in signer ? signer.sign(digest) : signDigest(signer, digest)
}

export function publicKeyFor(signer: FleetSigner): PublicKey {
  return 'sign' in signer ? signer.publicKey : publicKeyOf(signer)
}
