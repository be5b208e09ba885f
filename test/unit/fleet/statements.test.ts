/** What a fleet signs, and what it names instead. */
import { describe, expect, test } from 'vitest'
import type { Cosigner } from '../../../fleet/cosigner.ts'
import { cosignWaiting } from '../../../fleet/cosigner.ts'
import { readDeviceReport } from '../../../fleet/reports.ts'
import { signedStatements } from '../../../fleet/signedStatements.ts'
import type { DifferenceReason, Known } from '../../../fleet/statementCheck.ts'
import { differenceReasons, differencesOf } from '../../../fleet/statementCheck.ts'
import { present } from '../../../protocol/assert.ts'
import { bytesToHex, parseHex } from '../../../protocol/bytes.ts'
import { encodeCbor } from '../../../protocol/cbor.ts'
import { publicKeyOf, signDigest, verifyDigest } from '../../../protocol/keys.ts'
import type { StatementLeaf } from '../../../protocol/merkle.ts'
import { merkleRoot, statementLeaf } from '../../../protocol/merkle.ts'
import type { Statement } from '../../../protocol/structures.ts'
import { digestOf, signedToWire, statementStructure } from '../../../protocol/structures.ts'
import {
  type FakeChannel,
  fakeChannel,
  gatewayKey,
  reportOf,
  signerKey,
  testDomain,
} from '../../support/fleetGateway.ts'
import { memoryDisk } from '../../support/memoryDisk.ts'

const nowSeconds = 1_800_000_000
const devices = ['ev-1', 'ev-2'].map(fakeChannel)
const idOf = ({ channelId }: FakeChannel) => present(parseHex(channelId), 'hex')
const leavesOf = (...amounts: readonly bigint[]): StatementLeaf[] =>
  amounts.map((amount, position) => {
    return { position, channelId: idOf(present(devices[position], 'a device')), amount }
  })

function statementOf(leaves: readonly StatementLeaf[], changes: Partial<Statement> = {}) {
  return {
    allocation: new Uint8Array(32).fill(5),
    sequence: 1,
    total: leaves.reduce((sum, { amount }) => sum + amount, 0n),
    evidencePaid: 0n,
    positions: leaves.length,
    root: merkleRoot(new Map(leaves.map((one) => [one.position, statementLeaf(one)]))),
    issuedAt: nowSeconds,
    expiry: nowSeconds + 600,
    ...changes,
  }
}

/** Both devices have paid 900 and say so. */
function knownOf(changes: Partial<Known> = {}): Known {
  const channels = devices.map((one) => {
    const report = readDeviceReport(reportOf({ ...one, paid: 900n }))
    return [one.channelId, { ...present(report?.channels[0], 'a report'), unitsPaid: 90n }] as const
  })
  return {
    nowSeconds,
    before: undefined,
    channels: new Map(channels),
    paidReadings: new Map(devices.map(({ channelId }) => [channelId, 90n])),
    paidAmounts: new Map(devices.map(({ channelId }) => [channelId, 900n])),
    tolerances: { toleranceUnits: new Map(), toleranceAmount: 0n, unreadAmountMax: 0n },
    ...changes,
  }
}

const good = leavesOf(900n, 500n)
const before = {
  sequence: 4,
  evidencePaid: 20n,
  leaves: new Map(
    devices.map(({ channelId }, position) => [position, { channelId, amount: 300n }] as const),
  ),
}
const later = { sequence: 5, evidencePaid: 20n }
const readingsBut = (paid: bigint) => new Map(devices.map((one) => [one.channelId, paid]))
const strangers = leavesOf(900n, 500n).map((one) => ({ ...one, channelId: new Uint8Array(32) }))

/** What a lying or broken gateway states, and what the fleet says to it. */
const lies: Record<DifferenceReason, readonly [Statement, readonly StatementLeaf[], Known]> = {
  bad_time: [statementOf(good, { expiry: nowSeconds - 1 }), good, knownOf()],
  old_sequence: [statementOf(good, { ...later, sequence: 4 }), good, knownOf({ before })],
  evidence_fell: [statementOf(good, { ...later, evidencePaid: 19n }), good, knownOf({ before })],
  wrong_total: [statementOf(good, { total: 1_401n }), good, knownOf()],
  wrong_root: [statementOf(good), leavesOf(899n, 501n), knownOf()],
  wrong_positions: [statementOf(good, { positions: 3 }), good, knownOf()],
  repeated_position: [statementOf(good), [...good, ...leavesOf(0n)], knownOf()],
  other_channel: [statementOf(strangers, later), strangers, knownOf({ before })],
  amount_fell: [
    statementOf(leavesOf(900n, 299n), later),
    leavesOf(900n, 299n),
    knownOf({ before }),
  ],
  leaf_missing: [statementOf(leavesOf(900n), later), leavesOf(900n), knownOf({ before })],
  unknown_channel: [statementOf(good), good, knownOf({ channels: new Map() })],
  under_settled: [
    statementOf(good),
    good,
    knownOf({
      channels: new Map(
        [...knownOf().channels].map(([id, one]) => [id, { ...one, settled: 501n }]),
      ),
    }),
  ],
  over_report: [statementOf(leavesOf(901n)), leavesOf(901n), knownOf()],
  over_mandate: [
    statementOf(good),
    good,
    knownOf({
      channels: new Map(
        [...knownOf().channels].map(([id, one]) => {
          const mandate = { sequence: 1, limit: 499n, limitPerDay: 1n, expiry: 1, claimUntil: 1 }
          return [id, { ...one, mandate }]
        }),
      ),
    }),
  ],
  no_reading: [statementOf(good), good, knownOf({ paidReadings: new Map() })],
  over_reading: [statementOf(good), good, knownOf({ paidReadings: readingsBut(89n) })],
  over_amount: [statementOf(good), good, knownOf({ paidAmounts: readingsBut(899n) })],
}

describe('a statement that does not fit', () => {
  test.each(differenceReasons)('T09 T10 T11 T17: %s is named', (reason) => {
    const [statement, leaves, known] = lies[reason]
    const found = differencesOf(statement, leaves, known).map((one) => one.reason)
    expect(found).toContain(reason)
  })

  test('one that fits has no difference', () => {
    expect(differencesOf(statementOf(good), good, knownOf())).toEqual([])
    expect(differencesOf(statementOf(good, later), good, knownOf({ before }))).toEqual([])
  })

  test('each line names position, device and both figures', () => {
    const leaves = leavesOf(901n, 500n)
    expect(differencesOf(statementOf(leaves), leaves, knownOf())).toEqual([
      { reason: 'over_report', position: 0, device: 'ev-1', stated: '901', known: '900' },
      { reason: 'over_amount', position: 0, device: 'ev-1', stated: '901', known: '900' },
    ])
  })

  test('a reading may be behind by the stated tolerance of its unit, and not by more', () => {
    const toleranceUnits = new Map([['Wh', 10n]])
    const tolerances = { toleranceUnits, toleranceAmount: 0n, unreadAmountMax: 0n }
    const withReading = (paid: bigint) => knownOf({ tolerances, paidReadings: readingsBut(paid) })
    expect(differencesOf(statementOf(good), good, withReading(80n))).toEqual([])
    expect(differencesOf(statementOf(good), good, withReading(79n))).toHaveLength(2)
  })

  test('T11 what a device says it owes may be behind by the stated amount, and no more', () => {
    const tolerances = { toleranceUnits: new Map(), toleranceAmount: 40n, unreadAmountMax: 0n }
    const saying = (owed: bigint) => knownOf({ tolerances, paidAmounts: readingsBut(owed) })
    expect(differencesOf(statementOf(good), good, saying(860n))).toEqual([])
    expect(differencesOf(statementOf(good), good, saying(859n))).toMatchObject([
      { reason: 'over_amount', position: 0, stated: '900', known: '859' },
    ])
  })

  test('a channel that nobody tells a reading of may grow by what is configured', () => {
    const tolerances = { toleranceUnits: new Map(), toleranceAmount: 0n, unreadAmountMax: 900n }
    const unread = knownOf({ tolerances, channels: new Map(), paidReadings: new Map() })
    expect(differencesOf(statementOf(good), good, unread)).toEqual([])
    const more = leavesOf(901n)
    expect(differencesOf(statementOf(more), more, unread)).toHaveLength(1)
  })
})

/** A gateway that shows `statement` and keeps what it is answered. */
function scene(statement: Statement, leaves: readonly StatementLeaf[], disk = memoryDisk()) {
  const digest = digestOf(testDomain, statementStructure, statement)
  const signed = { value: statement, signature: signDigest(gatewayKey, digest) }
  const signatures: string[] = []
  const ask: Cosigner['ask'] = async (verb, fields) => {
    if (verb === 'statement') {
      const hex = bytesToHex(encodeCbor(signedToWire(statementStructure, signed)))
      return { state: 'waiting', statement: hex }
    }
    if (verb === 'statement-leaves') return pageOf(leaves, Number(fields['from']))
    signatures.push(String(fields['signature']))
    return { status: 'paid' }
  }
  const cosigner: Cosigner = {
    ...{ domain: testDomain, signerKey, gatewayKey: publicKeyOf(gatewayKey) },
    ...{ signed: signedStatements(disk), log: () => {}, known: () => knownOf(), ask },
  }
  return { cosigner, digest, signatures, disk }
}

/** One leaf a page. */
function pageOf(leaves: readonly StatementLeaf[], from: number) {
  const shown = leaves
    .slice(from, from + 1)
    .map((one) => [one.position, bytesToHex(one.channelId), `${one.amount}`])
  return { leaves: shown, next: from + 1 < leaves.length ? from + 1 : null }
}

describe('co-signing', () => {
  test('signs what fits, page by page', async () => {
    const { cosigner, digest, signatures } = scene(statementOf(good), good)
    const result = await cosignWaiting(cosigner, 'sign')
    expect(result).toMatchObject({ outcome: 'cosigned', status: 'paid', channels: 2 })
    const signature = present(parseHex(present(signatures[0], 'a signature')), 'hex')
    expect(verifyDigest(publicKeyOf(signerKey), digest, signature)).toBe(true)
  })

  test('signs nothing that differs, nor when it only looks', async () => {
    const lie = leavesOf(901n, 500n)
    const first = scene(statementOf(lie), lie)
    expect((await cosignWaiting(first.cosigner, 'sign')).outcome).toBe('differs')
    const second = scene(statementOf(good), good)
    expect((await cosignWaiting(second.cosigner, 'look')).outcome).toBe('sound')
    expect([...first.signatures, ...second.signatures]).toEqual([])
    expect(await second.disk.list('')).toEqual([])
  })

  test('(!) never signs a lower leaf or a sequence again, also after a restart', async () => {
    const { cosigner, disk } = scene(statementOf(good, { sequence: 3 }), good)
    await cosignWaiting(cosigner, 'sign')
    disk.crash()
    const lower = leavesOf(899n, 500n)
    for (const [leaves, sequence] of [
      [lower, 4],
      [leavesOf(900n, 501n), 3],
    ] as const) {
      const next = scene(statementOf(leaves, { sequence }), leaves, disk)
      expect((await cosignWaiting(next.cosigner, 'sign')).outcome).toBe('differs')
      expect(next.signatures).toEqual([])
    }
  })

  test('(!) is durable before the signature leaves, and the same is signed again', async () => {
    const { cosigner, disk, signatures } = scene(statementOf(good), good)
    const failing = async () => {
      throw new Error('the disk is full')
    }
    const full = { ...cosigner, signed: signedStatements({ ...disk, replace: failing }) }
    await expect(cosignWaiting(full, 'sign')).rejects.toThrow('the disk is full')
    expect(signatures).toEqual([])
    await cosignWaiting(cosigner, 'sign')
    disk.crash()
    expect((await cosignWaiting(cosigner, 'sign')).outcome).toBe('cosigned')
    expect(new Set(signatures).size).toBe(1)
    expect(signatures).toHaveLength(2)
  })

  test('refuses a statement that the gateway did not sign, and pages without end', async () => {
    const { cosigner } = scene(statementOf(good), good)
    const stranger = { ...cosigner, gatewayKey: publicKeyOf(signerKey) }
    await expect(cosignWaiting(stranger, 'sign')).rejects.toThrow('not signed by the gateway')
    const ask: Cosigner['ask'] = async (verb, fields) =>
      verb === 'statement-leaves'
        ? { leaves: [], next: fields['from'] }
        : cosigner.ask(verb, fields)
    await expect(cosignWaiting({ ...cosigner, ask }, 'sign')).rejects.toThrow('have no end')
  })
})
