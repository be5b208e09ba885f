import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { flow, type Load, passWithoutFlow, rateNow, startLoad } from '../../../firmware-sim/load.ts'
import { type ProfileKind, usualProfile } from '../../../firmware-sim/profiles.ts'
import { cpuMs } from '../../support/cpuTime.ts'

const hourMs = 3_600_000
const unlimited = 1n << 64n
const kinds = ['ev', 'household', 'water', 'data'] as const
const anyKind = fc.constantFrom(...kinds)

function start(kind: ProfileKind, seed: number): Load {
  const profile =
    kind === 'steady' ? { kind, unit: 'Wh' as const, ratePerHour: 7_000 } : usualProfile(kind)
  return startLoad(profile, seed, 7 * hourMs)
}

describe('accounting', () => {
  test('many small steps give exactly what one long step gives', () => {
    fc.assert(
      fc.property(
        anyKind,
        fc.nat(),
        fc.array(fc.integer({ min: 0, max: 90_000 }), { maxLength: 60 }),
        (kind, seed, steps) => {
          let stepped = start(kind, seed)
          let units = 0n
          for (const ms of steps) {
            const result = flow(stepped, ms, unlimited)
            stepped = result.load
            units += result.units
          }
          const total = steps.reduce((sum, ms) => sum + ms, 0)
          const whole = flow(start(kind, seed), total, unlimited)
          expect(units).toBe(whole.units)
          expect(stepped).toEqual(whole.load)
        },
      ),
    )
  })

  test('a steady load gives its rate to the unit', () => {
    expect(flow(start('steady', 1), 10 * hourMs, unlimited).units).toBe(70_000n)
    expect(flow(start('steady', 1), 514, unlimited).units).toBe(0n)
    expect(flow(start('steady', 1), 515, unlimited).units).toBe(1n)
  })

  test('flow stops at the limit, in the first millisecond that reaches it', () => {
    fc.assert(
      fc.property(anyKind, fc.nat(), fc.bigInt({ min: 1n, max: 5_000n }), (kind, seed, limit) => {
        const stopped = flow(start(kind, seed), 6 * hourMs, limit)
        if (stopped.usedMs === 6 * hourMs) return
        expect(stopped.units).toBe(limit)
        const before = flow(start(kind, seed), stopped.usedMs - 1, unlimited)
        expect(before.units).toBeLessThan(limit)
      }),
    )
  })

  test('a car waits for supply, a shower does not', () => {
    const car = start('ev', 5)
    expect(passWithoutFlow(car, hourMs)).toEqual(car)
    const home = start('water', 5)
    expect(passWithoutFlow(home, hourMs)).not.toEqual(home)
  })
})

describe('profiles look like life', () => {
  const perDay = (kind: ProfileKind, seed: number) =>
    flow(start(kind, seed), 24 * hourMs, unlimited).units

  test('the same seed gives the same day, another seed another', () => {
    for (const kind of kinds) {
      expect(perDay(kind, 1)).toBe(perDay(kind, 1))
      expect(perDay(kind, 1)).not.toBe(perDay(kind, 2))
    }
  })

  test.each([
    ['ev', 30_000n, 450_000n],
    ['household', 4_000n, 20_000n],
    ['water', 500_000n, 15_000_000n],
    ['data', 10_000_000n, 400_000_000n],
  ] as const)('a day of %s is of the right size', (kind, low, high) => {
    for (let seed = 0; seed < 5; seed++) {
      expect(perDay(kind, seed)).toBeGreaterThan(low)
      expect(perDay(kind, seed)).toBeLessThan(high)
    }
  })

  test('charging ramps up, holds, tapers and pauses', () => {
    let load = start('ev', 3)
    const rates: number[] = []
    for (let minute = 0; minute < 120; minute++) {
      rates.push(rateNow(load))
      load = flow(load, 60_000, unlimited).load
    }
    const peak = Math.max(...rates)
    expect(rates[0]).toBeLessThan(peak / 2)
    expect(rates.filter((rate) => rate > 0.97 * peak).length).toBeGreaterThan(10)
    expect(rates.filter((rate) => rate > 0 && rate < 0.9 * peak).length).toBeGreaterThan(3)
    expect(rates).toContain(0)
  })

  test('an hour of any load is simulated in a blink', async () => {
    const run = () => {
      for (const kind of kinds) {
        let load = start(kind, 1)
        for (let i = 0; i < 36_000; i++) load = flow(load, 100, unlimited).load
      }
    }
    expect(await cpuMs(run)).toBeLessThan(2_000)
  })
})
