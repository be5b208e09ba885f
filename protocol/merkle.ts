/**
 * Merkle trees over keccak-256, for statements (depth 20, one place for each position of an
 * allocation) and receipts. A leaf and a node begin with different bytes, so that neither passes
 * for the other (RFC 6962 section 2.1). The tree is sparse: subtrees without a leaf are not built.
 * @module
 */
import { assert } from './assert.ts'
import { exactBytes } from './bytes.ts'
import { keccak256 } from './keccak.ts'
import { POSITIONS_MAX } from './limits.ts'
import type { Receipt } from './structures.ts'
import { receiptStructure } from './structures.ts'
import { hashStructure } from './typedData.ts'

const HASH_BYTES = 32
const LEAF_TAG = 0x00
const NODE_TAG = 0x01

/** What an unused position holds. No leaf hashes to it. Shared: not to be written to. */
export const EMPTY_LEAF: Uint8Array = new Uint8Array(HASH_BYTES)
/** 2^20 positions. */
export const STATEMENT_DEPTH = 20

/** What one channel owes, cumulative, at its position. */
export type StatementLeaf = {
  readonly position: number
  /** 32 bytes. */
  readonly channelId: Uint8Array
  /** Minor units since the channel was opened. */
  readonly amount: bigint
}

/** Hashes by position. Positions that are missing hold the empty leaf. */
export type Leaves = ReadonlyMap<number, Uint8Array>

export type MerkleTree = {
  readonly root: Uint8Array
  /** Siblings from the leaf upwards, one for each level; also of a position without a leaf. */
  readonly path: (position: number) => readonly Uint8Array[]
}

/** H(0x00 | be32 position | channelId | be64 amount). */
export function statementLeaf({ position, channelId, amount }: StatementLeaf): Uint8Array {
  assert(position >= 0 && position < POSITIONS_MAX, 'a position within the tree')
  const bytes = new Uint8Array(1 + 4 + HASH_BYTES + 8)
  const view = new DataView(bytes.buffer)
  bytes[0] = LEAF_TAG
  view.setUint32(1, position)
  bytes.set(exactBytes(channelId, HASH_BYTES, 'channelId'), 5)
  view.setBigUint64(5 + HASH_BYTES, amount)
  return keccak256(bytes)
}

/** H(0x00 | hashStruct(receipt)). */
export function receiptLeaf(receipt: Receipt): Uint8Array {
  const bytes = new Uint8Array(1 + HASH_BYTES)
  bytes[0] = LEAF_TAG
  bytes.set(hashStructure(receiptStructure.type, receipt), 1)
  return keccak256(bytes)
}

/** Levels above so many receipts: ceil(log2 n); one receipt is its own root. */
export function receiptDepth(receipts: number): number {
  assert(receipts >= 1 && receipts <= POSITIONS_MAX, 'a tree of some receipts')
  return 32 - Math.clz32(receipts - 1)
}

/** H(0x01 | left | right). */
export function merkleNode(left: Uint8Array, right: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(1 + 2 * HASH_BYTES)
  bytes[0] = NODE_TAG
  bytes.set(left, 1)
  bytes.set(right, 1 + HASH_BYTES)
  return keccak256(bytes)
}

/** Roots of subtrees without a leaf, by their depth. */
const emptySubtrees: Uint8Array[] = [EMPTY_LEAF]

function emptySubtree(depth: number): Uint8Array {
  for (let known = emptySubtrees.length; known <= depth; known++) {
    const below = emptySubtrees[known - 1] ?? EMPTY_LEAF
    emptySubtrees.push(merkleNode(below, below))
  }
  return emptySubtrees[depth] ?? EMPTY_LEAF
}

/** Builds every level once; positions are below 2^depth. */
export function merkleTree(leaves: Leaves, depth: number): MerkleTree {
  assert(Number.isInteger(depth) && depth >= 0 && depth <= STATEMENT_DEPTH, 'a depth of 0 to 20')
  for (const position of leaves.keys()) assertWithin(position, depth)
  const levels: Leaves[] = [leaves]
  let top = leaves
  for (let height = 0; height < depth; height++) {
    top = levelAbove(top, emptySubtree(height))
    levels.push(top)
  }
  return {
    root: top.get(0) ?? emptySubtree(depth),
    path: (position) => pathOf(levels, position, depth),
  }
}

function levelAbove(level: Leaves, empty: Uint8Array): Leaves {
  const above = new Map<number, Uint8Array>()
  for (const position of level.keys()) {
    const parent = position >>> 1
    if (above.has(parent)) continue
    const left = level.get(2 * parent) ?? empty
    const right = level.get(2 * parent + 1) ?? empty
    above.set(parent, merkleNode(left, right))
  }
  return above
}

function pathOf(levels: readonly Leaves[], position: number, depth: number): Uint8Array[] {
  assertWithin(position, depth)
  return Array.from({ length: depth }, (_, height) => {
    const sibling = (position >>> height) ^ 1
    return levels[height]?.get(sibling) ?? emptySubtree(height)
  })
}

function assertWithin(position: number, depth: number): void {
  const isWithin = Number.isInteger(position) && position >= 0 && position < 2 ** depth
  assert(isWithin, 'a position within the tree')
}

/** The root of the tree of a statement. */
export function merkleRoot(leaves: Leaves): Uint8Array {
  return merkleTree(leaves, STATEMENT_DEPTH).root
}

/** 20 siblings, bottom up. For many paths of one tree take `merkleTree`. */
export function merklePath(leaves: Leaves, position: number): readonly Uint8Array[] {
  return merkleTree(leaves, STATEMENT_DEPTH).path(position)
}

/**
 * The root that a leaf and its siblings give. The path's length is for the caller to check: a
 * verifier knows the depth and must not take it from the prover.
 */
export function rootFromPath(
  leaf: Uint8Array,
  position: number,
  path: readonly Uint8Array[],
): Uint8Array {
  let node = leaf
  for (let height = 0; height < path.length; height++) {
    const sibling = path[height] ?? EMPTY_LEAF
    const isRight = (position >>> height) & 1
    node = isRight ? merkleNode(sibling, node) : merkleNode(node, sibling)
  }
  return node
}
