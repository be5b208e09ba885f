/**
 * How the fleet's own service signs in: a Connect token of the signer key for the device `_`.
 * @module
 */

import type { ConnectOptions } from '../ports/index.ts'
import { equalBytes } from '../protocol/bytes.ts'
import { clientIdOf, encodeConnect } from '../protocol/connect.ts'
import { FLEET_ITSELF } from '../protocol/ids.ts'
import { type PublicKey, verifyDigest } from '../protocol/keys.ts'
import { decodeTime } from '../protocol/messages.ts'
import { connectStructure, digestOf, timeStructure } from '../protocol/structures.ts'
import type { Domain } from '../protocol/typedData.ts'
import { type FleetSigner, publicKeyFor, signFor } from './signer.ts'

/** Who signs in where. */
export type FleetIdentity<Signer extends FleetSigner = FleetSigner> = {
  readonly fleet: string
  readonly signerKey: Signer
  readonly gateway: { readonly id: string; readonly key: PublicKey }
  /** The ledger that every signature is bound to. */
  readonly domain: Domain
}

const keepaliveSeconds = 30

/** Options of one connection. `nonce` is 32 random bytes, never used again. */
export async function loginOptions(
  identity: FleetIdentity,
  nowSeconds: number,
  nonce: Uint8Array,
): Promise<ConnectOptions> {
  const { fleet, gateway, domain, signerKey } = identity
  const value = { gateway: gateway.id, fleet, device: FLEET_ITSELF, issuedAt: nowSeconds, nonce }
  const signature = await signFor(signerKey, digestOf(domain, connectStructure, value))
  const clientId = clientIdOf(fleet, FLEET_ITSELF)
  const password = encodeConnect({ value, signature })
  return { clientId, username: clientId, password, keepaliveSeconds }
}

/** The gateway's time in seconds, when it signed it for this very login. */
export function readSignedTime(
  identity: FleetIdentity,
  nonce: Uint8Array,
  payload: Uint8Array,
): number | undefined {
  const signed = decodeTime(payload)
  if (signed === undefined || signed.value.gateway !== identity.gateway.id) return undefined
  if (!equalBytes(signed.value.nonce, nonce)) return undefined
  const digest = digestOf(identity.domain, timeStructure, signed.value)
  return verifyDigest(identity.gateway.key, digest, signed.signature)
    ? signed.value.time
    : undefined
}

/** The key that the gateway checks logins and mandates of this fleet with. */
export function signerPublicKey(identity: FleetIdentity): PublicKey {
  return publicKeyFor(identity.signerKey)
}
