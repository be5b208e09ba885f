import { describe, expect, test } from 'vitest'
import type { Register, TickVerdict } from '../../../protocol/channel.ts'
import { amountAt, checkTick, readingAt, stepsOf, worstCase } from '../../../protocol/channel.ts'
import { JUMP_TICKS_MAX } from '../../../protocol/limits.ts'
import { tickReasons } from '../../../protocol/reasons.ts'
import type { Tick } from '../../../protocol/tick.ts'
import { counting, mandate, nowSeconds, termsOf } from '../../support/fixtures.ts'
import {
  registerAt,
  renewal,
  renewalTick,
  renewingAt,
  running,
  tickOf,
} from '../../support/registers.ts'
import { verdictCases, verdictOf } from '../../support/vectors/ticks.ts'

type Input = {
  readonly register: Register
  readonly tick: Tick
  readonly nowSeconds: number
  readonly hashBudget: number
}
const good: Input = {
  register: registerAt(100),
  tick: tickOf(101),
  nowSeconds,
  hashBudget: JUMP_TICKS_MAX,
}
const verdict = (input: Input) =>
  checkTick(input.register, input.tick, input.nowSeconds, input.hashBudget)
const withTick = (input: Input, tick: Partial<Tick>): Input => ({
  ...input,
  tick: { ...input.tick, ...tick },
})
const withRegister = (input: Input, register: Partial<Register>): Input => ({
  ...input,
  register: { ...input.register, ...register },
})

/** One fault for each check after the two on message and slot, in the order of the table. */
const faults: readonly (readonly [TickVerdict, (input: Input) => Input])[] = [
  ['stale', (input) => withTick(input, { epoch: 2 })],
  ['unknown_epoch', (input) => (input.tick.epoch === 2 ? input : withTick(input, { epoch: 4 }))],
  ['expired', (input) => ({ ...input, nowSeconds: mandate.claimUntil + 1 })],
  ['closed', (input) => withRegister(input, { closed: true })],
  ['out_of_range', (input) => withRegister(input, { length: 100 })],
  ['needs_checkpoint', (input) => withTick(input, { index: 100 + JUMP_TICKS_MAX + 1 })],
  ['slow_down', (input) => ({ ...input, hashBudget: 0 })],
  ['bad_word', (input) => withTick(input, { word: counting(0x33) })],
]

describe('the checks on a tick', () => {
  test('are the reasons of the list, in its order', () => {
    const [size, slot, ...rest] = Object.keys(tickReasons)
    expect([size, slot]).toEqual(['malformed', 'unknown_channel'])
    expect(faults.map(([reason]) => reason)).toEqual(rest)
  })

  test('an input with any set of faults gets the reason of the earliest', () => {
    expect(verdict(good)).toBe('accepted')
    for (let set = 1; set < 1 << faults.length; set++) {
      const chosen = faults.filter((_, place) => set & (1 << place))
      const input = chosen.reduce((one, [, apply]) => apply(one), good)
      expect(verdict(input), chosen.map(([reason]) => reason).join(' + ')).toBe(chosen[0]?.[0])
    }
  })

  test('zero hashes are done before the last check', () => {
    const hash = () => {
      throw new Error('hashed')
    }
    const run = (one: Input) =>
      checkTick(one.register, one.tick, one.nowSeconds, one.hashBudget, hash)
    for (const [reason, apply] of faults.slice(0, -1)) expect(run(apply(good))).toBe(reason)
    expect(() => run(good)).toThrow('hashed')
  })

  test('a refusal leaves the register as it was', () => {
    for (const one of verdictCases) {
      const before = structuredClone({ register: one.register, tick: one.tick })
      verdictOf(one)
      expect({ register: one.register, tick: one.tick }).toEqual(before)
    }
  })

  test('lost, repeated, reordered and late ticks are harmless', () => {
    expect(verdict({ ...good, tick: tickOf(180) })).toBe('accepted')
    expect(verdict({ ...good, tick: tickOf(100) })).toBe('stale')
    for (const index of [0, 1, 50, 99])
      expect(verdict({ ...good, tick: tickOf(index) })).toBe('stale')
    expect(tickReasons.stale).toBe('benign')
  })

  test('(!) words count as payment after the mandate expired, until claimUntil', () => {
    expect(verdict({ ...good, nowSeconds: mandate.expiry + 1 })).toBe('accepted')
    expect(verdict({ ...good, nowSeconds: mandate.claimUntil })).toBe('accepted')
    expect(verdict({ ...good, nowSeconds: mandate.claimUntil + 1 })).toBe('expired')
  })

  test('(!) no supply decision can refuse a word: the verdict has no such input', () => {
    const reads = new Set<string | symbol>()
    const watched = new Proxy(good.register, {
      get: (target, name, self) => {
        reads.add(name)
        return Reflect.get(target, name, self)
      },
    })
    for (const [, apply] of [['accepted', (one: Input) => one] as const, ...faults]) {
      const input = apply(good)
      checkTick(watched, input.tick, input.nowSeconds, input.hashBudget)
    }
    const known = ['epoch', 'index', 'length', 'word', 'bind', 'claimUntilSeconds', 'closed']
    const pending = ['pendingEpoch', 'pendingLength', 'pendingRoot', 'pendingBind']
    expect([...known, ...pending]).toEqual(expect.arrayContaining([...reads]))
    expect(checkTick.length).toBeLessThanOrEqual(5)
    for (const supply of ['paused', 'over_limit', 'fenced']) {
      expect(Object.keys(tickReasons)).not.toContain(supply)
    }
  })
})

describe('a pending renewal', () => {
  test('words of both epochs are taken while they overlap', () => {
    expect(verdict({ ...good, register: renewingAt(1_700), tick: tickOf(1_701) })).toBe('accepted')
    expect(verdict({ ...good, register: renewingAt(1_700), tick: renewalTick(1) })).toBe(
      'accepted_renewal',
    )
  })

  test('(!) its root moves nothing: only a word with index >= 1 is evidence', () => {
    expect(verdict({ ...good, register: renewingAt(2_000), tick: renewalTick(0) })).toBe('stale')
  })

  test('its words are checked against its own root and bind', () => {
    const register = renewingAt(1_700)
    const running5 = { ...renewalTick(5), word: running.chain.wordAt(5) }
    expect(verdict({ ...good, register, tick: running5 })).toBe('bad_word')
    const swapped = { ...register, pendingBind: register.bind }
    expect(verdict({ ...good, register: swapped, tick: renewalTick(5) })).toBe('bad_word')
    const otherRoot = { ...register, pendingRoot: register.word }
    expect(verdict({ ...good, register: otherRoot, tick: renewalTick(5) })).toBe('bad_word')
  })

  test('its steps count from its own root', () => {
    expect(stepsOf(renewingAt(1_700), renewalTick(7))).toBe(7)
    expect(stepsOf(renewingAt(1_700), tickOf(1_750))).toBe(50)
  })

  test('its own length bounds it, not that of the running epoch', () => {
    const register = renewingAt(1_700, { pendingLength: 3 })
    expect(verdict({ ...good, register, tick: renewalTick(4) })).toBe('out_of_range')
    expect(verdict({ ...good, register, tick: renewalTick(3) })).toBe('accepted_renewal')
  })

  test('once one of its words is held, the epoch before it is stale', () => {
    const register = registerAt(1, {
      epoch: 5,
      word: renewal.chain.wordAt(1),
      bind: renewal.bind,
    })
    expect(verdict({ ...good, register, tick: tickOf(2_000) })).toBe('stale')
    expect(verdict({ ...good, register, tick: renewalTick(2) })).toBe('accepted')
  })
})

describe('amounts', () => {
  test('the index is the reading: register and debt advance together', () => {
    const terms = termsOf({ base: 7n, length: 10 })
    expect(amountAt(terms, 0)).toBe(7n)
    expect(readingAt(terms, 0)).toBe(123_450n)
    expect(amountAt(terms, 3)).toBe(7n + 3n * 2_500n)
    expect(readingAt(terms, 3)).toBe(123_450n + 3n * 10n)
    expect(worstCase(terms)).toBe(amountAt(terms, 10))
  })

  test('a renewal begins at the amount and the reading where its predecessor ends', () => {
    const { commitment } = running
    expect(amountAt(renewal.commitment, 0)).toBe(worstCase(commitment))
    expect(readingAt(renewal.commitment, 0)).toBe(readingAt(commitment, commitment.length))
  })
})
