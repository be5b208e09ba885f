/**
 * Reads allocations from the contract, at the newest block and at the newest final one, and asks a
 * second node whether it knows the same.
 * @module
 */
import { OperatorError } from '../../ports/operatorError.ts'
import type { PublicKey } from '../../protocol/keys.ts'
import type { AllocationState } from '../ledger.ts'
import type { ContractCodec, Values } from './chain.ts'
import type { BlockTag, Node } from './node.ts'
import { disagreement, type Testimony } from './sourceRules.ts'
import {
  type Figures,
  figuresOf,
  hexOf,
  knowsSigner,
  type Opened,
  openedOf,
  stateOf,
} from './states.ts'

export type ReaderOptions = {
  readonly node: Node
  /** Another operator's node; what the two disagree on is not settled. */
  readonly second?: Node
  readonly codec: ContractCodec
  /** `0x` and 40 digits. */
  readonly contract: string
  /** Block of the contract's creation: no event is older. */
  readonly createdAt: number
  readonly confirmations: number
  readonly gatewayKey?: PublicKey
}

export type Known = {
  readonly state: AllocationState
  readonly opened: Opened
  /** As it was at the newest final block; undefined when it was not open there. */
  readonly final: Figures | undefined
}

export type Reader = {
  /** Undefined for an allocation that was not opened. */
  readonly read: (id: Uint8Array) => Promise<Known | undefined>
  /** The newest block that is final; undefined on a chain that has none yet. */
  readonly finalBlock: () => Promise<number | undefined>
  /** A line for the operator where two sources disagree. */
  readonly compare: (id: Uint8Array) => Promise<string | undefined>
}

export function createReader(options: ReaderOptions): Reader {
  /** By id: names never change, and a signer is asked for again when it is another. */
  const opened = new Map<string, Opened>()
  return {
    read: async (id) => {
      const newest = await figuresAt(options, id, 'latest')
      if (!newest) return undefined
      const head = await finalBlock(options)
      const final = head === undefined ? undefined : await figuresAt(options, id, head)
      const known = await openedFor(options, opened, id, newest)
      const positions = newest.statementSequence === 0 ? 0 : await positionsOf(options, id)
      return {
        state: stateOf(id, known, newest, final, positions, options.gatewayKey),
        opened: known,
        final,
      }
    },
    finalBlock: () => finalBlock(options),
    compare: (id) => compare(options, id),
  }
}

async function finalBlock({ node, confirmations }: ReaderOptions): Promise<number | undefined> {
  const head = await node.block('latest')
  const number = head ? head.number - confirmations + 1 : -1
  return number < 0 ? undefined : number
}

const answerOf = ({ codec, contract }: ReaderOptions, node: Node, id: Uint8Array, tag: BlockTag) =>
  node.call({ to: contract, data: codec.encode('allocation', [hexOf(id)]) }, tag)

async function figuresAt(
  options: ReaderOptions,
  id: Uint8Array,
  tag: BlockTag,
): Promise<Figures | undefined> {
  const answer = await answerOf(options, options.node, id, tag)
  // Before the contract was there, an address answers nothing.
  if (answer === '0x') return undefined
  return figuresOf(options.codec.decode('allocation', answer) as Values)
}

async function eventsOf(options: ReaderOptions, name: string, id: Uint8Array) {
  const { codec, contract, createdAt, node } = options
  const logs = await node.logs(contract, [codec.topic(name), hexOf(id)], createdAt)
  return logs.flatMap((log) => codec.event(log) ?? [])
}

async function openedFor(
  options: ReaderOptions,
  known: Map<string, Opened>,
  id: Uint8Array,
  figures: Figures,
): Promise<Opened> {
  const cached = known.get(hexOf(id))
  if (cached && knowsSigner(cached, figures)) return cached
  const openings = await eventsOf(options, 'Opened', id)
  const rotations = await eventsOf(options, 'SignerRotated', id)
  const found = openedOf([...openings, ...rotations])
  if (!found || !knowsSigner(found, figures)) {
    throw new OperatorError(
      `ledger evm: the node has no event for allocation ${hexOf(id)}; check createdAt and the node`,
    )
  }
  known.set(hexOf(id), found)
  return found
}

async function positionsOf(options: ReaderOptions, id: Uint8Array): Promise<number> {
  const statements = await eventsOf(options, 'StatementTaken', id)
  return Number(statements.at(-1)?.values['positions'] ?? 0)
}

async function compare(options: ReaderOptions, id: Uint8Array): Promise<string | undefined> {
  const { node, second } = options
  if (!second) return undefined
  const number = await finalBlock(options)
  if (number === undefined) return undefined
  const mine = await testimony(options, node, id, number)
  const other = await testimony(options, second, id, number)
  // A second source that is behind says nothing against the first.
  return mine && other ? disagreement(mine, other) : undefined
}

async function testimony(
  options: ReaderOptions,
  node: Node,
  id: Uint8Array,
  number: number,
): Promise<Testimony | undefined> {
  const block = await node.block(number)
  if (!block) return undefined
  const state = await answerOf(options, node, id, number)
  return { chainId: String(await node.chainId()), block: number, hash: block.hash, state }
}
