/**
 * Statements and evidence in any order, from a gateway that lies and a fleet that checks: a model
 * that knows only what each channel truly owes says what may be paid.
 */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { readDeviceReport } from '../../../fleet/reports.ts'
import type { Known, SignedBefore } from '../../../fleet/statementCheck.ts'
import { differencesOf } from '../../../fleet/statementCheck.ts'
import type { EmbeddedLedger } from '../../../ledger/embedded/embeddedLedger.ts'
import { openEmbeddedLedger } from '../../../ledger/embedded/embeddedLedger.ts'
import { fastSha256 } from '../../../ledger/io/fastVerify.ts'
import type { StatementSubmission } from '../../../ledger/ledger.ts'
import { present } from '../../../protocol/assert.ts'
import { bytesToHex } from '../../../protocol/bytes.ts'
import type { StatementLeaf } from '../../../protocol/merkle.ts'
import { merkleRoot, statementLeaf } from '../../../protocol/merkle.ts'
import { fakeChannel, reportOf } from '../../support/fleetGateway.ts'
import { memoryKeyValue } from '../../support/memoryKeyValue.ts'
import { virtualTime } from '../../support/virtualTime.ts'
import {
  allocationTerms,
  deviceOf,
  leafOf,
  ledgerWorld,
  START_SECONDS,
  seedOf,
} from '../../unit/ledger/world.ts'

const CHANNELS = 3
const TICKS = 20
const FUNDS = 1_000n
const unsigned = new Uint8Array(64).fill(1)

/** Signatures are another test's business: here everybody signs what is submitted. */
async function prepare() {
  const store = memoryKeyValue()
  const random = { bytes: () => seedOf(7_000) }
  const open = (from = store) =>
    openEmbeddedLedger({
      ...{ store: from, random, place: 'memory', sha256: fastSha256, verify: () => true },
      clock: virtualTime(START_SECONDS * 1_000).clock,
      timers: { soon: (run) => queueMicrotask(run) },
    })
  const ledger = await open()
  const { id } = await ledger.openAllocation(allocationTerms)
  const allocation = await ledger.fund(id, FUNDS, 'first')
  const devices = Array.from({ length: CHANNELS }, (_, position) => {
    const device = deviceOf(ledger.domain, allocation, position)
    return { channelId: device.channelId, ...device.commit({ length: TICKS }) }
  })
  const image = [...store.range(new Uint8Array([0]), new Uint8Array([0xff]))]
  const reopened = async () => {
    const copy = memoryKeyValue()
    await copy.write(image)
    return { ledger: await open(copy), store: copy }
  }
  return { id, devices, reopened }
}

const prepared = prepare()

type Step =
  | { readonly do: 'tick'; readonly channel: number; readonly ticks: number }
  | { readonly do: 'claim'; readonly channel: number; readonly shown: 'newest' | 'first' }
  /** `lies[c]` is added to what channel c owes. */
  | { readonly do: 'state'; readonly lies: readonly number[]; readonly evidenceLie: number }
  | { readonly do: 'submit'; readonly place: number }

const place = fc.nat(CHANNELS - 1)
const lie = fc.oneof(
  { weight: 4, arbitrary: fc.constant(0) },
  fc.constantFrom(-200, -20, -1, 1, 20),
)
const step: fc.Arbitrary<Step> = fc.oneof(
  fc.record({ do: fc.constant('tick' as const), channel: place, ticks: fc.nat(6) }),
  fc.record({
    do: fc.constant('claim' as const),
    channel: place,
    shown: fc.constantFrom('newest', 'first'),
  }),
  fc.record({
    do: fc.constant('state' as const),
    lies: fc.array(lie, { minLength: CHANNELS, maxLength: CHANNELS }),
    evidenceLie: fc.oneof(
      { weight: 6, arbitrary: fc.constant(0) },
      fc.integer({ min: -9, max: 9 }),
    ),
  }),
  fc.record({ do: fc.constant('submit' as const), place: fc.nat(4) }),
)

/** What is true, and what the two sides have done. */
type World = {
  readonly ledger: EmbeddedLedger
  readonly owed: bigint[]
  /** Highest amount of each channel that evidence was paid for. */
  readonly proved: bigint[]
  inForce: readonly StatementLeaf[] | undefined
  signedBefore: SignedBefore | undefined
  sequence: number
  readonly signed: { submission: StatementSubmission; leaves: readonly StatementLeaf[] }[]
}

async function act(world: World, one: Step): Promise<void> {
  if (one.do === 'tick') {
    const owed = present(world.owed[one.channel], 'a channel') + BigInt(one.ticks) * 10n
    world.owed[one.channel] = owed > BigInt(TICKS) * 10n ? BigInt(TICKS) * 10n : owed
  }
  if (one.do === 'claim') await claim(world, one.channel, one.shown)
  if (one.do === 'state') await state(world, one.lies, one.evidenceLie)
  if (one.do === 'submit') await submit(world, one.place)
}

async function claim(world: World, channel: number, shown: 'newest' | 'first'): Promise<void> {
  const { devices } = await prepared
  const device = present(devices[channel], 'a device')
  const index = shown === 'first' ? 1 : Number(present(world.owed[channel], 'owed') / 10n)
  if (index * 10 > Number(world.owed[channel])) return
  const leaf = world.inForce ? { leaf: leafOf(world.inForce, channel) } : {}
  const [result] = await world.ledger.submit([device.claim(index, leaf)], `claim-${index}`)
  expect(result?.status).not.toBe('refused')
  // Under a known key an answer is given again, and nothing is paid again.
  const before = present(world.proved[channel], 'proved')
  if (result?.status === 'paid' && result.cumulative > before) {
    world.proved[channel] = result.cumulative
  }
}

/** The gateway states what it likes; the fleet signs only what agrees with what it knows. */
async function state(world: World, lies: readonly number[], evidenceLie: number): Promise<void> {
  const { id, devices } = await prepared
  const known = present(await world.ledger.allocation(id), 'the allocation')
  const leaves = devices.flatMap(({ channelId }, position): StatementLeaf[] => {
    const said = present(world.owed[position], 'owed') + BigInt(lies[position] ?? 0)
    return said > 0n ? [{ position, channelId, amount: said }] : []
  })
  const statement = {
    allocation: id,
    sequence: ++world.sequence,
    total: leaves.reduce((sum, { amount }) => sum + amount, 0n),
    evidencePaid: atLeastZero(known.evidencePaid + BigInt(evidenceLie)),
    positions: leaves.reduce((most, { position }) => Math.max(most, position + 1), 0),
    root: merkleRoot(new Map(leaves.map((one) => [one.position, statementLeaf(one)]))),
    issuedAt: START_SECONDS,
    expiry: START_SECONDS + 100,
  }
  if (differencesOf(statement, leaves, await knownBy(world)).length > 0) return
  const { sequence, evidencePaid } = statement
  const before = leaves.map(({ position, channelId, amount }) => {
    return [position, { channelId: bytesToHex(channelId), amount }] as const
  })
  world.signedBefore = { sequence, evidencePaid, leaves: new Map(before) }
  const submission = { statement, gatewaySignature: unsigned, fleetSignature: unsigned }
  world.signed.push({ submission, leaves })
}

const atLeastZero = (amount: bigint) => (amount > 0n ? amount : 0n)

async function knownBy(world: World): Promise<Known> {
  const { devices } = await prepared
  const channels = devices.map(({ channelId }, position) => {
    const report = readDeviceReport(reportOf({ ...fakeChannel(`ev-${position}`), paid: 0n }))
    const paid = present(world.owed[position], 'owed')
    const settled = settledOf(world, position)
    const one = { ...present(report?.channels[0], 'a report'), paid, settled }
    return [bytesToHex(channelId), one] as const
  })
  return {
    nowSeconds: START_SECONDS,
    before: world.signedBefore,
    channels: new Map(channels),
    paidReadings: new Map(channels.map(([id]) => [id, 0n])),
    paidAmounts: new Map(channels.map(([id]) => [id, 1n << 63n])),
    tolerances: { toleranceUnits: new Map(), toleranceAmount: 0n, unreadAmountMax: 0n },
  }
}

function settledOf({ inForce, proved }: World, position: number): bigint {
  const leaf = inForce?.find((one) => one.position === position)?.amount ?? 0n
  const evidence = present(proved[position], 'proved')
  return leaf > evidence ? leaf : evidence
}

/** Any statement that was ever signed, in any order, more than once. */
async function submit(world: World, from: number): Promise<void> {
  const one = world.signed[from % Math.max(1, world.signed.length)]
  if (!one) return
  const result = await world.ledger.submitStatement(one.submission, 'statement')
  if (result.status === 'paid') world.inForce = one.leaves
}

const sum = (amounts: readonly bigint[]) => amounts.reduce((all, one) => all + one, 0n)

describe('statements and evidence mixed', () => {
  it('(!) pay every channel once, up to the higher of both, never above what it owes', async () => {
    const { id, reopened } = await prepared
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 8, maxLength: 32 }), async (steps) => {
        const { ledger, store } = await reopened()
        const zeros = () => Array.from({ length: CHANNELS }, () => 0n)
        const world: World = {
          ...{ ledger, owed: zeros(), proved: zeros() },
          ...{ inForce: undefined, signedBefore: undefined, sequence: 0, signed: [] },
        }
        for (const one of steps) {
          await act(world, one)
          const { paid, fee } = present(await ledger.allocation(id), 'the allocation')
          const settled = zeros().map((_, position) => settledOf(world, position))
          expect(paid).toBe(sum(settled))
          for (const [position, amount] of settled.entries()) {
            expect(amount).toBeLessThanOrEqual(present(world.owed[position], 'owed'))
          }
          expect(fee).toBe((paid * 100n) / 10_000n)
        }
        expect(ledger.audit()).toEqual([])
        expect(ledger.sum()).toBe('0')
        const again = ledgerWorld(store)
        expect((await (await again.open()).allocations())[0]).toEqual(
          (await ledger.allocations())[0],
        )
      }),
      { numRuns: 150, seed: 4 },
    )
  })
})
