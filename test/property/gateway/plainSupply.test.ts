/** Supply by plain numbers beside the rule itself. */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { isPlainlyOn } from '../../../gateway/intake/plainSupply.ts'
import { supplyFacts } from '../../../gateway/intake/sessionSupply.ts'
import { coldStore } from '../../../gateway/state/cold.ts'
import { FLAG_CLOSED, FLAG_LAPSED, FLAG_PAUSED } from '../../../gateway/state/hotChannels.ts'
import { emptyState } from '../../../gateway/state/snapshot.ts'
import { decideSupply } from '../../../gateway/supply.ts'
import { memoryKeyValue } from '../../support/memoryKeyValue.ts'

const nowSeconds = 1_800_000_000
const today = Math.floor(nowSeconds / 86_400)
const domain = { chainId: 0n, verifyingContract: new Uint8Array(20) }

/** Mostly near each other, so that limits are met exactly; some beyond what a number can say. */
const near = fc.bigInt({ min: 0n, max: 40n })
const wide = fc.constantFrom(
  0n,
  1n,
  2n ** 32n,
  2n ** 52n,
  2n ** 53n,
  2n ** 53n + 1n,
  2n ** 64n - 1n,
)
const amount = fc.oneof({ weight: 6, arbitrary: near }, { weight: 1, arbitrary: wide })
const seconds = fc.constantFrom(0, nowSeconds - 1, nowSeconds, nowSeconds + 1, 2 ** 32 - 1)
const later = fc.oneof(
  { weight: 5, arbitrary: fc.constant(nowSeconds + 9) },
  { weight: 1, arbitrary: seconds },
)

const channel = fc.record({
  flags: fc.oneof(
    { weight: 8, arbitrary: fc.constant(0) },
    { weight: 1, arbitrary: fc.constantFrom(FLAG_CLOSED, FLAG_PAUSED, FLAG_LAPSED, 7) },
  ),
  epoch: fc.constantFrom(0, 1, 5, 7),
  index: fc.nat(12),
  base: amount,
  pricePerTick: amount,
  unitsPerTick: amount,
  startReading: amount,
  limit: fc.oneof(fc.bigInt({ min: 0n, max: 600n }), wide),
  limitPerDay: fc.oneof(fc.bigInt({ min: 0n, max: 600n }), wide),
  dayStart: amount,
  day: fc.constantFrom(today, today, today - 1, 0),
  creditTicks: fc.nat(6),
  mandateExpirySeconds: later,
  commitmentExpirySeconds: later,
  checkpointPosition: fc.constantFrom(3, 9, 10, 11),
})

const about = fc.record({
  fencePosition: fc.constantFrom(0, 0, 10),
  register: fc.option(fc.oneof(fc.bigInt({ min: 0n, max: 600n }), wide), { nil: undefined }),
  suspected: fc.constantFrom(false, false, false, true),
  connected: fc.constantFrom(true, true, false),
  spaceLow: fc.constantFrom(false, false, false, true),
})

test('what is plainly on is on by the rule; all that is on and small is plain', () => {
  const seen = { plain: 0, off: 0 }
  fc.assert(
    fc.property(channel, about, fc.nat(99), (values, facts, number) => {
      const state = emptyState(domain, coldStore(memoryKeyValue()))
      // Channels of other numbers, beyond the first growth too, hold other things.
      state.hot.add(number + 1)
      for (const [name, value] of Object.entries(values)) {
        const column = state.hot.columns[name as keyof typeof values]
        column[number] = value as never
      }
      state.fencePosition = facts.fencePosition
      const core = { state, spaceLow: () => facts.spaceLow }
      const witness = facts.connected
        ? {
            cloneSuspected: new Set(facts.suspected ? [2] : []),
            registers: new Map(facts.register === undefined ? [] : [[2, facts.register]]),
          }
        : undefined
      const rule = decideSupply(supplyFacts(core, witness, 2, number, nowSeconds))
      const isPlain = isPlainlyOn(core, witness, 2, number, nowSeconds)
      if (isPlain) expect(rule).toEqual({ level: 'on', reason: 'ok' })
      const sums = [values.base, values.pricePerTick, values.unitsPerTick, values.startReading]
      const isSmall = [...sums, values.dayStart, facts.register ?? 0n].every((one) => one < 1_000n)
      const held = values.base + BigInt(values.index) * values.pricePerTick
      const isUsual = values.epoch > 0 && (values.day !== today || values.dayStart <= held)
      if (rule.level === 'on' && isSmall && isUsual) expect(isPlain).toBe(true)
      seen[isPlain ? 'plain' : 'off'] += 1
    }),
    { numRuns: 3_000 },
  )
  expect(seen.plain).toBeGreaterThan(100)
  expect(seen.off).toBeGreaterThan(100)
})
