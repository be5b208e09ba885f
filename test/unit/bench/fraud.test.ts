/** The traces behind the figures of fraud: the same in every run, and an attack is what it says. */
import { expect, test } from 'vitest'
import { attacks } from '../../../bench/fraud/attacks.ts'
import { createChance, seedOf } from '../../../bench/fraud/dice.ts'
import { watchAttack, watchSound } from '../../../bench/fraud/traces.ts'
import { createVirtualDevice } from '../../../bench/fraud/virtualDevice.ts'
import type { DeviceObservation } from '../../../gateway/fraud/observation.ts'

/** Thresholds were fixed on such seeds. */
const TRAINING_SEED = 7
const prompt = attacks.filter(({ knownDays }) => knownDays === undefined)

function trace(seed: number) {
  const settings = { startSeconds: 20_000 * 86_400, hasProvider: true, carShare: 0.3 }
  const device = createVirtualDevice(createChance(seedOf(seed, 0)), settings)
  return Array.from({ length: 2_000 }, () => JSON.stringify(device.round()))
}

test('a trace is the same again with its seed, and another with another', () => {
  expect(trace(1)).toEqual(trace(1))
  expect(trace(1)).not.toEqual(trace(2))
})

test('what a device pays never falls, and comes near what it was metered', () => {
  const rounds = trace(3).map((text) => JSON.parse(text) as DeviceObservation)
  for (const [at, { meters }] of rounds.entries()) {
    const before = rounds[at - 1]?.meters[0]?.paidReading ?? 0
    const { paidReading = 0, register } = meters[0] ?? {}
    expect(paidReading).toBeGreaterThanOrEqual(before)
    if (register !== undefined) expect(register - paidReading).toBeLessThan(16)
  }
})

test('each of a dozen or more attacks and faults has rules that are meant to see it', () => {
  expect(attacks.length).toBeGreaterThanOrEqual(12)
  expect(new Set(attacks.map(({ name }) => name)).size).toBe(attacks.length)
  for (const { rules } of attacks) expect(rules.length).toBeGreaterThan(0)
})

test.each(prompt.map((attack) => [attack.name, attack] as const))('%s is found', (_, attack) => {
  const seconds = watchAttack(attack, TRAINING_SEED)
  expect(seconds).toBeGreaterThan(0)
  expect(seconds).toBeLessThanOrEqual(attack.withinSeconds)
})

test('a sound device raises no alarm', () => {
  expect(watchSound(TRAINING_SEED, 1)).toEqual([])
})
