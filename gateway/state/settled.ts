/**
 * What settling changes in the state: answers of the ledger, statements that ended, and what the
 * ledger says where the books knew otherwise.
 * @module
 */
import { assert, present } from '../../protocol/assert.ts'
import { bytesToHex, equalBytes } from '../../protocol/bytes.ts'
import type { Statement } from '../../protocol/structures.ts'
import { raisePaid, setPaid } from './allocations.ts'
import type { GatewayEvent, SettledItem } from './events.ts'
import type { GatewayState } from './state.ts'
import {
  applyCosigned,
  applyStated,
  applyStatementEnded,
  FORMER_LEAVES_MAX,
  FORMER_STATEMENTS_MAX,
  packLeaves,
  unpackLeaves,
  unpackStrangers,
} from './statements.ts'

type SettlementKind =
  | 'submitted'
  | 'settled'
  | 'stated'
  | 'cosigned'
  | 'statement_ended'
  | 'unstated'
  | 'restated'

export function applySettlement(
  state: GatewayState,
  event: Extract<GatewayEvent, { kind: SettlementKind }>,
  seconds: number,
): void {
  switch (event.kind) {
    case 'submitted':
      state.outbox.set(bytesToHex(event.key), { key: event.key, items: event.items })
      return
    case 'settled':
      applySettled(state, event.key, event.items, seconds)
      return
    case 'stated':
      applyStated(state.statements, event.statement, event.leaves)
      return
    case 'cosigned':
      applyCosigned(state.statements, event.allocation, event.signature)
      return
    case 'statement_ended':
      applyEnded(state, event, seconds)
      return
    case 'unstated':
      applyUnstated(state, event)
      return
    case 'restated':
      applyRestated(state, event)
      return
  }
}

function applySettled(
  state: GatewayState,
  key: Uint8Array,
  items: readonly SettledItem[],
  seconds: number,
): void {
  state.outbox.delete(bytesToHex(key))
  state.settlements += 1
  state.lastSettlementSeconds = seconds
  for (const item of items) {
    raisePaid(state, item.channel, item.paid)
    if (item.refused !== undefined) state.quarantine.set(item.channel, item.refused)
    else settleChannel(state, item.channel)
  }
}

function settleChannel(state: GatewayState, channel: number): void {
  state.quarantine.delete(channel)
  state.cold.dropCommitments(channel, state.hot.columns.epoch[channel] ?? 0)
}

/** A statement in force settles each of its channels up to its leaf. */
function applyEnded(
  state: GatewayState,
  { allocation, outcome }: Extract<GatewayEvent, { kind: 'statement_ended' }>,
  seconds: number,
): void {
  const inForce = applyStatementEnded(state.statements, allocation, outcome)
  if (!inForce) return
  state.settlements += 1
  state.lastSettlementSeconds = seconds
  for (const [channel, amount] of inForce.leaves) {
    raisePaid(state, channel, amount)
    settleChannel(state, channel)
  }
  rememberInForce(state, allocation, inForce.statement.value)
}

/** Channels of an allocation with their leaf in the statement in force. */
export function statedOf(state: GatewayState, allocation: Uint8Array): Map<number, bigint> {
  const place = placeOf(state, allocation)
  const { columns } = state.hot
  const leaves = new Map<number, bigint>()
  for (const [channel, amount] of state.statements.stated) {
    if (columns.allocation[channel] === place) leaves.set(channel, amount)
  }
  return leaves
}

export function placeOf(state: GatewayState, allocation: Uint8Array): number {
  return state.allocations.findIndex(({ id }) => equalBytes(id, allocation))
}

/** What was in force once may be so again, when a ledger takes back what came after it. */
function rememberInForce(state: GatewayState, allocation: Uint8Array, statement: Statement): void {
  const name = bytesToHex(allocation)
  const { former, stated } = state.statements
  const known = former.get(name) ?? []
  const leaves = stated.size > FORMER_LEAVES_MAX ? undefined : statedOf(state, allocation)
  if (!leaves) return
  const others = known.filter((one) => !equalBytes(one.statement.root, statement.root))
  const next = [...others, { statement, leaves: packLeaves(leaves) }]
  former.set(name, next.slice(-FORMER_STATEMENTS_MAX))
}

/**
 * The ledger goes by another statement than the books, or by none: what was stated for the
 * allocation counts no more. `takenBack` says that it has paid less, too: then nothing counts as
 * paid until the evidence was shown again.
 */
function applyUnstated(
  state: GatewayState,
  { allocation, takenBack }: Extract<GatewayEvent, { kind: 'unstated' }>,
): void {
  const name = bytesToHex(allocation)
  for (const channel of statedOf(state, allocation).keys()) {
    state.statements.stated.delete(channel)
  }
  state.statements.inForce.delete(name)
  state.statements.strangers.delete(name)
  if (!takenBack) return
  const place = placeOf(state, allocation)
  for (let channel = 0; channel < state.hot.count(); channel++) {
    if (state.hot.columns.allocation[channel] === place) setPaid(state, channel, 0n)
  }
}

/** Leaves of the statement that the ledger goes by; with the last of them it is in force. */
function applyRestated(
  state: GatewayState,
  { allocation, leaves, strangers, statement }: Extract<GatewayEvent, { kind: 'restated' }>,
): void {
  const name = bytesToHex(allocation)
  const { statements } = state
  const place = placeOf(state, allocation)
  for (const [channel, amount] of unpackLeaves(leaves)) {
    assert(state.hot.columns.allocation[channel] === place, 'a leaf is of its own allocation')
    statements.stated.set(channel, amount)
    raisePaid(state, channel, amount)
  }
  const known = statements.strangers.get(name) ?? []
  const all = [...known, ...unpackStrangers(strangers)]
  if (all.length > 0) statements.strangers.set(name, all)
  if (!statement) return
  assert(equalBytes(statement.allocation, allocation), 'a statement is of its own allocation')
  statements.inForce.set(name, statement)
  const signed = statements.signedSequence.get(name) ?? 0
  statements.signedSequence.set(name, Math.max(signed, statement.sequence))
  const use = present(state.allocations[place], 'an allocation')
  use.nextPosition = Math.max(use.nextPosition, statement.positions)
  rememberInForce(state, allocation, statement)
}
