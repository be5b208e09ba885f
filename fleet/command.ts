/**
 * Requests that the fleet's signer signs: what `request/{verb}` carries beside its transaction.
 * @module
 */
import { argumentsHash, commandToHex } from '../protocol/commandRules.ts'
import type { PrivateKey } from '../protocol/keys.ts'
import { signDigest } from '../protocol/keys.ts'
import { commandStructure, digestOf } from '../protocol/structures.ts'
import type { FleetIdentity } from './login.ts'
import { signFor } from './signer.ts'

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

/** With a key that is here. */
export function signRequest(identity: FleetIdentity<PrivateKey>, order: Order): SignedRequest {
  const { arguments: text, value } = commandFor(identity, order)
  const signature = signDigest(
    identity.signerKey,
    digestOf(identity.domain, commandStructure, value),
  )
  return { command: commandToHex({ value, signature }), arguments: text }
}

/** @throws OperatorError when whoever has the key does not sign */
export async function askForSignature(
  identity: FleetIdentity,
  order: Order,
): Promise<SignedRequest> {
  const { arguments: text, value } = commandFor(identity, order)
  const digest = digestOf(identity.domain, commandStructure, value)
  const signature = await signFor(identity.signerKey, digest)
  return { command: commandToHex({ value, signature }), arguments: text }
}

function commandFor({ gateway, fleet }: FleetIdentity, order: Order) {
  const { args, lifeSeconds, nonce, nowSeconds: issuedAt, scope, verb } = order
  const text = JSON.stringify(args)
  const expiry = issuedAt + lifeSeconds
  const about = { gateway: gateway.id, fleet, verb, scope, argumentsHash: argumentsHash(text) }
  return { arguments: text, value: { ...about, nonce, issuedAt, expiry } }
}
