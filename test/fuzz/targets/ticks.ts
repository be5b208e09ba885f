/**
 * Tick messages: taken exactly when they are whole, and written back as they were.
 * @module
 */
import { concatBytes, equalBytes } from '../../../protocol/bytes.ts'
import { countTicks, encodeTicks, tickAt } from '../../../protocol/tick.ts'
import type { Dice } from '../dice.ts'
import { perhapsDamaged } from '../dice.ts'
import type { Target } from '../target.ts'

function generate(dice: Dice): Uint8Array {
  const count = dice.pick([0, 1, 1, 2, 3, 63, 64, 65])
  const one = () => concatBytes(Uint8Array.of(dice.oneIn(40) ? dice.below(256) : 1), dice.bytes(41))
  return perhapsDamaged(dice, concatBytes(...Array.from({ length: count }, one)), 2)
}

function check(input: Uint8Array): string | undefined {
  const count = input.length / 42
  const versions = input.filter((_, place) => place % 42 === 0)
  const isWhole =
    Number.isInteger(count) && count >= 1 && count <= 64 && versions.every((one) => one === 1)
  // A message is a view into a larger read.
  const message = concatBytes(new Uint8Array(3), input, new Uint8Array(3)).subarray(3, -3)
  const counted = countTicks(message)
  if (counted !== (isWhole ? count : undefined)) return `counted ${counted}`
  if (counted === undefined) return undefined
  const ticks = Array.from({ length: counted }, (_, place) => tickAt(message, place))
  return equalBytes(encodeTicks(ticks), input) ? undefined : 'written back as other bytes'
}

export const ticksTarget: Target = { name: 'ticks', quickRuns: 4_000, generate, check }
