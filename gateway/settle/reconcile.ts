/**
 * Makes the books say what the ledger says: which statement is in force, and what was paid. Leaves
 * that the store lost come from what was in force before, or from the fleet, and count only when
 * they give the ledger's own root.
 * @module
 */
import type { AllocationState } from '../../ledger/ledger.ts'
import { present } from '../../protocol/assert.ts'
import { bytesToHex, equalBytes } from '../../protocol/bytes.ts'
import type { StatementLeaf } from '../../protocol/merkle.ts'
import type { Statement } from '../../protocol/structures.ts'
import type { Core } from '../core.ts'
import { placeOf } from '../state/settled.ts'
import { packLeaves, packStrangers, unpackLeaves } from '../state/statements.ts'
import { isSameStatement } from './doubts.ts'
import { buildTree, strangersOf } from './leaves.ts'
import { inTurns } from './settler.ts'

/** Leaves in one entry of the journal: at most 44 bytes each. */
const LEAVES_PER_ENTRY_MAX = 16_384

/** Compares every doubtful allocation with the ledger. @throws what the ledger throws */
export async function reconcile(core: Core): Promise<void> {
  for (const name of [...core.doubts.doubtful]) {
    const use = core.state.allocations.find(({ id }) => bytesToHex(id) === name)
    const known = use && (await core.ledger.allocation(use.id))
    if (known && (await reconcileOne(core, name, known))) core.doubts.doubtful.delete(name)
  }
}

/** False where it has to be asked again. */
async function reconcileOne(core: Core, name: string, known: AllocationState): Promise<boolean> {
  const { doubts, state } = core
  const booked = await paidInBooks(core, known.id)
  const isSame = isSameStatement(state.statements.inForce.get(name), known)
  if (!isSame && !(await restate(core, name, known, booked))) {
    if (!doubts.forgotten.has(name)) {
      core.ports.log('error', 'the leaves of the statement in force are lost; the fleet is asked', {
        allocation: name,
        sequence: known.statementSequence,
      })
    }
    doubts.forgotten.set(name, known)
    return false
  }
  doubts.forgotten.delete(name)
  if (isSame && booked > known.paid)
    unstate(core, known, booked, state.statements.inForce.get(name))
  if (booked !== known.paid) doubts.shownAgain.add(name)
  await core.funds.load(known.id)
  return true
}

async function paidInBooks(core: Core, allocation: Uint8Array): Promise<bigint> {
  const place = placeOf(core.state, allocation)
  const { columns } = core.state.hot
  let sum = strangersOf(core.state, allocation).reduce((all, { amount }) => all + amount, 0n)
  await inTurns(core, async (from, to) => {
    for (let channel = from; channel < to; channel++) {
      if (columns.allocation[channel] === place) sum += columns.paid[channel] ?? 0n
    }
  })
  return sum
}

/** Puts in force here what is in force there, where its leaves are known. */
async function restate(core: Core, name: string, known: AllocationState, booked: bigint) {
  if (known.statementSequence === 0) {
    unstate(core, known, booked, undefined)
    return true
  }
  const former = core.state.statements.former.get(name) ?? []
  const found = former.find(({ statement }) => isSameStatement(statement, known))
  if (!found) return false
  const strangers = strangersOf(core.state, known.id)
  const leaves = unpackLeaves(found.leaves)
  if (!(await isOfRoot(core, known, leaves, strangers))) return false
  write(core, known, booked, { statement: found.statement, leaves, strangers })
  return true
}

async function isOfRoot(
  core: Core,
  known: AllocationState,
  leaves: ReadonlyMap<number, bigint>,
  strangers: readonly StatementLeaf[],
): Promise<boolean> {
  const nextTurn = () => new Promise<void>((resolve) => core.ports.timers.soon(resolve))
  const { root } = await buildTree(core.state, leaves, strangers, nextTurn)
  return equalBytes(root, known.statementRoot)
}

type InForce = {
  readonly statement: Statement
  readonly leaves: ReadonlyMap<number, bigint>
  readonly strangers: readonly StatementLeaf[]
}

/** What was stated is no longer; what it says instead, where the same statement is still there. */
function unstate(
  core: Core,
  known: AllocationState,
  booked: bigint,
  statement: Statement | undefined,
): void {
  const name = bytesToHex(known.id)
  const former = core.state.statements.former.get(name) ?? []
  const same = statement && former.find((one) => equalBytes(one.statement.root, statement.root))
  if (statement && same) {
    const strangers = strangersOf(core.state, known.id)
    write(core, known, booked, { statement, leaves: unpackLeaves(same.leaves), strangers })
  } else if (!statement) {
    const takenBack = booked > known.paid
    core.writer.record({ kind: 'unstated', allocation: known.id, takenBack })
    if (takenBack) warn(core, known, booked)
  }
}

function warn({ ports }: Core, known: AllocationState, booked: bigint): void {
  ports.log('warn', 'the ledger has taken payments back; all evidence is shown again', {
    allocation: bytesToHex(known.id),
    booked: booked.toString(),
    paid: known.paid.toString(),
  })
}

/** All in one turn: the entries become durable together. */
function write(core: Core, known: AllocationState, booked: bigint, inForce: InForce): void {
  const { id: allocation } = known
  const takenBack = booked > known.paid
  core.writer.record({ kind: 'unstated', allocation, takenBack })
  if (takenBack) warn(core, known, booked)
  const leaves = [...inForce.leaves]
  const { strangers, statement } = inForce
  const count = Math.max(leaves.length, strangers.length, 1)
  for (let from = 0; from < count; from += LEAVES_PER_ENTRY_MAX) {
    const to = from + LEAVES_PER_ENTRY_MAX
    core.writer.record({
      kind: 'restated',
      allocation,
      leaves: packLeaves(new Map(leaves.slice(from, to))),
      strangers: packStrangers(strangers.slice(from, to)),
      statement: to >= count ? statement : undefined,
    })
  }
}

/**
 * Takes leaves that somebody brings for the statement that was forgotten. True when they give the
 * root that the ledger goes by; nothing else makes them true, so anybody may bring them.
 */
export async function takeLeaves(
  core: Core,
  name: string,
  brought: readonly StatementLeaf[],
): Promise<boolean> {
  const known = core.doubts.forgotten.get(name)
  if (!known) return false
  const leaves = new Map<number, bigint>()
  const strangers: StatementLeaf[] = []
  const place = placeOf(core.state, known.id)
  for (const leaf of brought) {
    const channel = core.state.cold.numberOf(leaf.channelId)
    const isOurs = channel !== undefined && isAt(core, channel, place, leaf.position)
    if (isOurs) leaves.set(channel, leaf.amount)
    else strangers.push(leaf)
  }
  if (!(await isOfRoot(core, known, leaves, strangers))) return false
  // The ledger may have gone on meanwhile; then this is found out with the next comparison.
  if (core.doubts.forgotten.get(name) !== known) return false
  const booked = await paidInBooks(core, known.id)
  write(core, known, booked, { statement: statementOf(known, brought), leaves, strangers })
  core.doubts.forgotten.delete(name)
  core.doubts.doubtful.add(name)
  core.ports.log('info', 'the leaves of the statement in force are known again', {
    allocation: name,
    sequence: known.statementSequence,
    channelsLost: strangers.length,
  })
  return true
}

function isAt({ state }: Core, channel: number, place: number, position: number): boolean {
  const record = state.cold.channel(channel)
  return state.hot.columns.allocation[channel] === place && record.channel.position === position
}

/** As much of the statement as the ledger tells; its times are over. */
function statementOf(known: AllocationState, leaves: readonly StatementLeaf[]): Statement {
  const total = leaves.reduce((sum, { amount }) => sum + amount, 0n)
  const { id, statementSequence, statementRoot, statementPositions, evidencePaid } = known
  return {
    allocation: present(id, 'an allocation has an id'),
    sequence: statementSequence,
    total,
    evidencePaid,
    positions: statementPositions,
    root: statementRoot,
    issuedAt: 0,
    expiry: 0,
  }
}
