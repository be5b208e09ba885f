/**
 * Vectors of Merkle trees: statements, receipts, paths.
 * @module
 */
import type { StatementLeaf } from '../../../protocol/merkle.ts'
import {
  EMPTY_LEAF,
  merkleTree,
  receiptDepth,
  receiptLeaf,
  STATEMENT_DEPTH,
  statementLeaf,
} from '../../../protocol/merkle.ts'
import type { Receipt } from '../../../protocol/structures.ts'
import { receiptStructure } from '../../../protocol/structures.ts'
import { channelId, counting } from '../fixtures.ts'
import type { Json } from './json.ts'
import { fieldsToJson, formatFile, toJson } from './json.ts'

const last = 2 ** STATEMENT_DEPTH - 1
const wide = (1n << 64n) - 1n

const leafAt = (position: number, amount: bigint): StatementLeaf => ({
  position,
  channelId: counting(position & 0xff),
  amount,
})

const trees: readonly (readonly StatementLeaf[])[] = [
  [],
  [leafAt(0, 0n)],
  [leafAt(0, 1_500n), leafAt(1, 22_000n), leafAt(5, 7n)],
  [leafAt(3, wide), leafAt(last, 1n)],
]

function treeToJson(leaves: readonly StatementLeaf[]): Json {
  const hashed = new Map(leaves.map((one) => [one.position, statementLeaf(one)]))
  const tree = merkleTree(hashed, STATEMENT_DEPTH)
  const shown = [...new Set([0, 5, last, ...hashed.keys()])]
  return toJson({
    leaves: leaves.map((one) => ({ ...one, leaf: hashed.get(one.position) })),
    root: tree.root,
    paths: shown.map((position) => ({
      position,
      leaf: hashed.get(position) ?? EMPTY_LEAF,
      path: tree.path(position),
    })),
  })
}

const receiptAt = (place: number): Receipt => ({
  channelId: place === 0 ? channelId : counting(100 + place),
  epoch: 1 + place,
  index: 250 * place,
  amount: BigInt(place) * 1_000_000n,
  units: BigInt(place) * 2_500n,
  register: 4_000n + BigInt(place) * 2_500n,
  tariffHash: counting(200),
  position: 77,
})

function receiptsToJson(count: number): Json {
  const receipts = Array.from({ length: count }, (_, place) => receiptAt(place))
  const leaves = new Map(receipts.map((one, place) => [place, receiptLeaf(one)]))
  const tree = merkleTree(leaves, receiptDepth(count))
  return {
    receipts: receipts.map((one) => fieldsToJson(receiptStructure.type, one)),
    leaves: toJson([...leaves.values()]),
    root: toJson(tree.root),
    paths: toJson(receipts.map((_, place) => tree.path(place))),
  }
}

export function merkleVectors(): string {
  return formatFile({
    about: [
      'Section 10.2. statements: the leaves of a statement, its root, and for some positions what',
      'stands there and the 20 siblings, bottom up. receipts: in the order of the tree, not sorted',
      'here; leaves, root and the siblings of each.',
    ],
    statements: trees.map(treeToJson),
    receipts: [1, 2, 3, 5].map(receiptsToJson),
  })
}
