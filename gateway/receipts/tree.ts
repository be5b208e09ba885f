/**
 * The Merkle tree over the receipts of one root: levels in flat memory, built some nodes in each
 * turn of the event loop, so that ticks are taken in between.
 * @module
 */
import { merkleNode, merkleTree, receiptDepth } from '../../protocol/merkle.ts'
import { NODES_PER_TURN } from './limits.ts'

const HASH_BYTES = 32

export type ReceiptTree = {
  readonly root: Uint8Array
  /** Siblings from the leaf upwards. */
  readonly path: (place: number) => readonly Uint8Array[]
}

/** `leaves` has 32 bytes for each of at least one leaf. */
export async function receiptTree(
  leaves: Uint8Array,
  nextTurn: () => Promise<void>,
): Promise<ReceiptTree> {
  const depth = receiptDepth(leaves.length / HASH_BYTES)
  const empties = Array.from({ length: depth + 1 }, (_, at) => merkleTree(new Map(), at).root)
  const levels = [leaves]
  for (let height = 0; height < depth; height++) {
    const below = levels[height] ?? leaves
    levels.push(await levelAbove(below, empties[height] ?? leaves, nextTurn))
  }
  return {
    root: nodeAt(levels[depth] ?? leaves, 0) ?? leaves,
    path: (place) =>
      Array.from({ length: depth }, (_, height) => {
        const sibling = nodeAt(levels[height] ?? leaves, (place >>> height) ^ 1)
        return (sibling ?? empties[height] ?? leaves).slice()
      }),
  }
}

async function levelAbove(
  below: Uint8Array,
  empty: Uint8Array,
  nextTurn: () => Promise<void>,
): Promise<Uint8Array> {
  const count = Math.ceil(below.length / HASH_BYTES / 2)
  const above = new Uint8Array(count * HASH_BYTES)
  for (let place = 0; place < count; place++) {
    const left = nodeAt(below, 2 * place) ?? empty
    const right = nodeAt(below, 2 * place + 1) ?? empty
    above.set(merkleNode(left, right), place * HASH_BYTES)
    if ((place + 1) % NODES_PER_TURN === 0) await nextTurn()
  }
  return above
}

function nodeAt(level: Uint8Array, place: number): Uint8Array | undefined {
  const at = place * HASH_BYTES
  return at < level.length ? level.subarray(at, at + HASH_BYTES) : undefined
}
