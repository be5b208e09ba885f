/**
 * The fleet manager: owns the deposits and signs the mandates, and remembers what it has allowed.
 * @module
 */
import type { Ports } from '../../ports/index.ts'
import { formatPublicKey } from '../../ports/keyText.ts'
import { present } from '../../protocol/assert.ts'
import { bytesToHex, parseHex } from '../../protocol/bytes.ts'
import { encodeCbor } from '../../protocol/cbor.ts'
import { type PrivateKey, publicKeyOf, signDigest } from '../../protocol/keys.ts'
import { CLAIM_WINDOW_SECONDS } from '../../protocol/limits.ts'
import type { Mandate, Signed } from '../../protocol/structures.ts'
import { digestOf, mandateStructure, signedToWire } from '../../protocol/structures.ts'
import type { Domain } from '../../protocol/typedData.ts'
import { testKey } from '../support/virtualGateway.ts'
import type { GatewayActor } from './gatewayActor.ts'

export const fleetName = 'acme'
export const signerKey = testKey('ed25519', 12)

export type Fleet = {
  /** Opens and funds the allocation at one gateway. */
  readonly enrol: (gateway: GatewayActor, deposit: bigint) => Promise<void>
  readonly enrolDevice: (
    gateway: GatewayActor,
    device: string,
    key: PrivateKey,
    meters: readonly { readonly name: string; readonly unit: string }[],
    change?: Partial<Mandate>,
  ) => Promise<void>
  /** Signs and hands over a mandate for each channel. */
  /** The device has another key, or another meter, from now on: new channels. */
  readonly replace: (
    gateway: GatewayActor,
    device: string,
    change: { readonly key?: PrivateKey; readonly meter?: string },
  ) => Promise<void>
  readonly allow: (
    gateway: GatewayActor,
    channelIds: readonly string[],
    change?: Partial<Mandate>,
  ) => Promise<void>
  readonly fund: (gateway: GatewayActor, amount: bigint) => Promise<void>
  /** The highest limit ever signed, by channel id in hex. */
  readonly allowed: ReadonlyMap<string, bigint>
  /** Everything that was signed for a channel, by its id in hex. */
  readonly mandatesOf: (channelId: string) => readonly Signed<Mandate>[]
  /** Money from outside, whatever became of it. */
  readonly given: () => bigint
}

type Enrolment = { readonly channels: readonly { readonly channelId: string }[] }

const usualLimit = 1_000_000n

export function fleetManager(ports: Ports, domain: Domain): Fleet {
  const allowed = new Map<string, bigint>()
  const signed = new Map<string, Signed<Mandate>[]>()
  let sequence = 0
  let references = 0
  let given = 0n
  const allow: Fleet['allow'] = async (gateway, channelIds, change = {}) => {
    sequence += 1
    const now = Math.floor(ports.clock.nowMs() / 1_000)
    const mandates = channelIds.map((id) => {
      const expiry = change.expiry ?? now + 86_400
      const value: Mandate = {
        channelId: present(parseHex(id), 'a channel id in hex'),
        sequence,
        limit: usualLimit,
        limitPerDay: usualLimit,
        notBefore: now - 3_600,
        expiry,
        claimUntil: expiry + CLAIM_WINDOW_SECONDS,
        ...change,
      }
      if (value.limit > (allowed.get(id) ?? 0n)) allowed.set(id, value.limit)
      const signature = signDigest(signerKey, digestOf(domain, mandateStructure, value))
      signed.set(id, [...(signed.get(id) ?? []), { value, signature }])
      return bytesToHex(encodeCbor(signedToWire(mandateStructure, { value, signature })))
    })
    await gateway.call('mandate_put', { mandates })
  }
  const fund: Fleet['fund'] = async (gateway, amount) => {
    references += 1
    given += amount
    const reference = `fund-${references}`
    await gateway.call('ledger_fund', { fleet: fleetName, amount: `${amount}`, reference })
  }
  return {
    enrol: async (gateway, deposit) => {
      const key = formatPublicKey(publicKeyOf(signerKey))
      await gateway.call('enrol_fleet', { fleet: fleetName, signerKey: key })
      await fund(gateway, deposit)
    },
    enrolDevice: async (gateway, device, key, meters, change) => {
      const answer = await gateway.call('enrol_device', {
        fleet: fleetName,
        device,
        publicKey: formatPublicKey(publicKeyOf(key)),
        meters: meters.map(({ name, unit }) => ({ meter: name, unit })),
      })
      await allow(gateway, channelsIn(answer), change)
    },
    replace: async (gateway, device, { key, meter }) => {
      const answer = await gateway.call('device_replace', {
        fleet: fleetName,
        device,
        ...(key && { publicKey: formatPublicKey(publicKeyOf(key)) }),
        ...(meter !== undefined && { meter }),
      })
      await allow(gateway, channelsIn(answer))
    },
    allow,
    fund,
    allowed,
    mandatesOf: (id) => signed.get(id) ?? [],
    given: () => given,
  }
}

function channelsIn(answer: unknown): readonly string[] {
  const { channels } = answer as Enrolment
  return channels.map(({ channelId }) => channelId)
}
