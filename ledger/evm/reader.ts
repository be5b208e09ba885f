/**
 * Reads allocations from the contract, at the newest block and at the newest final one, and asks a
 * second node whether it knows the same.
 * @module
 */
import { OperatorError } from '../../ports/operatorError.ts'
import type { PublicKey } from '../../protocol/keys.ts'
import type { AllocationState } from '../ledger.ts'
import type { ContractCodec, Values } from './chain.ts'
import { createHistories, type History } from './history.ts'
import type { BlockTag, Node } from './node.ts'
import { disagreement, type Testimony } from './sourceRules.ts'
import { type Figures, figuresOf, hexOf, knowsSigner, type Opened, stateOf } from './states.ts'

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
  /** First position that neither evidence nor a statement has used. */
  readonly firstPosition: number
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
  const historyOf = createHistories(options)
  return {
    read: async (id) => {
      const newest = await figuresAt(options, id, 'latest')
      if (!newest) return undefined
      const head = await finalBlock(options)
      const final = head === undefined ? undefined : await figuresAt(options, id, head)
      const history = await historyOf(id)
      const opened = mustKnow(history, id, newest)
      const { statementPositions, evidencePositions } = history
      const positions = newest.statementSequence === 0 ? 0 : statementPositions
      return {
        state: stateOf(id, opened, newest, final, positions, options.gatewayKey),
        firstPosition: Math.max(statementPositions, evidencePositions),
        opened,
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

function mustKnow({ opened }: History, id: Uint8Array, figures: Figures): Opened {
  if (opened && knowsSigner(opened, figures)) return opened
  throw new OperatorError(
    `ledger evm: the node has no event for allocation ${hexOf(id)}; check createdAt and the node`,
  )
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
