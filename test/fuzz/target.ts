/**
 * What is fuzzed: every target makes inputs of its own structure and says what is wrong with how
 * one was dealt with. Inputs are bytes, also where they stand for a story: then each byte is a
 * decision, so that all targets are shrunk, kept and repeated alike.
 * @module
 */
import type { Dice } from './dice.ts'

export type Target = {
  readonly name: string
  /** Runs in the ordinary tests: together a few seconds. */
  readonly quickRuns: number
  readonly generate: (dice: Dice) => Uint8Array
  /** What is wrong, undefined when nothing is; what it throws is wrong as well. */
  readonly check: (input: Uint8Array) => string | undefined | Promise<string | undefined>
}

/** Dice that take their decisions from `input`, and always the first choice once it is used up. */
export function diceOf(input: Uint8Array): Dice & { readonly isOver: () => boolean } {
  let at = 0
  const byte = () => input[at++] ?? 0
  const below = (limit: number) => {
    if (limit <= 256) return byte() % limit
    if (limit <= 65_536) return ((byte() << 8) | byte()) % limit
    return (byte() * 16_777_216 + ((byte() << 16) | (byte() << 8) | byte())) % limit
  }
  return {
    below,
    oneIn: (times) => below(times) === times - 1,
    pick: (list) => {
      const one = list[below(list.length)]
      if (one === undefined) throw new RangeError('nothing to pick from')
      return one
    },
    bytes: (length) => Uint8Array.from({ length }, byte),
    size: (max) => below(max + 1),
    isOver: () => at >= input.length,
  }
}
