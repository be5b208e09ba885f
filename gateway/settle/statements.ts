/**
 * Settlement by statement: one signature of the gateway and one of the fleet for everything that an
 * allocation owes. A statement is journaled before anybody sees it, and while one waits nothing
 * else of its allocation is settled; it expires soon, so that nobody can sit on it.
 * @module
 */
import type { AllocationState, StatementResult } from '../../ledger/ledger.ts'
import { present } from '../../protocol/assert.ts'
import { bytesToHex, equalBytes, utf8ToBytes } from '../../protocol/bytes.ts'
import { encodeCbor } from '../../protocol/cbor.ts'
import { encodePublicKey, signDigest } from '../../protocol/keys.ts'
import { CLOCK_TOLERANCE_SECONDS } from '../../protocol/limits.ts'
import type { Statement } from '../../protocol/structures.ts'
import { digestOf, signedToWire, statementStructure } from '../../protocol/structures.ts'
import { formatTopic } from '../../protocol/topics.ts'
import type { Core } from '../core.ts'
import { heldAmount } from '../state/hotChannels.ts'
import { placeOf, statedOf } from '../state/settled.ts'
import type { StatementOutcome, StatementUnderWay } from '../state/statements.ts'
import { packLeaves } from '../state/statements.ts'
import { buildTree, positionsLost, strangersOf } from './leaves.ts'

/** Leaves that one statement can change: 12 bytes each in one entry of the journal. */
const LEAVES_PER_STATEMENT_MAX = 65_536
/** Channels looked at in one turn. */
const CHANNELS_PER_TURN = 8_192
const KEY_BYTES = 16

/** What a settlement comes to that paid by statement. */
export type StatementSummary = {
  readonly channels: number
  /** Minor units. */
  readonly paid: bigint
}

/** How long the fleet has to co-sign; 0 where evidence alone settles. */
export function cosignSecondsOf({ config }: Core): number {
  return config.settlement.cosignSeconds ?? 0
}

export function nextTurnOf({ ports }: Core): () => Promise<void> {
  return () => new Promise((resolve) => ports.timers.soon(resolve))
}

/** Hands co-signed statements to the ledger, and ends those that nobody co-signed in time. */
export async function settleStatements(core: Core): Promise<StatementSummary> {
  let channels = 0
  let paid = 0n
  for (const one of [...core.state.statements.underWay.values()]) {
    const result = await settleOne(core, one)
    if (result === undefined || result.status === 'refused') continue
    channels += one.leaves.size
    paid += result.paid
  }
  return { channels, paid }
}

async function settleOne(
  core: Core,
  { statement, fleetSignature, leaves }: StatementUnderWay,
): Promise<StatementResult | undefined> {
  const { value, signature } = statement
  if (!fleetSignature) {
    if (isPast(core, value)) await end(core, value, leaves, 'refused')
    else if (isOver(core, value)) await end(core, value, leaves, 'expired')
    return undefined
  }
  const submission = { statement: value, gatewaySignature: signature, fleetSignature }
  const digest = digestOf(core.state.domain, statementStructure, value)
  const key = bytesToHex(digest.subarray(0, KEY_BYTES))
  const result = await core.ledger.submitStatement(submission, key)
  const outcome = result.status === 'refused' ? 'refused' : 'paid'
  await end(core, value, leaves, outcome)
  if (result.reason !== undefined) {
    const reason = result.reason
    core.ports.log('error', 'the ledger refused a statement; evidence settles instead', { reason })
  }
  return result
}

/** A store from a backup may offer what the ledger has long gone by; nobody signs it again. */
function isPast({ funds }: Core, { allocation, sequence }: Statement): boolean {
  return (funds.state(allocation)?.statementSequence ?? 0) >= sequence
}

/** A statement of a clock that was ahead is signed by nobody, and would expire days from now. */
function isOver({ writer }: Core, { issuedAt, expiry }: Statement): boolean {
  const nowSeconds = writer.seconds()
  return nowSeconds > expiry || issuedAt > nowSeconds + CLOCK_TOLERANCE_SECONDS
}

async function end(
  core: Core,
  statement: Statement,
  leaves: ReadonlyMap<number, bigint>,
  outcome: StatementOutcome,
): Promise<void> {
  const { allocation } = statement
  core.writer.record({ kind: 'statement_ended', allocation, outcome })
  await core.writer.drained()
  await core.funds.load(allocation)
  const fleet = fleetOf(core, allocation)
  if (fleet !== undefined) publishStatement(core, fleet, outcome, statement)
  if (outcome === 'expired') {
    core.ports.log('warn', 'the fleet did not co-sign in time; evidence settles instead', {
      fleet: fleet ?? '',
      sequence: statement.sequence,
    })
  }
  if (outcome === 'paid') {
    for (const channel of leaves.keys()) {
      const { fleet: owner, device } = core.state.cold.channel(channel)
      core.touch(owner, device)
    }
  }
}

/** The fleet whose allocation this is now; one that has another by now is not told. */
function fleetOf({ state }: Core, allocation: Uint8Array): string | undefined {
  for (const [name, fleet] of state.fleets) {
    if (equalBytes(fleet.allocation, allocation)) return name
  }
  return undefined
}

/**
 * Signs, journals and publishes a statement of what the channels of a fleet owe. False where none
 * can be made; evidence settles there.
 */
export async function stateFleet(core: Core, fleet: string): Promise<boolean> {
  const { allocation } = present(core.state.fleets.get(fleet), 'a fleet that is enrolled')
  const known = await core.ledger.allocation(allocation)
  if (!known || !isOurs(core, known)) return false
  const inForce = core.state.statements.inForce.get(bytesToHex(allocation))
  // A store from an older backup does not know what the ledger goes by.
  if (known.statementSequence !== (inForce?.sequence ?? 0)) return false
  const { amounts, leaves } = await amountsNow(core, allocation)
  if (leaves.size === 0) return false
  const strangers = strangersOf(core.state, allocation)
  const tree = await buildTree(core.state, amounts, strangers, nextTurnOf(core))
  const value = statementOf(core, known, amounts, tree)
  if (value.total > known.setAside) return false
  const signature = signDigest(core.key, digestOf(core.state.domain, statementStructure, value))
  core.writer.record({
    kind: 'stated',
    statement: { value, signature },
    leaves: packLeaves(leaves),
  })
  await core.writer.drained()
  publishStatement(core, fleet, 'waiting', value)
  return true
}

function isOurs({ publicKey }: Core, { gatewayKey }: AllocationState): boolean {
  const own = encodePublicKey(publicKey)
  return gatewayKey !== undefined && equalBytes(encodePublicKey(gatewayKey), own)
}

/**
 * What every channel of the allocation owes now. Never lower than in the statement in force, nor
 * than what was paid, whatever the gateway has forgotten (!). One at a position that was another's
 * before owes nothing that could be stated.
 */
async function amountsNow(core: Core, allocation: Uint8Array) {
  const { hot } = core.state
  const place = placeOf(core.state, allocation)
  const amounts = statedOf(core.state, allocation)
  const taken = positionsLost(core.state, allocation)
  const leaves = new Map<number, bigint>()
  const count = hot.count()
  for (let channel = 0; channel < count; channel++) {
    if (channel > 0 && channel % CHANNELS_PER_TURN === 0) await nextTurnOf(core)()
    if (hot.columns.allocation[channel] !== place) continue
    const stated = amounts.get(channel) ?? 0n
    const owed = highest(heldAmount(hot, channel), hot.columns.paid[channel] ?? 0n)
    if (owed <= stated || leaves.size >= LEAVES_PER_STATEMENT_MAX) continue
    if (taken.size > 0 && taken.has(core.state.cold.channel(channel).channel.position)) continue
    amounts.set(channel, owed)
    leaves.set(channel, owed)
  }
  return { amounts, leaves }
}

const highest = (a: bigint, b: bigint) => (a > b ? a : b)

function statementOf(
  core: Core,
  known: AllocationState,
  amounts: ReadonlyMap<number, bigint>,
  { root, positions }: { readonly root: Uint8Array; readonly positions: number },
): Statement {
  const signed = core.state.statements.signedSequence.get(bytesToHex(known.id)) ?? 0
  let total = strangersOf(core.state, known.id).reduce((sum, { amount }) => sum + amount, 0n)
  for (const amount of amounts.values()) total += amount
  const issuedAt = core.writer.seconds()
  return {
    allocation: known.id,
    sequence: Math.max(signed, known.statementSequence) + 1,
    total,
    evidencePaid: known.evidencePaid,
    positions,
    root,
    issuedAt,
    // The fleet's clock may be behind, and the ledger has to see it in time.
    expiry: issuedAt + cosignSecondsOf(core) + CLOCK_TOLERANCE_SECONDS,
  }
}

/** Retained, so that a fleet's service that comes later finds what waits for it. */
export function publishStatement(
  core: Core,
  fleet: string,
  state: 'waiting' | StatementOutcome,
  value: Statement,
): void {
  const topic = formatTopic({ kind: 'fleet', fleet, name: 'statement' })
  const underWay = core.state.statements.underWay.get(bytesToHex(value.allocation))
  const waiting = state === 'waiting' ? underWay : undefined
  const summary = {
    state,
    sequence: value.sequence,
    statement: waiting
      ? bytesToHex(encodeCbor(signedToWire(statementStructure, waiting.statement)))
      : null,
    total: value.total.toString(),
    channels: waiting?.leaves.size ?? 0,
  }
  core.link.publish(topic, utf8ToBytes(JSON.stringify(summary)), { retain: true })
}

/** Asks the fleet's service for the leaves of the statement that the ledger goes by. */
export function publishForgotten(core: Core, fleet: string, known: AllocationState): void {
  const topic = formatTopic({ kind: 'fleet', fleet, name: 'statement' })
  const summary = { state: 'forgotten', sequence: known.statementSequence, statement: null }
  core.link.publish(topic, utf8ToBytes(JSON.stringify(summary)), { retain: true })
}
