/**
 * What both check tables of the protocol say about one message, written a second time and without
 * regard to cost. It reads the gateway's state before the message and never asks the product's
 * rules.
 * @module
 */
import type { Gateway } from '../../gateway/gateway.ts'
import { fastSha256 } from '../../ledger/io/fastVerify.ts'
import { equalBytes } from '../../protocol/bytes.ts'
import { bindOf, stepBack, stepBlock, WORD_BYTES } from '../../protocol/chain.ts'
import { algorithms } from '../../protocol/keys.ts'
import { decodeCommit } from '../../protocol/messages.ts'
import type { Commitment, Signed, Tariff } from '../../protocol/structures.ts'
import {
  CHECKPOINT,
  commitmentStructure,
  digestOf,
  RENEWAL,
  tariffStructure,
} from '../../protocol/structures.ts'
import { type Tick, tickAt } from '../../protocol/tick.ts'
import { verifyDigest } from './fastKeys.ts'

export type Core = Gateway['core']
export type Session = NonNullable<ReturnType<Core['sessions']['get']>>

/** Refusals in the order in which they have to come, and where the registers have to be after. */
export type Expectation = {
  readonly refused: readonly string[]
  readonly registers: ReadonlyMap<number, { readonly epoch: number; readonly index: number }>
}

type Line = { epoch: number; index: number; length: number; word: Uint8Array; tokens: number }

const strikesMax = 3
const strikeWindowMs = 60_000
const jumpMax = 1_024
const epochMax = 65_536
const faults: readonly string[] = ['malformed', 'out_of_range', 'bad_word', 'bad_signature']

export function expectTicks(core: Core, session: Session, payload: Uint8Array): Expectation {
  const refused: string[] = []
  const lines = new Map<number, Line>()
  const nowMs = core.ports.clock.monotonicMs()
  let strikes = session.strikesMs.filter((at) => nowMs - at < strikeWindowMs).length
  const count = payload.length / 42
  const isWhole = Number.isInteger(count) && count >= 1 && count <= 64
  const isOurs = isWhole && Array.from({ length: count }).every((_, at) => payload[at * 42] === 1)
  const verdicts = isOurs ? count : 1
  for (let place = 0; place < verdicts && !session.condemned && strikes < strikesMax; place++) {
    const verdict = isOurs ? judgeTick(core, session, tickAt(payload, place), lines) : 'malformed'
    if (verdict !== 'accepted' && verdict !== 'stale') refused.push(verdict)
    if (faults.includes(verdict)) strikes += 1
  }
  const registers = new Map([...lines].map(([at, { epoch, index }]) => [at, { epoch, index }]))
  return { refused, registers }
}

/** The line of a channel as it is now, and moves it where the tick is accepted. */
function judgeTick(core: Core, session: Session, tick: Tick, lines: Map<number, Line>): string {
  const channel = session.greeted ? session.channels[tick.slot] : undefined
  if (channel === undefined) return 'unknown_channel'
  const { columns } = core.state.hot
  const line = lines.get(channel) ?? lineOf(core, channel)
  lines.set(channel, line)
  const pending = line.epoch === columns.epoch[channel] ? (columns.pendingEpoch[channel] ?? 0) : 0
  const isLater = tick.epoch > line.epoch && tick.index > 0
  if (line.epoch > 0 && !isLater && !(tick.epoch === line.epoch && tick.index > line.index)) {
    return 'stale'
  }
  const renews = pending > 0 && tick.epoch === pending
  if (tick.epoch === 0 || !(tick.epoch === line.epoch || renews)) return 'unknown_epoch'
  const flags = columns.flags[channel] ?? 0
  // Past its claim window nothing counts until a checkpoint, whatever the clock says by then.
  const isLapsed = (flags & 4) !== 0
  if (
    isLapsed ||
    core.writer.seconds() > (core.state.cold.mandate(channel)?.value.claimUntil ?? 0)
  ) {
    return 'expired'
  }
  if ((flags & 1) !== 0) return 'closed'
  const length = renews ? (columns.pendingLength[channel] ?? 0) : line.length
  if (tick.index > length) return 'out_of_range'
  const steps = renews ? tick.index : tick.index - line.index
  if (steps > jumpMax) return 'needs_checkpoint'
  if (steps > line.tokens) return 'slow_down'
  line.tokens -= steps
  const commitment = core.state.cold.commitment(channel, tick.epoch)?.value
  if (!commitment) return 'bad_word'
  const reached = stepBack(stepBlock(bindOf(commitment)), tick.word, tick.index, steps, fastSha256)
  if (!equalBytes(reached, renews ? commitment.root : line.word)) return 'bad_word'
  Object.assign(line, { epoch: tick.epoch, index: tick.index, length, word: tick.word.slice() })
  return 'accepted'
}

function lineOf({ state, ports, config }: Core, channel: number): Line {
  const { columns } = state.hot
  const { burst, perSecond } = config.limits.hashRate
  const passedMs = Math.max(0, ports.clock.monotonicMs() - (columns.hashAtMs[channel] ?? 0))
  const tokens = (columns.hashTokens[channel] ?? 0) + (passedMs * perSecond) / 1_000
  return {
    epoch: columns.epoch[channel] ?? 0,
    index: columns.index[channel] ?? 0,
    length: columns.length[channel] ?? 0,
    word: columns.word.slice(channel * WORD_BYTES, (channel + 1) * WORD_BYTES),
    tokens: Math.min(burst, tokens),
  }
}

/** `accepted`, `repeated`, or the reason of the refusal. */
export function expectCommit(core: Core, session: Session, payload: Uint8Array): string {
  const commit = decodeCommit(payload)
  if (!commit) return 'malformed'
  const channel = session.greeted ? session.channels[commit.slot] : undefined
  if (channel === undefined) return 'unknown_channel'
  const { value } = commit.commitment
  if (!isSound(value)) return 'malformed'
  const { cold, hot } = core.state
  const record = cold.channel(channel)
  if (!equalBytes(value.channelId, record.channelId)) return 'unknown_channel'
  const held = cold.commitment(channel, hot.columns.epoch[channel] ?? 0)?.value
  const pending = cold.commitment(channel, hot.columns.pendingEpoch[channel] ?? 0)?.value
  const epoch = judgeEpoch(core, value, held, pending)
  if (epoch !== undefined) return epoch
  if (((hot.columns.flags[channel] ?? 0) & 1) !== 0) return 'closed'
  if (!isSigned(core, channel, commit.commitment)) return 'bad_signature'
  return (
    judgePrice(core, channel, value) ??
    judgeMandate(core, channel, value) ??
    judgeFunds(core, channel, value, held, session.toldLength.get(commit.slot)) ??
    judgeLine(core, channel, value, held) ??
    'accepted'
  )
}

function isSound({ kind, epoch, length, base, startReading, ...rest }: Commitment): boolean {
  const { pricePerTick, unitsPerTick } = rest
  const max = (1n << 64n) - 1n
  return (
    (kind === RENEWAL || kind === CHECKPOINT) &&
    epoch >= 1 &&
    length >= 1 &&
    length <= epochMax &&
    unitsPerTick >= 1n &&
    base + BigInt(length) * pricePerTick <= max &&
    startReading + BigInt(length) * unitsPerTick <= max
  )
}

function judgeEpoch(
  { state }: Core,
  value: Commitment,
  held: Commitment | undefined,
  pending: Commitment | undefined,
): string | undefined {
  const name = (one: Commitment) =>
    Buffer.from(digestOf(state.domain, commitmentStructure, one)).toString('hex')
  const live = [held, pending].filter((one) => one !== undefined)
  if (live.every((one) => value.epoch > one.epoch)) return undefined
  return live.some((one) => one.epoch === value.epoch && name(one) === name(value))
    ? 'repeated'
    : 'epoch_taken'
}

function isSigned({ state }: Core, channel: number, signed: Signed<Commitment>): boolean {
  const { payerAlgorithm, payerKey } = state.cold.channel(channel).channel
  const algorithm = algorithms[payerAlgorithm - 1] ?? 'p256'
  const digest = digestOf(state.domain, commitmentStructure, signed.value)
  return verifyDigest({ algorithm, bytes: payerKey }, digest, signed.signature)
}

function tariffOf({ config, state }: Core, channel: number, hash: Uint8Array): Tariff | undefined {
  const { unit } = state.cold.channel(channel)
  return config.tariffs.find(
    (one) => one.unit === unit && equalBytes(digestOf(state.domain, tariffStructure, one), hash),
  )
}

function judgePrice(core: Core, channel: number, value: Commitment): string | undefined {
  const tariff = tariffOf(core, channel, value.tariffHash)
  const now = core.writer.seconds()
  if (!tariff || tariff.validFrom > now || now >= tariff.validUntil) return 'tariff_not_in_force'
  const isSame =
    value.unitsPerTick === tariff.unitsPerTick && value.pricePerTick === tariff.pricePerTick
  return isSame ? undefined : 'wrong_price'
}

function end(value: Commitment): bigint {
  return value.base + BigInt(value.length) * value.pricePerTick
}

function judgeMandate(core: Core, channel: number, value: Commitment): string | undefined {
  const mandate = core.state.cold.mandate(channel)?.value
  const now = core.writer.seconds()
  if (!mandate || mandate.notBefore > now) return 'no_mandate'
  if (mandate.expiry <= now) return 'expired'
  const until = tariffOf(core, channel, value.tariffHash)?.validUntil ?? 0
  if (value.expiry > Math.min(mandate.expiry, until)) return 'expiry_too_late'
  if (value.expiry <= now) return 'expired'
  return end(value) > mandate.limit ? 'over_mandate' : undefined
}

/** What one channel may come to, and what of that is set aside for it. */
export function promiseOf(
  { state }: Core,
  channel: number,
): { readonly worst: bigint; readonly reserved: bigint } {
  const { columns } = state.hot
  const epoch = columns.epoch[channel] ?? 0
  const held = state.cold.commitment(channel, epoch)?.value
  const pending = state.cold.commitment(channel, columns.pendingEpoch[channel] ?? 0)?.value
  const isOver = ((columns.flags[channel] ?? 0) & 5) !== 0
  const now = held ? held.base + BigInt(columns.index[channel] ?? 0) * held.pricePerTick : 0n
  const ends = [held ? end(held) : 0n, pending ? end(pending) : 0n]
  const worst = isOver ? now : ends.reduce((a, b) => (a > b ? a : b))
  const left = worst - (columns.paid[channel] ?? 0n)
  return { worst, reserved: left > 0n ? left : 0n }
}

/** Put in, less what was paid and what was asked back. */
function availableAt({ funds }: Core, id: Uint8Array): bigint {
  const allocation = funds.state(id)
  if (!allocation) return 0n
  const { paid, setAside, withdrawing } = allocation
  const left = withdrawing.reduce((sum, { amount }) => sum - amount, setAside - paid)
  return left > 0n ? left : 0n
}

function judgeFunds(
  core: Core,
  channel: number,
  value: Commitment,
  held: Commitment | undefined,
  told: Told | undefined,
): string | undefined {
  const { hot, allocations } = core.state
  const place = hot.columns.allocation[channel] ?? 0
  const id = allocations[place]?.id ?? new Uint8Array(0)
  let free = availableAt(core, id)
  let open = 0n
  for (let other = 0; other < hot.count(); other++) {
    if (hot.columns.allocation[other] !== place) continue
    free -= promiseOf(core, other).reserved
    if (((hot.columns.flags[other] ?? 0) & 1) === 0) open += 1n
  }
  if (free < 0n) free = 0n
  const promise = promiseOf(core, channel)
  const least = value.pricePerTick * 64n
  const share = free / (open > 0n ? open : 1n)
  const fair = share > least ? share : least
  const room = (fair < free ? fair : free) + promise.worst - value.base
  const now = value.pricePerTick === 0n ? BigInt(epochMax) : room / value.pricePerTick
  // What it was told holds while nobody else has come to share, as far as it is still there.
  const before = told && told.sharers === Number(open) ? told.end : 0n
  const possible = free + promise.worst
  const ticks = most(now, ticksUpTo(before < possible ? before : possible, value))
  if (ticks >= 1n && BigInt(value.length) > ticks) return 'too_long'
  const after = held && value.kind === RENEWAL && end(held) > end(value) ? end(held) : end(value)
  return after - promise.worst > free ? 'no_funds' : undefined
}

type Told = { readonly end: bigint; readonly sharers: number }

function ticksUpTo(amount: bigint, { base, pricePerTick }: Commitment): bigint {
  return pricePerTick === 0n || amount < base ? 0n : (amount - base) / pricePerTick
}

function most(a: bigint, b: bigint): bigint {
  return a > b ? a : b
}

function judgeLine(
  core: Core,
  channel: number,
  value: Commitment,
  held: Commitment | undefined,
): string | undefined {
  const wrong = 'not_continuous'
  if (!held) return value.kind === CHECKPOINT && value.base === 0n ? undefined : wrong
  const units = value.startReading - held.startReading
  const ticks = units / held.unitsPerTick
  const isOnLine =
    units % held.unitsPerTick === 0n && value.base === held.base + ticks * held.pricePerTick
  const least = value.kind === RENEWAL ? held.length : (core.state.hot.columns.index[channel] ?? 0)
  const isAtEnd = value.kind === CHECKPOINT || ticks === BigInt(held.length)
  return isOnLine && isAtEnd && ticks >= BigInt(least) ? undefined : wrong
}
