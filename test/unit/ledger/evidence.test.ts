/** Disputes about one channel, decided from bundles alone. */
import { describe, expect, test } from 'vitest'
import { fastSha256, fastVerify } from '../../../ledger/io/fastVerify.ts'
import type { EvidenceBundle, StatedLeaf } from '../../../ledger/rules/evidenceBundle.ts'
import { formatEvidence, parseEvidence } from '../../../ledger/rules/evidenceBundle.ts'
import type { PinnedKeys, Verdict } from '../../../ledger/rules/evidenceRules.ts'
import { judgeEvidence } from '../../../ledger/rules/evidenceRules.ts'
import { buildChain } from '../../../protocol/chain.ts'
import { publicKeyOf } from '../../../protocol/keys.ts'
import {
  merkleTree,
  receiptLeaf,
  STATEMENT_DEPTH,
  statementLeaf,
} from '../../../protocol/merkle.ts'
import type { ReceiptProof } from '../../../protocol/receipts.ts'
import type { Commitment } from '../../../protocol/structures.ts'
import {
  CHECKPOINT,
  digestOf,
  mandateStructure,
  receiptRootStructure,
  statementStructure,
  tariffStructure,
} from '../../../protocol/structures.ts'
import * as fixtures from '../../support/fixtures.ts'

const { channel, channelId, counting, domain, gatewayKey, nowSeconds, signed, tariff } = fixtures
const tools = { verify: fastVerify, sha256: fastSha256 }
const unpinned: PinnedKeys = { gatewayKey: undefined, signerKey: undefined }
const price = tariff.pricePerTick

function opened(change: Partial<Commitment> = {}) {
  const terms = {
    kind: CHECKPOINT,
    channelId,
    epoch: 1,
    base: 0n,
    length: 100,
    unitsPerTick: tariff.unitsPerTick,
    pricePerTick: price,
    startReading: 1_000n,
    tariffHash: digestOf(domain, tariffStructure, tariff),
    issuedAt: nowSeconds,
    expiry: nowSeconds + 3_600,
    ...change,
  }
  const chain = buildChain(fixtures.rootSecret, terms)
  return { commitment: fixtures.signCommitment({ ...terms, root: chain.root }), chain }
}

const first = opened()

function receiptOf(ticks: number, change: { position?: number; previous?: Uint8Array } = {}) {
  const { position = 100 + ticks, previous = counting(ticks) } = change
  const receipt = {
    channelId,
    epoch: 1,
    index: ticks,
    amount: BigInt(ticks) * price,
    units: BigInt(ticks) * tariff.unitsPerTick,
    register: 1_000n + BigInt(ticks) * tariff.unitsPerTick,
    tariffHash: digestOf(domain, tariffStructure, tariff),
    position,
  }
  const tree = merkleTree(new Map([[1, receiptLeaf(receipt)]]), 1)
  const value = {
    gateway: fixtures.gateway,
    life: counting(5, 16),
    previous,
    position,
    root: tree.root,
    channels: 2,
    issuedAt: nowSeconds + position,
  }
  const root = signed(gatewayKey, value, digestOf(domain, receiptRootStructure, value))
  return { receipt, place: 1, path: tree.path(1), root } satisfies ReceiptProof
}

function statementOf(ticks: number, sequence = 1): StatedLeaf {
  const amount = BigInt(ticks) * price
  const leaf = { position: channel.position, channelId, amount }
  const tree = merkleTree(new Map([[channel.position, statementLeaf(leaf)]]), STATEMENT_DEPTH)
  const value = {
    allocation: channel.allocation,
    sequence,
    total: amount,
    evidencePaid: 0n,
    positions: channel.position + 1,
    root: tree.root,
    issuedAt: nowSeconds + 5_000,
    expiry: nowSeconds + 9_000,
  }
  const digest = digestOf(domain, statementStructure, value)
  const fleetSignature = signed(fixtures.signerKey, value, digest).signature
  const statement = signed(gatewayKey, value, digest)
  return { statement, fleetSignature, amount, path: tree.path(channel.position) }
}

const wordAt = (index: number, of = first) => ({
  epoch: of.commitment.value.epoch,
  index,
  word: of.chain.wordAt(index),
})

function bundleOf(change: Partial<EvidenceBundle> = {}): EvidenceBundle {
  const { mandate } = fixtures
  return {
    domain,
    gatewayKey: publicKeyOf(gatewayKey),
    signerKey: publicKeyOf(fixtures.signerKey),
    channel,
    tariffs: [signed(gatewayKey, tariff, digestOf(domain, tariffStructure, tariff))],
    mandates: [signed(fixtures.signerKey, mandate, digestOf(domain, mandateStructure, mandate))],
    commitments: [first.commitment],
    words: [wordAt(40)],
    receipts: [receiptOf(40)],
    statements: [statementOf(40)],
    ...change,
  }
}

const judge = (...bundles: readonly EvidenceBundle[]) => judgeEvidence(bundles, unpinned, tools)
const names = ({ findings }: Verdict) => findings.map(({ finding }) => finding)

describe('a dispute', () => {
  test('AG-1 where everybody was honest: all amounts agree and nothing is found', () => {
    const amount = 40n * price
    expect(judge(bundleOf())).toEqual({
      channelId,
      owed: amount,
      covered: amount,
      receipted: amount,
      stated: amount,
      cosigned: amount,
      statements: [
        { sequence: 1, digest: expect.any(Uint8Array), amount, gateway: 'good', fleet: 'good' },
      ],
      findings: [],
    })
  })

  test('AG-1 has the same verdict for both sides, in whatever order', () => {
    const device = bundleOf({ channel: undefined, words: [], commitments: [], statements: [] })
    const gateway = bundleOf({ receipts: [] })
    expect(judge(device, gateway)).toEqual(judge(gateway, device))
    expect(judge(device, gateway)).toEqual(judge(bundleOf()))
  })

  test('T09 a gateway that states or receipts more than was shown', () => {
    const verdict = judge(bundleOf({ receipts: [receiptOf(41)], statements: [statementOf(42)] }))
    expect(names(verdict)).toEqual(['receipt_above_word', 'statement_above_word'])
    expect(verdict.owed).toBe(40n * price)
  })

  test('T10 a gateway that states less than it receipted before', () => {
    expect(names(judge(bundleOf({ statements: [statementOf(39)] })))).toEqual([
      'statement_below_receipt',
    ])
  })

  test('T10 a gateway that tells two people two things', () => {
    const back = receiptOf(30, { position: 500 })
    expect(names(judge(bundleOf(), bundleOf({ receipts: [back] })))).toContain(
      'receipts_contradict',
    )
    const fork = receiptOf(39, { previous: counting(40) })
    expect(names(judge(bundleOf(), bundleOf({ receipts: [fork] })))).toEqual(['roots_fork'])
    const lower = bundleOf({ statements: [statementOf(40, 1), statementOf(39, 2)] })
    expect(names(judge(lower))).toContain('statements_contradict')
  })

  test('a device that signs one epoch twice: both count, the higher one is owed', () => {
    const again = opened({ startReading: 2_000n })
    const both = bundleOf({ commitments: [first.commitment, again.commitment] })
    expect(names(judge(both))).toEqual(['epoch_signed_twice'])
    const words = [wordAt(40), wordAt(50, again)]
    expect(judge({ ...both, words }).owed).toBe(50n * price)
  })

  test('evidence for another ledger, channel or key proves nothing', () => {
    const elsewhere = judge(bundleOf({ domain: fixtures.otherDomain }))
    expect([elsewhere.owed, elsewhere.receipted, elsewhere.stated]).toEqual([
      undefined,
      undefined,
      undefined,
    ])
    const other = { ...channel, position: channel.position + 1 }
    expect(judge(bundleOf({ channel: other })).owed).toBeUndefined()
    expect(names(judge(bundleOf(), bundleOf({ channel: other })))).toEqual(['bundles_differ'])
    const pinned = { ...unpinned, gatewayKey: publicKeyOf(fixtures.deviceKey) }
    expect(names(judgeEvidence([bundleOf()], pinned, tools))).toEqual(['wrong_gateway_key'])
  })

  test('what is missing is named, and the rest still counts', () => {
    const words: EvidenceBundle['words'] = []
    const bare = bundleOf({ tariffs: [], mandates: [], words, receipts: [], statements: [] })
    const verdict = judge(bare)
    expect(names(verdict)).toEqual([
      'missing_tariff',
      'missing_mandate',
      'missing_word',
      'missing_receipt',
      'missing_statement',
    ])
    expect(verdict).toMatchObject({ owed: 0n, covered: undefined })
  })

  test('a word of another epoch or index proves nothing', () => {
    const verdict = judge(bundleOf({ words: [{ ...wordAt(40), index: 41 }] }))
    expect(names(verdict)).toContain('bad_word')
    expect(verdict.owed).toBe(0n)
  })
})

describe('a file', () => {
  const text = formatEvidence(bundleOf())

  test('is read as it was written', () => {
    expect(parseEvidence(text)).toEqual(bundleOf())
    expect(formatEvidence(bundleOf())).toBe(text)
  })

  test('(!) that was altered anywhere never proves another amount', () => {
    const sound = judge(bundleOf())
    const step = 61
    for (let at = 7; at < text.length; at += step) {
      const replaced = text[at] === '1' ? '2' : '1'
      const altered = parseEvidence(text.slice(0, at) + replaced + text.slice(at + 1))
      if (!altered) continue
      const verdict = judge(altered)
      for (const name of ['covered', 'receipted', 'stated', 'cosigned'] as const) {
        expect([undefined, sound[name], 0n], `${name} at ${at}`).toContain(verdict[name])
      }
      expect([undefined, sound.owed, 0n], `owed at ${at}`).toContain(verdict.owed)
    }
  })

  test('that is none is refused', () => {
    for (const other of ['', '{}', 'null', text.slice(0, -3), text.replace('evidence 1', 'x')]) {
      expect(parseEvidence(other)).toBeUndefined()
    }
  })
})
