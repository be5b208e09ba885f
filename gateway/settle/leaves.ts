/**
 * The Merkle trees of an allocation's statements: over what is about to be stated, and over what is
 * in force, which every claim by evidence has to show its leaf of.
 * @module
 */
import type { ClaimLeaf } from '../../ledger/ledger.ts'
import { bytesToHex } from '../../protocol/bytes.ts'
import type { Leaves, MerkleTree, StatementLeaf } from '../../protocol/merkle.ts'
import { merkleTree, STATEMENT_DEPTH, statementLeaf } from '../../protocol/merkle.ts'
import { statedOf } from '../state/settled.ts'
import type { GatewayState } from '../state/state.ts'
import { allocationOf } from '../state/state.ts'

/** Leaves hashed in one turn of the event loop: each needs a record of the cold state. */
const LEAVES_PER_TURN = 128
/** Positions of one subtree, built in one turn: 4,096 leaves take some 10 ms. */
const SUBTREE_DEPTH = 12

/** Lets ticks be taken in between. */
export type NextTurn = () => Promise<void>

export type StatementTree = {
  readonly root: Uint8Array
  readonly path: (position: number) => readonly Uint8Array[]
  /** First position beyond all leaves. */
  readonly positions: number
}

/** The leaf of a channel that owes `amount`. */
export function leafOfChannel(
  { cold }: GatewayState,
  channel: number,
  amount: bigint,
): StatementLeaf {
  const { channelId, channel: terms } = cold.channel(channel)
  return { position: terms.position, channelId, amount }
}

/**
 * The tree over these amounts by channel number; those of 0 have no leaf. `strangers` are leaves of
 * channels that this store has lost.
 */
export async function buildTree(
  state: GatewayState,
  amounts: ReadonlyMap<number, bigint>,
  strangers: readonly StatementLeaf[],
  nextTurn: NextTurn,
): Promise<StatementTree> {
  const groups = new Map<number, Map<number, Uint8Array>>()
  let positions = 0
  let hashed = 0
  const add = (leaf: StatementLeaf) => {
    const group = leaf.position >>> SUBTREE_DEPTH
    const leaves = groups.get(group) ?? new Map<number, Uint8Array>()
    leaves.set(leaf.position & (2 ** SUBTREE_DEPTH - 1), statementLeaf(leaf))
    groups.set(group, leaves)
    positions = Math.max(positions, leaf.position + 1)
  }
  for (const stranger of strangers) add(stranger)
  for (const [channel, amount] of amounts) {
    if (amount === 0n) continue
    add(leafOfChannel(state, channel, amount))
    if (++hashed % LEAVES_PER_TURN === 0) await nextTurn()
  }
  return joinGroups(groups, positions, nextTurn)
}

async function joinGroups(
  groups: ReadonlyMap<number, Leaves>,
  positions: number,
  nextTurn: NextTurn,
): Promise<StatementTree> {
  const none = merkleTree(new Map(), SUBTREE_DEPTH)
  const subtrees = new Map<number, MerkleTree>()
  for (const [group, leaves] of groups) {
    subtrees.set(group, merkleTree(leaves, SUBTREE_DEPTH))
    await nextTurn()
  }
  const topDepth = STATEMENT_DEPTH - SUBTREE_DEPTH
  const roots = new Map<number, Uint8Array>()
  for (let group = 0; group < 2 ** topDepth; group++) {
    roots.set(group, (subtrees.get(group) ?? none).root)
  }
  const top = merkleTree(roots, topDepth)
  return {
    root: top.root,
    positions,
    path: (position) => {
      const group = position >>> SUBTREE_DEPTH
      const below = (subtrees.get(group) ?? none).path(position & (2 ** SUBTREE_DEPTH - 1))
      return [...below, ...top.path(group)]
    },
  }
}

/** Leaves in force of channels that this store has lost. */
export function strangersOf(
  { statements }: GatewayState,
  allocation: Uint8Array,
): readonly StatementLeaf[] {
  return statements.strangers.get(bytesToHex(allocation)) ?? []
}

/** Positions of those channels: none of this store's own is ever paid there. */
export function positionsLost(state: GatewayState, allocation: Uint8Array): ReadonlySet<number> {
  return new Set(strangersOf(state, allocation).map(({ position }) => position))
}

/** Trees of the statements in force, kept until the next one. */
export type LeafProofs = {
  /** Builds the tree that claims of this channel's allocation need, where one is in force. */
  readonly prepare: (channel: number, nextTurn: NextTurn) => Promise<void>
  /** Undefined where no statement is in force, or it was not prepared. */
  readonly leafOf: (channel: number) => ClaimLeaf | undefined
}

type KnownTree = {
  readonly root: Uint8Array
  readonly tree: StatementTree
  /** Leaves of channels that this store has lost, by position. */
  readonly lost: ReadonlyMap<number, StatementLeaf>
}

export function createLeafProofs(state: GatewayState): LeafProofs {
  const trees = new Map<string, KnownTree>()
  return {
    prepare: async (channel, nextTurn) => {
      const { id } = allocationOf(state, channel)
      const name = bytesToHex(id)
      const root = state.statements.inForce.get(name)?.root
      if (root === undefined) trees.delete(name)
      if (root === undefined || trees.get(name)?.root === root) return
      const strangers = strangersOf(state, id)
      const tree = await buildTree(state, statedOf(state, id), strangers, nextTurn)
      trees.set(name, { root, tree, lost: new Map(strangers.map((one) => [one.position, one])) })
    },
    leafOf: (channel) => {
      const name = bytesToHex(allocationOf(state, channel).id)
      const known = trees.get(name)
      if (!known) return undefined
      const amount = state.statements.stated.get(channel) ?? 0n
      const { position, channelId } = leafOfChannel(state, channel, amount)
      const path = known.tree.path(position)
      const other = known.lost.get(position)
      if (other) return { amount: other.amount, channelId: other.channelId, path }
      return amount === 0n ? { amount, channelId: 'empty', path } : { amount, channelId, path }
    },
  }
}
