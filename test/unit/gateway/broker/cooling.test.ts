/** Who was closed for strikes waits for its turn at the next login; nobody else does. */
import { expect, test } from 'vitest'
import { COOLING_MS_MAX, createCooling } from '../../../../gateway/broker/cooling.ts'

test('a device alone does not wait, a crowd is let in one after the other', () => {
  const cooling = createCooling()
  for (let i = 0; i < 500; i++) cooling.add(`solar/x${i}`, 0)
  const waits = Array.from({ length: 500 }, (_, i) => cooling.takeTurnMs(`solar/x${i}`, 200))
  expect(waits.slice(0, 3)).toEqual([0, 20, 40])
  expect(Math.max(...waits)).toBe(COOLING_MS_MAX)
  expect(cooling.takeTurnMs('solar/honest', 200)).toBe(0)
})

test('what was long ago counts no more, and a crowd does not fill the memory', () => {
  const cooling = createCooling()
  cooling.add('solar/pi1', 0)
  cooling.takeTurnMs('solar/pi1', 1)
  expect(cooling.takeTurnMs('solar/pi1', 2)).toBeGreaterThan(0)
  expect(cooling.takeTurnMs('solar/pi1', 60_000)).toBe(0)
  cooling.add('solar/pi1', 60_000)
  for (let i = 0; i < 20_000; i++) cooling.add(`solar/x${i}`, 60_000)
  cooling.takeTurnMs('solar/x19999', 60_001)
  expect(cooling.takeTurnMs('solar/pi1', 60_002)).toBe(0)
  expect(cooling.takeTurnMs('solar/x19998', 60_002)).toBeGreaterThan(0)
})
