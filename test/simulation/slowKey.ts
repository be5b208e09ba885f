/**
 * A key that lives in hardware: it answers when it likes, and now and then not at all.
 * @module
 */
import type { Signer } from '../../agent/epochs.ts'
import { diceFrom } from '../../firmware-sim/dice.ts'
import type { Timers } from '../../ports/index.ts'
import { OperatorError } from '../../ports/operatorError.ts'

const failingShare = 0.1

/** Signs by `sign` within `longestMs`. */
export function slowSigning(
  sign: (digest: Uint8Array) => Uint8Array,
  timers: Timers,
  longestMs: number,
  seed: number,
): Signer['sign'] {
  const dice = diceFrom(seed)
  return (digest) =>
    new Promise((resolve, reject) => {
      timers.after(dice.between(1, longestMs), () => {
        if (dice.chance(failingShare)) reject(new OperatorError('the key does not answer'))
        else resolve(sign(digest))
      })
    })
}
