/**
 * Watches a gateway deal with one message of a device: the verdict is that of the tables, and a
 * refusal leaves everything as it was.
 * @module
 */
import { createHash } from 'node:crypto'
import { bytesToHex } from '../../protocol/bytes.ts'
import { WORD_BYTES } from '../../protocol/chain.ts'
import { clientIdOf } from '../../protocol/connect.ts'
import { decodeCommit, decodeHello } from '../../protocol/messages.ts'
import { CHECKPOINT } from '../../protocol/structures.ts'
import { countTicks, tickAt } from '../../protocol/tick.ts'
import { parseTopic } from '../../protocol/topics.ts'
import type { GatewayActor } from './gatewayActor.ts'
import { type Core, expectCommit, expectTicks, type Session } from './oracle.ts'
import type { WorldRecord } from './record.ts'

export type WatchedMessage = {
  readonly actor: GatewayActor
  readonly sessionId: string
  readonly topic: string
  readonly payload: Uint8Array
}

/** Runs the handling of a message and reports what is wrong with it. */
export function watchMessage(record: WorldRecord, message: WatchedMessage, run: () => void): void {
  const { actor, payload, sessionId, topic: text } = message
  const core = actor.running()?.core
  const topic = parseTopic(text)
  const session =
    topic?.kind === 'up' ? core?.sessions.get(clientIdOf(topic.fleet, topic.device)) : undefined
  if (!core || topic?.kind !== 'up' || session?.id !== sessionId || session.condemned) {
    run()
    return
  }
  if (topic.name === 'hello') watchFence(record, actor, core, payload, run)
  else if (topic.name === 'tick') {
    const expected = expectTicks(core, session, payload)
    const below = slotsBelowStart(session, payload)
    const refused = watchRefusals(record, message, core, run)
    compare(record, message, [...expected.refused].sort().join(), [...refused].sort().join())
    for (const slot of below) {
      if (session.supply[slot]?.level !== 'on') continue
      const detail = `${actor.name} ${text}: a copy of the device is supplied`
      record.violate('supply follows the rules', detail)
    }
    for (const [channel, { epoch, index }] of expected.registers) {
      const { columns } = core.state.hot
      const found = `${columns.epoch[channel]} ${columns.index[channel]}`
      compare(record, message, `register ${epoch} ${index}`, `register ${found}`)
      watchWord(record, core, channel)
    }
  } else if (topic.name === 'open' || topic.name === 'commit') {
    const expected = expectCommit(core, session, payload)
    const before = accepted(core)
    const runningBefore = runningOf(core, session, payload)
    const [refused] = watchRefusals(record, message, core, run)
    const verdict = refused ?? (accepted(core) > before ? 'accepted' : 'repeated')
    const places =
      verdict === 'accepted' ? placesOf(core, session, payload, runningBefore) : undefined
    if (verdict === 'accepted') watchSignature(record, message)
    compare(record, message, expected, verdict)
    if (places) compare(record, message, places.expected, places.found)
  } else run()
}

/** Epoch and index of the register that a commitment speaks of. */
function runningOf({ state }: Core, session: Session, payload: Uint8Array): string {
  const channel = session.channels[decodeCommit(payload)?.slot ?? -1] ?? -1
  const { epoch, index } = state.hot.columns
  return `${epoch[channel]} ${index[channel]}`
}

/** A checkpoint moves the register and drops what is pending; a renewal only becomes pending. */
function placesOf(core: Core, session: Session, payload: Uint8Array, before: string) {
  const commit = decodeCommit(payload)
  if (!commit) return undefined
  const { kind, epoch } = commit.commitment.value
  const channel = session.channels[commit.slot] ?? -1
  const pending = core.state.hot.columns.pendingEpoch[channel]
  return {
    expected: kind === CHECKPOINT ? `at ${epoch} 0, pending 0` : `at ${before}, pending ${epoch}`,
    found: `at ${runningOf(core, session, payload)}, pending ${pending}`,
  }
}

/** The held word was accepted under no other commitment before. */
function watchWord(record: WorldRecord, { state }: Core, channel: number): void {
  const { columns } = state.hot
  // A root is a word of its commitment that everybody knows.
  if ((columns.index[channel] ?? 0) === 0) return
  const commitment = state.cold.commitment(channel, columns.epoch[channel] ?? 0)
  if (!commitment) return
  const word = bytesToHex(columns.word.slice(channel * WORD_BYTES, (channel + 1) * WORD_BYTES))
  const owner = bytesToHex(commitment.signature)
  const before = record.wordOwners.get(word)
  record.wordOwners.set(word, owner)
  if (before === undefined || before === owner) return
  const { epoch } = commitment.value
  record.violate('no word counts under two commitments', `epoch ${epoch} of channel ${channel}`)
}

/** What was signed for another ledger opens nothing here. */
function watchSignature(record: WorldRecord, { actor, payload }: WatchedMessage): void {
  const signature = decodeCommit(payload)?.commitment.signature
  if (!signature || !record.foreign.has(bytesToHex(signature))) return
  record.violate('a signature counts at one ledger', `${actor.name} takes one of another ledger`)
}

/** Slots whose last tick lies below the state that the session began with. */
function slotsBelowStart(session: Session, payload: Uint8Array): readonly number[] {
  const count = countTicks(payload) ?? 0
  const ticks = Array.from({ length: count }, (_, place) => tickAt(payload, place))
  const last = new Map(ticks.map((tick) => [tick.slot, tick]))
  return [...last.values()].flatMap(({ slot, epoch, index }) => {
    const start = session.start.get(slot)
    if (!start || !session.greeted) return []
    const isBelow = epoch < start.epoch || (epoch === start.epoch && index < start.index)
    return isBelow ? [slot] : []
  })
}

function compare(
  record: WorldRecord,
  { actor, topic }: WatchedMessage,
  expected: string,
  found: string,
): void {
  if (expected === found) return
  const detail = `${actor.name} ${topic}: "${found}" instead of "${expected}"`
  record.violate('verdicts are those of the tables', detail)
}

/** Commitments accepted so far. */
function accepted({ state: { commitments } }: Core): number {
  return commitments.opened + commitments.renewals + commitments.checkpoints
}

/** The reasons of refusals, in no order; a message with nothing but these changes nothing. */
function watchRefusals(
  record: WorldRecord,
  { actor, topic }: WatchedMessage,
  core: Core,
  run: () => void,
): readonly string[] {
  const before = new Map(core.counters.refused)
  const print = fingerprint(core)
  const { acceptedTicks } = core.state
  const commitments = accepted(core)
  run()
  const refused = [...core.counters.refused].flatMap(([reason, count]) =>
    Array.from({ length: count - (before.get(reason) ?? 0) }, () => reason),
  )
  const isRefusal = acceptedTicks === core.state.acceptedTicks && commitments === accepted(core)
  if (isRefusal && print !== fingerprint(core)) {
    record.violate('a refusal changes nothing', `${actor.name}: ${topic} ${refused}`)
  }
  return refused
}

/** Everything hot but the hash budgets, and how much of everything else there is. */
function fingerprint({ state, journal }: Core): string {
  const hash = createHash('sha256')
  const { columns } = state.hot
  const count = state.hot.count()
  const capacity = columns.epoch.length
  for (const [name, column] of Object.entries(columns)) {
    if (name.startsWith('hash')) continue
    const bytes = (column.byteLength / capacity) * count
    hash.update(new Uint8Array(column.buffer, column.byteOffset, bytes))
  }
  const { allocations, outbox, quarantine, lives, fencePosition } = state
  const sizes = [outbox.size, quarantine.size, lives.length, fencePosition]
  const reserved = allocations.map((use) => `${use.reserved} ${use.nextPosition}`)
  hash.update(`${sizes} ${reserved} ${journal.head().position}`)
  return hash.digest('hex')
}

/** A device that has seen what this store lost raises the fence, and nobody else does. */
function watchFence(
  record: WorldRecord,
  actor: GatewayActor,
  core: Core,
  payload: Uint8Array,
  run: () => void,
): void {
  const { fencedLives } = core.state
  const before = fencedLives.size
  const mark = decodeHello(payload)?.mark
  const name = mark && bytesToHex(mark.life)
  const isLost = mark !== undefined && name !== undefined && actor.lostAfter(name) < mark.position
  run()
  if (isLost && !fencedLives.has(name)) {
    record.violate('the fence comes up, and only then', `${actor.name} does not notice its loss`)
  }
  if (!isLost && fencedLives.size > before) {
    record.violate('the fence comes up, and only then', `${actor.name} has lost nothing`)
  }
}
