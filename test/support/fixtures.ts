/**
 * One small world for protocol tests and vectors: a ledger, a gateway, a fleet, a device with one
 * channel. Everything is fixed, nothing is random.
 * @module
 */
import { utf8ToBytes } from '../../protocol/bytes.ts'
import type { Chain, Terms } from '../../protocol/chain.ts'
import { bindOf, buildChain } from '../../protocol/chain.ts'
import { amountAt, readingAt } from '../../protocol/channel.ts'
import type { CommitmentContext } from '../../protocol/commitmentRules.ts'
import type { Algorithm, PrivateKey } from '../../protocol/keys.ts'
import { algorithmByte, publicKeyOf, signDigest } from '../../protocol/keys.ts'
import type {
  Allocation,
  Channel,
  Commitment,
  Mandate,
  Signed,
  Tariff,
} from '../../protocol/structures.ts'
import {
  allocationStructure,
  CHECKPOINT,
  channelStructure,
  commitmentStructure,
  digestOf,
  RENEWAL,
  tariffStructure,
} from '../../protocol/structures.ts'
import type { Domain } from '../../protocol/typedData.ts'
import { contractOfLedger } from '../../protocol/typedData.ts'

/** 2026-01-01T00:00:00Z */
export const nowSeconds = 1_767_225_600
const hour = 3_600
const day = 24 * hour

/** `length` bytes that count up from `first`: easy to recognise in a dump. */
export function counting(first: number, length = 32): Uint8Array {
  return Uint8Array.from({ length }, (_, i) => (first + i) & 0xff)
}

export const ledgerId = counting(0x40)
export const domain: Domain = { chainId: 0n, verifyingContract: contractOfLedger(ledgerId) }
export const otherDomain: Domain = { chainId: 11_155_111n, verifyingContract: counting(1, 20) }

export function keyNamed(algorithm: Algorithm, first: number): PrivateKey {
  return { algorithm, bytes: counting(first) }
}

export const deviceKey = keyNamed('p256', 0x01)
export const gatewayKey = keyNamed('p256', 0x21)
export const signerKey = keyNamed('ed25519', 0x81)
export const rootSecret = counting(0xa0)

export const gateway = 'gateway-1'
export const fleet = 'harbour'
export const device = 'charger-7'
export const payee = counting(0x60, 20)

/** A structure with the signature over its digest. */
export function signed<T>(key: PrivateKey, value: T, digest: Uint8Array): Signed<T> {
  return { value, signature: signDigest(key, digest) }
}

export const allocation: Allocation = { fleet, gateway, payee, assetCode: 'EUR', assetScale: 6 }

/** A channel that pays with `key`. */
export function channelOf(key: PrivateKey, position = 3): Channel {
  return {
    payerAlgorithm: algorithmByte(key.algorithm),
    payerKey: publicKeyOf(key).bytes,
    payee,
    feeBasisPoints: 150,
    fleet,
    gateway,
    assetCode: 'EUR',
    assetScale: 6,
    meter: 'energy',
    allocation: digestOf(domain, allocationStructure, allocation),
    position,
    salt: counting(0xd0),
  }
}

export const channel = channelOf(deviceKey)
export const channelId = digestOf(domain, channelStructure, channel)

export const tariff: Tariff = {
  gateway,
  payee,
  unit: 'Wh',
  unitsPerTick: 10n,
  pricePerTick: 2_500n,
  assetCode: 'EUR',
  assetScale: 6,
  creditTicks: 16,
  validFrom: nowSeconds - 10 * day,
  validUntil: nowSeconds + 10 * day,
}

export const mandate: Mandate = {
  channelId,
  sequence: 4,
  limit: 1_000_000_000n,
  limitPerDay: 50_000_000n,
  notBefore: nowSeconds - hour,
  expiry: nowSeconds + day,
  claimUntil: nowSeconds + 8 * day,
}

/** Epoch 1 of the channel, 2,000 ticks; `changes` alter single terms. */
export function termsOf(changes: Partial<Terms> = {}): Terms {
  return {
    kind: CHECKPOINT,
    channelId,
    epoch: 1,
    base: 0n,
    length: 2_000,
    unitsPerTick: tariff.unitsPerTick,
    pricePerTick: tariff.pricePerTick,
    startReading: 123_450n,
    tariffHash: digestOf(domain, tariffStructure, tariff),
    issuedAt: nowSeconds,
    expiry: nowSeconds + day,
    ...changes,
  }
}

/** The chain of some terms and the commitment that names its root. */
export type Opened = {
  readonly chain: Chain
  readonly commitment: Commitment
  readonly bind: Uint8Array
}

export function openEpoch(changes: Partial<Terms> = {}): Opened {
  const terms = termsOf(changes)
  const chain = buildChain(rootSecret, terms)
  return { chain, commitment: { ...terms, root: chain.root }, bind: bindOf(terms) }
}

/** The renewal that follows `running`. */
export function renewalTerms(running: Commitment): Partial<Terms> {
  return {
    kind: RENEWAL,
    epoch: running.epoch + 1,
    base: amountAt(running, running.length),
    startReading: readingAt(running, running.length),
  }
}

/** The checkpoint that pays `gapTicks` beyond `index` of `held`. */
export function checkpointTerms(held: Commitment, index: number, gapTicks: number): Partial<Terms> {
  return {
    kind: CHECKPOINT,
    epoch: held.epoch + 1,
    base: amountAt(held, index + gapTicks),
    startReading: readingAt(held, index + gapTicks),
  }
}

export function signCommitment(value: Commitment, key = deviceKey): Signed<Commitment> {
  return signed(key, value, digestOf(domain, commitmentStructure, value))
}

const firstCommitment = openEpoch().commitment

/** A channel at index 100 of epoch 1, with everything in order. */
export function commitmentContext(changes: Partial<CommitmentContext> = {}): CommitmentContext {
  return {
    domain,
    channelId,
    payerKey: publicKeyOf(deviceKey),
    closed: false,
    held: { commitment: firstCommitment, index: 100 },
    pending: undefined,
    mandate,
    tariff,
    maxLength: 65_536,
    free: 100_000_000n,
    nowSeconds,
    ...changes,
  }
}

export const life = utf8ToBytes('life of a store!')
export const mark = { life, position: 7_340, seal: counting(0xe0, 16) }
