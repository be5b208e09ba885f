/**
 * Chains of the load generator. A word is kept at equal distances only, so that millions of them
 * take little memory; those in between are made anew for the window that shows them.
 * @module
 */
import { hash } from 'node:crypto'
import { BIND_BYTES, STEP_BYTES, stepBlock, WORD_BYTES } from '../../protocol/chain.ts'

/** A window repeats at most so many hashes of a chain. */
const SPACING = 64
const INDEX_OFFSET = 3 + BIND_BYTES
const WORD_OFFSET = STEP_BYTES - WORD_BYTES

/** Where words go: the word `step` further along stands `stride` bytes behind. */
export type Target = {
  readonly bytes: Buffer
  readonly offset: number
  readonly stride: number
  readonly count: number
  readonly step: number
}

export type SparseChain = {
  readonly root: Uint8Array
  readonly length: number
  /** Writes the words from index `from + step` on. */
  readonly write: (from: number, target: Target) => void
}

/** The chain of `length` words below `last`. */
export function sparseChain(bind: Uint8Array, last: Uint8Array, length: number): SparseChain {
  const kept = Buffer.allocUnsafeSlow((Math.floor(length / SPACING) + 1) * WORD_BYTES)
  const block = Buffer.from(stepBlock(bind))
  block.set(last, WORD_OFFSET)
  for (let index = length; index > 0; index--) {
    if (index % SPACING === 0) keep(kept, block, index)
    stepDown(block, index)
  }
  keep(kept, block, 0)
  const root = new Uint8Array(block.subarray(WORD_OFFSET))
  const write = (from: number, target: Target) => {
    const highest = from + target.count * target.step
    const start = Math.min(Math.ceil(highest / SPACING) * SPACING, length)
    const place = (start / SPACING) * WORD_BYTES
    block.set(start === length ? last : kept.subarray(place, place + WORD_BYTES), WORD_OFFSET)
    writeDown(block, start, from, target)
  }
  return { root, length, write }
}

/** Walks down from the word at `start`, which is in the block. */
function writeDown(block: Buffer, start: number, from: number, target: Target): void {
  const { bytes, offset, stride, step } = target
  let message = target.count - 1
  for (let index = start; message >= 0; index--) {
    if (index === from + (message + 1) * step) {
      block.copy(bytes, offset + message * stride, WORD_OFFSET)
      message -= 1
    }
    stepDown(block, index)
  }
}

function keep(kept: Buffer, block: Buffer, index: number): void {
  block.copy(kept, (index / SPACING) * WORD_BYTES, WORD_OFFSET)
}

/**
 * From the word at `index` to the one below, in place. Node makes a string of 32 characters in less
 * than half of the time that a buffer takes it.
 */
function stepDown(block: Buffer, index: number): void {
  block.writeUInt32BE(index, INDEX_OFFSET)
  block.write(hash('sha256', block, 'binary'), WORD_OFFSET, WORD_BYTES, 'latin1')
}
