/**
 * How a device logs in: a signed Connect as its MQTT password.
 * @module
 */
import type { ConnectOptions } from '../ports/index.ts'
import { clientIdOf, encodeConnect } from '../protocol/connect.ts'
import { connectStructure, digestOf } from '../protocol/structures.ts'
import type { Domain } from '../protocol/typedData.ts'
import type { Signer } from './epochs.ts'

/** Who logs in where. */
export type DeviceName = {
  readonly fleet: string
  readonly device: string
  readonly gateway: { readonly id: string }
  readonly domain: Domain
  readonly keepaliveSeconds: number
}

/** One login; `nonce` is 32 random bytes, never used again. */
export async function signLogin(
  { fleet, device, gateway, domain, keepaliveSeconds }: DeviceName,
  signer: Signer,
  nowSeconds: number,
  nonce: Uint8Array,
): Promise<ConnectOptions> {
  const value = { gateway: gateway.id, fleet, device, issuedAt: nowSeconds, nonce }
  const signature = await signer.sign(digestOf(domain, connectStructure, value))
  const name = clientIdOf(fleet, device)
  const password = encodeConnect({ value, signature })
  return { clientId: name, username: name, password, keepaliveSeconds }
}
