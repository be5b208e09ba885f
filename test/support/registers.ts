/**
 * Registers for tests and vectors of the checks on a tick.
 * @module
 */
import type { Register } from '../../protocol/channel.ts'
import type { Tick } from '../../protocol/tick.ts'
import type { Opened } from './fixtures.ts'
import { mandate, openEpoch, renewalTerms } from './fixtures.ts'

/** Epoch 3 of 2,000 ticks, and epoch 5 that renews it. */
export const running: Opened = openEpoch({ epoch: 3 })
export const renewal: Opened = openEpoch({ ...renewalTerms(running.commitment), epoch: 5 })

/** A register at `index` of `running`, with nothing pending. */
export function registerAt(index: number, changes: Partial<Register> = {}): Register {
  return {
    epoch: 3,
    index,
    length: 2_000,
    word: running.chain.wordAt(index),
    bind: running.bind,
    pendingEpoch: 0,
    pendingLength: 0,
    pendingRoot: new Uint8Array(32),
    pendingBind: new Uint8Array(16),
    claimUntilSeconds: mandate.claimUntil,
    closed: false,
    ...changes,
  }
}

/** The same with `renewal` pending. */
export function renewingAt(index: number, changes: Partial<Register> = {}): Register {
  return registerAt(index, {
    pendingEpoch: 5,
    pendingLength: renewal.chain.length,
    pendingRoot: renewal.chain.root,
    pendingBind: renewal.bind,
    ...changes,
  })
}

/** A channel that was never opened. */
export const unopened: Register = registerAt(0, {
  epoch: 0,
  length: 0,
  word: new Uint8Array(32),
  bind: new Uint8Array(16),
})

/** A true tick of `running`. */
export function tickOf(index: number, changes: Partial<Tick> = {}): Tick {
  return { slot: 2, epoch: 3, index, word: running.chain.wordAt(index), ...changes }
}

/** A true tick of `renewal`. */
export function renewalTick(index: number): Tick {
  return { slot: 2, epoch: 5, index, word: renewal.chain.wordAt(index) }
}
