/**
 * What a bad line does to bytes: noise, lost messages, messages in pieces.
 * @module
 */

import { present } from '../protocol/assert.ts'
import { concatBytes } from '../protocol/bytes.ts'
import type { Dice } from './dice.ts'

/** Share of messages (0..1) that each fault hits. */
export type LineFaults = { readonly noise: number; readonly lost: number; readonly split: number }

export const cleanLine: LineFaults = { noise: 0, lost: 0, split: 0 }

/** Longest piece of garbage that noise puts before a message. */
const garbageBytesMax = 24

/** The pieces in which a message arrives; none when it is lost. */
export function disturb(message: Uint8Array, faults: LineFaults, dice: Dice): Uint8Array[] {
  if (dice.chance(faults.lost)) return []
  const heard = dice.chance(faults.noise) ? withNoise(message, dice) : message
  return dice.chance(faults.split) ? inPieces(heard, dice) : [heard]
}

/** Garbage before the message, or some of its bits turned. */
function withNoise(message: Uint8Array, dice: Dice): Uint8Array {
  if (dice.chance(0.5)) {
    const length = dice.between(1, garbageBytesMax)
    return concatBytes(
      Uint8Array.from({ length }, () => dice.between(0, 255)),
      message,
    )
  }
  const turned = Uint8Array.from(message)
  for (let turns = dice.between(1, 4); turns > 0; turns--) {
    const at = dice.between(0, turned.length - 1)
    turned[at] = present(turned[at], 'inside the message') ^ (1 << dice.between(0, 7))
  }
  return turned
}

function inPieces(message: Uint8Array, dice: Dice): Uint8Array[] {
  const pieces: Uint8Array[] = []
  for (let at = 0; at < message.length; ) {
    const size = dice.between(1, Math.max(1, message.length >> 1))
    pieces.push(message.slice(at, at + size))
    at += size
  }
  return pieces
}
