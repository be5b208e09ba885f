import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { amountAt, readingAt } from '../../../protocol/channel.ts'
import { worstCaseOf } from '../../../protocol/commitmentRules.ts'
import type { Commitment } from '../../../protocol/structures.ts'
import type { Message, Payee, Payer } from '../../support/channelModel.ts'
import {
  chainOf,
  checkpointFrom,
  consumed,
  deliver,
  heldAmount,
  newestTick,
  renewalFrom,
  start,
} from '../../support/channelModel.ts'

/** What may happen, in any order; `which` counts from the newest message back. */
type Step =
  | { readonly what: 'consume'; readonly units: number }
  | { readonly what: 'tick' }
  | { readonly what: 'hear' }
  | { readonly what: 'renew' | 'checkpoint'; readonly length: number }
  | { readonly what: 'deliver'; readonly which: number; readonly keep: boolean }
  | { readonly what: 'alter'; readonly which: number; readonly bit: number }

const length = fc.integer({ min: 1, max: 40 })
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 4, arbitrary: fc.record({ what: fc.constant('consume' as const), units: fc.nat(60) }) },
  { weight: 4, arbitrary: fc.record({ what: fc.constant('tick' as const) }) },
  { weight: 3, arbitrary: fc.record({ what: fc.constant('hear' as const) }) },
  { weight: 3, arbitrary: fc.record({ what: fc.constant('renew' as const), length }) },
  { weight: 1, arbitrary: fc.record({ what: fc.constant('checkpoint' as const), length }) },
  {
    weight: 8,
    arbitrary: fc.record({
      what: fc.constant('deliver' as const),
      which: fc.nat(4),
      keep: fc.boolean(),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      what: fc.constant('alter' as const),
      which: fc.nat(4),
      bit: fc.nat(255),
    }),
  },
)

type World = { readonly payer: Payer; readonly payee: Payee; readonly network: Message[] }

function newWorld(setAside: bigint): World {
  const payer: Payer = { register: start, heard: { held: undefined, pending: undefined } }
  const payee: Payee = { held: undefined, pending: undefined, setAside }
  return { payer, payee, network: [{ kind: 'commitment', commitment: checkpointFrom(payer, 9) }] }
}

const send = ({ network }: World, commitment: Commitment | undefined) => {
  if (commitment) network.push({ kind: 'commitment', commitment })
}

function happen(world: World, one: Step): void {
  const { payer, payee, network } = world
  if (one.what === 'consume') payer.register += BigInt(one.units)
  else if (one.what === 'hear') payer.heard = { held: payee.held, pending: payee.pending }
  else if (one.what === 'renew') send(world, renewalFrom(payer, one.length))
  else if (one.what === 'checkpoint') send(world, checkpointFrom(payer, one.length))
  else if (one.what === 'tick') {
    const tick = newestTick(payer)
    if (tick) network.push({ kind: 'tick', tick })
  } else if (network.length > 0 && 'which' in one) {
    const place = network.length - 1 - (one.which % network.length)
    const message = network[place]
    if (message && one.what === 'alter') network[place] = altered(message, one.bit)
    if (message && one.what === 'deliver') {
      deliver(payee, message)
      if (!one.keep) network.splice(place, 1)
    }
  }
}

function altered(message: Message, bit: number): Message {
  if (message.kind === 'commitment') return message
  const word = message.tick.word.slice()
  word[bit >> 3] = (word[bit >> 3] ?? 0) ^ (1 << (bit & 7))
  return { kind: 'tick', tick: { ...message.tick, word } }
}

const place = ({ held }: Payee) => (held ? held.commitment.epoch * 1_000_000 + held.index : 0)

function expectSound({ payer, payee }: World): void {
  const { held } = payee
  if (!held) return
  const { commitment, index, word } = held
  expect(chainOf(commitment).wordAt(index)).toEqual(word)
  expect(heldAmount(payee)).toBeLessThanOrEqual(consumed(payer).amount)
  expect(readingAt(commitment, index)).toBeLessThanOrEqual(payer.register)
  // Amount and usage cannot disagree: at one price they are the same number of ticks.
  expect((readingAt(commitment, index) - start) * 250n).toBe(heldAmount(payee))
  expect(worstCaseOf({ held, pending: payee.pending })).toBeLessThanOrEqual(payee.setAside)
  expect(heldAmount(payee)).toBeLessThanOrEqual(payee.setAside)
}

const history = fc.array(step, { minLength: 20, maxLength: 120 })

describe('a channel over a hostile network', () => {
  test('whatever arrives in whatever order, epoch, index and amount never go down', () => {
    fc.assert(
      fc.property(history, (steps) => {
        const world = newWorld(1n << 50n)
        for (const one of steps) {
          const before = { place: place(world.payee), amount: heldAmount(world.payee) }
          happen(world, one)
          expect(place(world.payee)).toBeGreaterThanOrEqual(before.place)
          expect(heldAmount(world.payee)).toBeGreaterThanOrEqual(before.amount)
        }
      }),
      { numRuns: 200 },
    )
  })

  // T06
  test('(!) never more is owed than was metered, and never more than is set aside', () => {
    fc.assert(
      fc.property(history, fc.bigInt(0n, 400_000n), (steps, setAside) => {
        const world = newWorld(setAside)
        for (const one of steps) {
          happen(world, one)
          expectSound(world)
        }
      }),
      { numRuns: 200 },
    )
  })

  test('(!) after any history one exchange pays all that was metered', () => {
    fc.assert(
      fc.property(history, (steps) => {
        const world = newWorld(1n << 50n)
        const { payer, payee } = world
        for (const one of steps) happen(world, one)
        if (!payee.held) {
          happen(world, { what: 'hear' })
          const opening = checkpointFrom(payer, 10)
          expect(deliver(payee, { kind: 'commitment', commitment: opening })).toBe('accepted')
        }
        happen(world, { what: 'hear' })
        const commitment = checkpointFrom(payer, 10)
        expect(deliver(payee, { kind: 'commitment', commitment })).toBe('accepted')
        expect(heldAmount(payee)).toBe(consumed(payer).amount)
        expect(amountAt(commitment, 0)).toBe(consumed(payer).amount)
      }),
      { numRuns: 200 },
    )
  })

  // T01
  test('what was delivered once may be delivered again at any time, and changes nothing', () => {
    fc.assert(
      fc.property(history, (steps) => {
        const world = newWorld(1n << 50n)
        const sent: Message[] = []
        for (const one of steps) {
          happen(world, one)
          sent.push(...world.network.filter((message) => !sent.includes(message)))
        }
        const delivered = sent.filter((message) => deliver(world.payee, message) !== 'x')
        const before = { ...world.payee }
        const again = delivered.map((message) => deliver(world.payee, message))
        for (const verdict of again) expect(verdict).not.toMatch(/^accepted/)
        expect(world.payee).toEqual(before)
      }),
      { numRuns: 150 },
    )
  })
})
