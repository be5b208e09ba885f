import { expect, test } from 'vitest'
import { createSamples } from '../../../bench/systems/samples.ts'

test('growth is steady between two looks', () => {
  const samples = createSamples()
  samples.add(1_000, 0)
  samples.add(1_100, 50)
  samples.add(1_300, 250)
  expect(samples.between(1_000, 1_300)).toBe(250)
  expect(samples.between(1_050, 1_200)).toBe(125)
  expect(samples.between(1_200, 1_250)).toBe(50)
})

test('nothing is known outside of what was looked at', () => {
  const samples = createSamples()
  expect(samples.between(0, 10)).toBe(0)
  samples.add(1_000, 7)
  expect(samples.between(0, 2_000)).toBe(0)
})
