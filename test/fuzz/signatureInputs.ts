/**
 * Signatures changed as a forger would: other numbers with the same meaning, numbers at the edges,
 * damaged bytes.
 * @module
 */
import { concatBytes } from '../../protocol/bytes.ts'
import type { Algorithm } from '../../protocol/keys.ts'
import {
  bigEndianBytes,
  bigEndianNumber,
  curves,
  edwardsOrder,
  littleEndianBytes,
  littleEndianNumber,
} from '../support/curves/textbook.ts'
import type { Dice } from './dice.ts'
import { damaged } from './dice.ts'

export { seededDice } from './dice.ts'

const top = 1n << 256n

/** The same signature about once in six, else one that is malleable, at an edge or damaged. */
export function alteredSignature(
  dice: Dice,
  algorithm: Algorithm,
  signature: Uint8Array,
): Uint8Array {
  const kind = dice.below(6)
  if (kind === 0) return signature
  if (kind === 1) return damaged(dice, signature)
  if (kind === 2) return dice.bytes(64)
  return algorithm === 'ed25519'
    ? alteredEdwards(dice, signature)
    : alteredEcdsa(dice, curves[algorithm].n, signature)
}

function alteredEcdsa(dice: Dice, n: bigint, signature: Uint8Array): Uint8Array {
  const r = bigEndianNumber(signature.subarray(0, 32))
  const s = bigEndianNumber(signature.subarray(32))
  const other = (own: bigint) =>
    dice.pick([own, own, n - own, own + n, own + 1n, own - 1n, 0n, 1n, n, n - 1n, n + 1n, top - 1n])
  const wrapped = (value: bigint) => bigEndianBytes(((value % top) + top) % top)
  return concatBytes(wrapped(other(r)), wrapped(other(s)))
}

function alteredEdwards(dice: Dice, signature: Uint8Array): Uint8Array {
  const s = littleEndianNumber(signature.subarray(32))
  const other = dice.pick([
    s,
    s + edwardsOrder * BigInt(1 + dice.below(15)),
    edwardsOrder - s,
    s + (1n << 253n),
    s + (1n << 255n),
    0n,
    edwardsOrder,
    edwardsOrder - 1n,
  ])
  const r = signature.slice(0, 32)
  if (dice.oneIn(3)) r[31] = (r[31] ?? 0) ^ 0x80
  if (dice.oneIn(4)) r.set(dice.pick([littleEndianBytes(0n), littleEndianBytes(1n)]))
  return concatBytes(r, littleEndianBytes(other % top))
}
