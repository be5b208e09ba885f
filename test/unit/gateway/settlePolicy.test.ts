/** (!) T64: when what is settled, and that no claim runs out while a ledger is away. */
import { describe, expect, test } from 'vitest'
import type { SettlementTimes } from '../../../gateway/settle/policy.ts'
import {
  adviceFor,
  isBroughtForward,
  isDue,
  isTriedAgain,
  outageSecondsMax,
  pathOf,
  retrySeconds,
  scopeOf,
} from '../../../gateway/settle/policy.ts'
import { CLOCK_TOLERANCE_SECONDS } from '../../../protocol/limits.ts'

type Outage = { readonly fromSeconds: number; readonly lengthSeconds: number }

/**
 * One channel that owes too little to be due before its margin, a fleet that never co-signs, and a
 * ledger that is away once. Plays every run by the policy and answers when the channel was paid.
 */
function paidAtSeconds(times: SettlementTimes, claimUntilSeconds: number, outage: Outage): number {
  const owing = { exposure: 1n, urgent: false, claimUntilSeconds }
  const policy = { minimumAmount: 1_000n, expiryMarginSeconds: times.expiryMarginSeconds }
  const isAway = (at: number) =>
    at >= outage.fromSeconds && at < outage.fromSeconds + outage.lengthSeconds
  let failures = 0
  let hasRefused = false
  let period = times.periodSeconds
  for (let now = period; now <= claimUntilSeconds + 2 * times.periodSeconds; ) {
    if (now >= period) period = now - (now % times.periodSeconds) + times.periodSeconds
    let next = period
    if (isDue(owing, policy, now)) {
      const path = hasRefused ? 'claims' : pathOf(times, claimUntilSeconds, now)
      if (isAway(now)) {
        failures += 1
        next = Math.min(period, now + retrySeconds(failures, times.periodSeconds))
      } else if (path === 'claims') {
        return now
      } else {
        hasRefused = true
        next = now + (times.cosignSeconds ?? 0) + CLOCK_TOLERANCE_SECONDS + 1
      }
    }
    now = next
  }
  return Number.POSITIVE_INFINITY
}

const periods = [60, 600, 3_600, 21_600]
const cosigns = [0, 30, 3_600]
const margins = [172_800, 86_400, 43_400, 7_300, 600]
const combinations = periods.flatMap((periodSeconds) =>
  cosigns.flatMap((cosignSeconds) =>
    margins
      .filter((margin) => 2 * (periodSeconds + cosignSeconds) <= margin)
      .map((expiryMarginSeconds) => ({ periodSeconds, cosignSeconds, expiryMarginSeconds })),
  ),
)

describe('T64: with a ledger that is away', () => {
  test('(!) no claim runs out, whatever period, margin, length and moment of the outage', () => {
    let cases = 0
    for (const times of combinations) {
      const max = outageSecondsMax(times)
      for (const share of [0, 0.25, 0.5, 0.9, 1]) {
        const lengthSeconds = Math.floor(max * share)
        for (let phase = 0; phase < 7; phase++) {
          const claimUntil = 400_000 + Math.floor((phase * times.periodSeconds) / 7)
          const dueSeconds = claimUntil - times.expiryMarginSeconds
          const step = Math.max(1, Math.floor((claimUntil - dueSeconds + lengthSeconds) / 40))
          for (let from = dueSeconds - lengthSeconds; from <= claimUntil; from += step) {
            const paidAt = paidAtSeconds(times, claimUntil, { fromSeconds: from, lengthSeconds })
            cases += 1
            if (paidAt > claimUntil) {
              expect({ times, lengthSeconds, from, claimUntil, paidAt }).toBe('paid in time')
            }
          }
        }
      }
    }
    expect(cases).toBeGreaterThan(20_000)
  })

  test('an outage that is longer than the margin does let it run out: the figure means it', () => {
    const times = { periodSeconds: 600, cosignSeconds: 0, expiryMarginSeconds: 7_300 }
    const outage = { fromSeconds: 392_000, lengthSeconds: 8_100 }
    expect(paidAtSeconds(times, 400_000, outage)).toBeGreaterThan(400_000)
    expect(outageSecondsMax(times)).toBe(7_300 - 600 - 300)
  })

  test('a statement is not begun where a claim might end before the fleet has answered', () => {
    const times = { periodSeconds: 600, cosignSeconds: 60, expiryMarginSeconds: 7_300 }
    const waitSeconds = 60 + CLOCK_TOLERANCE_SECONDS + 1 + 600
    expect(pathOf(times, 10_000, 10_000 - waitSeconds - 1)).toBe('statement')
    expect(pathOf(times, 10_000, 10_000 - waitSeconds)).toBe('claims')
    expect(pathOf(times, Number.POSITIVE_INFINITY, 10_000)).toBe('statement')
    expect(pathOf({ ...times, cosignSeconds: 0 }, Number.POSITIVE_INFINITY, 0)).toBe('claims')
  })
})

describe('what is owed', () => {
  test('for longer than its age is settled with the first run after it, however little', () => {
    expect(scopeOf({ ageSeconds: 86_400 }, 86_399, 86_400)).toBe('all')
    expect(scopeOf({ ageSeconds: 86_400 }, 86_400, 172_799)).toBe('due')
    expect(scopeOf({ ageSeconds: 86_400 }, 0, 172_800)).toBe('all')
    expect(scopeOf({}, 0, 172_800)).toBe('due')
    const little = { exposure: 1n, urgent: false, claimUntilSeconds: 900_000 }
    const policy = { minimumAmount: 1_000n, expiryMarginSeconds: 10 }
    expect(isDue(little, policy, 0, 'all')).toBe(true)
    expect(isDue({ ...little, exposure: 0n }, policy, 0, 'all')).toBe(false)
  })

  test('does not wait for its period where all of it is too much', () => {
    expect(isBroughtForward(1_000n, 1_000n)).toBe(true)
    expect(isBroughtForward(999n, 1_000n)).toBe(false)
    expect(isBroughtForward(999n, 0n)).toBe(false)
  })

  test('is tried again ever later, never later than a period or five minutes', () => {
    const delays = [1, 2, 3, 4, 5, 6, 100].map((failures) => retrySeconds(failures, 3_600))
    expect(delays).toEqual([15, 30, 60, 120, 240, 300, 300])
    expect(retrySeconds(100, 20)).toBe(20)
  })

  test('and refused has a line of advice, whatever the reason', () => {
    const reasons = ['no_funds', 'mandate_expired', 'bad_word', 'ledger_failed', 'no_evidence']
    expect(new Set(reasons.map(adviceFor)).size).toBe(reasons.length)
    expect(reasons.filter(isTriedAgain)).toEqual(['no_funds', 'ledger_failed'])
  })
})
