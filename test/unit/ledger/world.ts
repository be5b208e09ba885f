/**
 * A small world to claim in: a ledger in memory, a fleet, and devices that sign and tick.
 * @module
 */
import { openEmbeddedLedger } from '../../../ledger/embedded/embeddedLedger.ts'
import { fastSha256, fastVerify } from '../../../ledger/io/fastVerify.ts'
import type {
  AllocationState,
  Claim,
  ClaimLeaf,
  StatementSubmission,
} from '../../../ledger/ledger.ts'
import { bigEndian } from '../../../protocol/bytes.ts'
import type { Chain } from '../../../protocol/chain.ts'
import { buildChain } from '../../../protocol/chain.ts'
import type { Algorithm, PrivateKey } from '../../../protocol/keys.ts'
import { algorithmByte, privateKeyFrom, publicKeyOf, signDigest } from '../../../protocol/keys.ts'
import type { StatementLeaf } from '../../../protocol/merkle.ts'
import { merkleTree, STATEMENT_DEPTH, statementLeaf } from '../../../protocol/merkle.ts'
import type {
  Channel,
  Commitment,
  Mandate,
  Signed,
  Statement,
} from '../../../protocol/structures.ts'
import {
  CHECKPOINT,
  channelStructure,
  commitmentStructure,
  digestOf,
  mandateStructure,
  statementStructure,
} from '../../../protocol/structures.ts'
import type { Domain } from '../../../protocol/typedData.ts'
import { memoryKeyValue } from '../../support/memoryKeyValue.ts'
import { virtualTime } from '../../support/virtualTime.ts'

export const START_SECONDS = 1_800_000_000
export const DAY_SECONDS = 24 * 3_600

/** Different 32 bytes for every number. */
export const seedOf = (number: number) => bigEndian(BigInt(number + 1), 32)

export function keyOf(number: number, algorithm: Algorithm = 'p256'): PrivateKey {
  const key = privateKeyFrom(algorithm, seedOf(number))
  if (!key) throw new Error('no such key')
  return key
}

export const signer = keyOf(900)
export const gatewayKey = keyOf(901)
export const payee = new Uint8Array(20).fill(7)
export const asset = { code: 'EUR', scale: 6 } as const

/** Ledger ids come one after the other, so that two ledgers never share one. */
let ledgersMade = 0

export function ledgerWorld(store = memoryKeyValue(), time = virtualTime(START_SECONDS * 1_000)) {
  const open = () =>
    openEmbeddedLedger({
      store,
      clock: time.clock,
      timers: { soon: (run) => queueMicrotask(run) },
      random: { bytes: () => seedOf(5_000 + ledgersMade++) },
      verify: fastVerify,
      sha256: fastSha256,
      place: '/data/ledger',
    })
  return { store, time, open }
}

export const allocationTerms = {
  fleet: 'acme',
  gateway: 'gate-1',
  payee,
  asset,
  feeBasisPoints: 100,
  signerKey: publicKeyOf(signer),
  gatewayKey: publicKeyOf(gatewayKey),
}

/** One device's channel under an allocation, with everything that a claim is made of. */
export type Device = {
  readonly channel: Channel
  readonly channelId: Uint8Array
  readonly mandate: Signed<Mandate>
  readonly sign: (commitment: Commitment) => Signed<Commitment>
  readonly signMandate: (changes: Partial<Mandate>, key?: PrivateKey) => Signed<Mandate>
  /** Opens an epoch of 100 ticks at 10 each, unless said otherwise. */
  readonly commit: (changes?: Partial<Commitment>) => Epoch
}

export type Epoch = {
  readonly commitment: Signed<Commitment>
  readonly chain: Chain
  readonly claim: (index: number, changes?: Partial<Claim>) => Claim
}

export function deviceOf(
  domain: Domain,
  allocation: Pick<
    AllocationState,
    'id' | 'payee' | 'feeBasisPoints' | 'fleet' | 'gateway' | 'asset'
  >,
  number: number,
  changes: Partial<Channel> = {},
  algorithm: Algorithm = 'p256',
): Device {
  const key = keyOf(number, algorithm)
  const channel: Channel = {
    payerAlgorithm: algorithmByte(algorithm),
    payerKey: publicKeyOf(key).bytes,
    payee: allocation.payee,
    feeBasisPoints: allocation.feeBasisPoints,
    fleet: allocation.fleet,
    gateway: allocation.gateway,
    assetCode: allocation.asset.code,
    assetScale: allocation.asset.scale,
    meter: `meter-${number}`,
    allocation: allocation.id,
    position: number,
    salt: seedOf(number),
    ...changes,
  }
  const channelId = digestOf(domain, channelStructure, channel)
  const sign = (value: Commitment) => ({
    value,
    signature: signDigest(key, digestOf(domain, commitmentStructure, value)),
  })
  const signMandate = (changed: Partial<Mandate>, signerKey = signer) => {
    const value = { ...mandateTerms(channelId), ...changed }
    const signature = signDigest(signerKey, digestOf(domain, mandateStructure, value))
    return { value, signature }
  }
  const mandate = signMandate({})
  const commit = (changed: Partial<Commitment> = {}): Epoch => {
    const terms = { ...commitmentTerms(channelId), ...changed }
    const chain = buildChain(seedOf(number), terms)
    const commitment = sign({ ...terms, root: changed.root ?? chain.root })
    const claim = (index: number, altered: Partial<Claim> = {}): Claim => ({
      channel,
      mandate,
      commitment,
      index,
      word: chain.wordAt(Math.min(index, chain.length)),
      ...altered,
    })
    return { commitment, chain, claim }
  }
  return { channel, channelId, mandate, sign, signMandate, commit }
}

function mandateTerms(channelId: Uint8Array): Mandate {
  return {
    channelId,
    sequence: 1,
    limit: 1_000_000n,
    limitPerDay: 1_000_000n,
    notBefore: START_SECONDS,
    expiry: START_SECONDS + DAY_SECONDS,
    claimUntil: START_SECONDS + 8 * DAY_SECONDS,
  }
}

function commitmentTerms(channelId: Uint8Array): Commitment {
  return {
    kind: CHECKPOINT,
    channelId,
    epoch: 1,
    base: 0n,
    root: seedOf(0),
    length: 100,
    unitsPerTick: 5n,
    pricePerTick: 10n,
    startReading: 0n,
    tariffHash: seedOf(0),
    issuedAt: START_SECONDS,
    expiry: START_SECONDS + DAY_SECONDS,
  }
}

/** A statement of these leaves, signed by both sides. */
export function statementOf(
  domain: Domain,
  allocation: Uint8Array,
  leaves: readonly StatementLeaf[],
  changes: Partial<Statement> = {},
): StatementSubmission {
  const statement: Statement = {
    allocation,
    sequence: 1,
    total: leaves.reduce((sum, { amount }) => sum + amount, 0n),
    evidencePaid: 0n,
    positions: leaves.reduce((most, { position }) => Math.max(most, position + 1), 0),
    root: treeOf(leaves).root,
    issuedAt: START_SECONDS,
    expiry: START_SECONDS + DAY_SECONDS,
    ...changes,
  }
  const digest = digestOf(domain, statementStructure, statement)
  return {
    statement,
    gatewaySignature: signDigest(gatewayKey, digest),
    fleetSignature: signDigest(signer, digest),
  }
}

const treeOf = (leaves: readonly StatementLeaf[]) =>
  merkleTree(new Map(leaves.map((one) => [one.position, statementLeaf(one)])), STATEMENT_DEPTH)

/** What a claim shows of a statement of these leaves. */
export function leafOf(leaves: readonly StatementLeaf[], position: number): ClaimLeaf {
  const path = treeOf(leaves).path(position)
  const found = leaves.find((one) => one.position === position)
  if (!found) return { amount: 0n, channelId: 'empty', path }
  return { amount: found.amount, channelId: found.channelId, path }
}

/** A ledger with one funded allocation. */
export async function fundedWorld(amount = 1_000_000n) {
  const world = ledgerWorld()
  const ledger = await world.open()
  const opened = await ledger.openAllocation(allocationTerms)
  const allocation = await ledger.fund(opened.id, amount, 'deposit-1')
  const device = (number: number, changes: Partial<Channel> = {}) =>
    deviceOf(ledger.domain, allocation, number, changes)
  return { ...world, ledger, allocation, device }
}
