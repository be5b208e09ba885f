/**
 * Requests that the fleet's signer signs: what `request/{verb}` carries beside its transaction.
 * @module
 */
import { argumentsHash, commandToHex } from '../protocol/commandRules.ts'
import { signDigest } from '../protocol/keys.ts'
import { commandStructure, digestOf } from '../protocol/structures.ts'
import type { FleetIdentity } from './login.ts'

export type Order = {
  readonly verb: string
  /** `fleet`, or `device:ID`, `group:ID`, `site:ID`: it reaches no further. */
  readonly scope: string
  readonly args: Readonly<Record<string, unknown>>
  /** Higher than that of every Command before; the time in milliseconds serves. */
  readonly nonce: number
  readonly nowSeconds: number
  /** How long it may be used. */
  readonly lifeSeconds: number
}

export type SignedRequest = {
  /** Hex of the CBOR of the signed Command. */
  readonly command: string
  /** The JSON text that it was signed for. */
  readonly arguments: string
}

export function signRequest(identity: FleetIdentity, order: Order): SignedRequest {
  const text = JSON.stringify(order.args)
  const value = {
    gateway: identity.gateway.id,
    fleet: identity.fleet,
    verb: order.verb,
    scope: order.scope,
    argumentsHash: argumentsHash(text),
    nonce: order.nonce,
    issuedAt: order.nowSeconds,
    expiry: order.nowSeconds + order.lifeSeconds,
  }
  const digest = digestOf(identity.domain, commandStructure, value)
  const signature = signDigest(identity.signerKey, digest)
  return { command: commandToHex({ value, signature }), arguments: text }
}
