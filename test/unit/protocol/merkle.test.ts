import { describe, expect, test } from 'vitest'
import { concatBytes } from '../../../protocol/bytes.ts'
import { keccak256 } from '../../../protocol/keccak.ts'
import type { Leaves } from '../../../protocol/merkle.ts'
import {
  EMPTY_LEAF,
  merkleNode,
  merklePath,
  merkleRoot,
  merkleTree,
  receiptDepth,
  rootFromPath,
  STATEMENT_DEPTH,
  statementLeaf,
} from '../../../protocol/merkle.ts'
import { counting } from '../../support/fixtures.ts'

const leafAt = (position: number) =>
  statementLeaf({ position, channelId: counting(position & 0xff), amount: BigInt(position) })

const leavesAt = (...positions: readonly number[]): Leaves =>
  new Map(positions.map((position) => [position, leafAt(position)]))

/** The definition itself: every leaf written out, pairs hashed upwards. */
function plainRoot(leaves: Leaves, depth: number): Uint8Array {
  let level = Array.from({ length: 2 ** depth }, (_, place) => leaves.get(place) ?? EMPTY_LEAF)
  while (level.length > 1) {
    level = Array.from({ length: level.length / 2 }, (_, place) => {
      const pair = [level[2 * place] ?? EMPTY_LEAF, level[2 * place + 1] ?? EMPTY_LEAF]
      return keccak256(concatBytes(Uint8Array.of(1), ...pair))
    })
  }
  return level[0] ?? EMPTY_LEAF
}

describe('a Merkle tree', () => {
  test.each([[[]], [[0]], [[7]], [[0, 1]], [[2, 3, 5]], [[0, 1, 2, 3, 4, 5, 6, 7]]])(
    'of leaves at %j has the root of the tree with every leaf written out',
    (positions) => {
      const leaves = leavesAt(...positions)
      for (const depth of [3, 6]) {
        expect(merkleTree(leaves, depth).root).toEqual(plainRoot(leaves, depth))
      }
    },
  )

  test('proves each leaf and each empty position, at both ends too', () => {
    const leaves = leavesAt(0, 1, 77, 2 ** STATEMENT_DEPTH - 1)
    const root = merkleRoot(leaves)
    for (const position of [0, 1, 2, 76, 77, 2 ** STATEMENT_DEPTH - 1]) {
      const path = merklePath(leaves, position)
      expect(path).toHaveLength(STATEMENT_DEPTH)
      expect(rootFromPath(leaves.get(position) ?? EMPTY_LEAF, position, path)).toEqual(root)
    }
  })

  test('(!) proves a leaf at no other position and with no other sibling', () => {
    const leaves = leavesAt(4, 5, 6)
    const root = merkleRoot(leaves)
    const path = merklePath(leaves, 5)
    expect(rootFromPath(leafAt(5), 4, path)).not.toEqual(root)
    expect(rootFromPath(leafAt(4), 5, path)).not.toEqual(root)
    for (const height of path.keys()) {
      const altered = path.map((one, place) => (place === height ? counting(9) : one))
      expect(rootFromPath(leafAt(5), 5, altered)).not.toEqual(root)
    }
  })

  test('(!) a node is no leaf', () => {
    const inner = merkleNode(leafAt(0), leafAt(1))
    const root = merkleTree(leavesAt(0, 1), 1).root
    expect(root).toEqual(inner)
    expect(merkleTree(new Map([[0, inner]]), 1).root).not.toEqual(root)
  })

  test('of receipts is as deep as it has to be', () => {
    const counts = [1, 2, 3, 4, 5, 8, 9, 1_048_576]
    expect(counts.map(receiptDepth)).toEqual([0, 1, 2, 2, 3, 3, 4, 20])
  })
})
