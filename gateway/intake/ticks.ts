/**
 * Intake of ticks: decode, cheap checks, hash, apply, and acknowledge once durable. All of it where
 * the bytes lie: of an accepted tick nothing is allocated but the string of its hash.
 * @module
 */

import { BIND_32, createWordCheck, type StepHash, WORD_32 } from '../../protocol/chain.ts'
import type { MeetsWord } from '../../protocol/channel.ts'
import { judgeTick, stepsOf } from '../../protocol/channel.ts'
import { tokensNow } from '../../protocol/hashBudget.ts'
import { TICK_BYTES } from '../../protocol/limits.ts'
import { countTicksIn, TickView } from '../../protocol/tick.ts'
import type { Core } from '../core.ts'
import type { Columns32, HotRegister } from '../state/hotChannels.ts'
import { acknowledge, NO_SLOT, refuse } from './answers.ts'
import type { Session } from './session.ts'
import { channelOf } from './session.ts'

/** The last check, on a tick where it lies and on the columns of its channel. */
export type MeetsHeldWord = MeetsWord<HotRegister, TickView>

export function createMeetsHeldWord(columns: Columns32, stepHash: StepHash): MeetsHeldWord {
  const leads = createWordCheck(stepHash)
  return ({ channel, index }, tick, renews) => {
    const bindAt = channel * BIND_32
    const wordAt = channel * WORD_32
    return renews
      ? leads(columns.pendingBind, bindAt, tick, columns.pendingRoot, wordAt, 0)
      : leads(columns.bind, bindAt, tick, columns.word, wordAt, index)
  }
}

/** Deals with one message of 1 to 64 ticks, `bytes[start, end)`. */
export function takeTicks(
  core: Core,
  session: Session,
  bytes: Uint8Array,
  start: number,
  end: number,
): void {
  if (countTicksIn(bytes, start, end) === undefined) {
    refuse(core, session, NO_SLOT, 'tick', 'malformed')
    return
  }
  // One look at the clocks for all ticks of a message: they came together.
  const nowMs = core.ports.clock.monotonicMs()
  const nowSeconds = core.writer.seconds()
  const tick = new TickView(bytes)
  for (let at = start; at < end && !session.condemned; at += TICK_BYTES) {
    tick.moveTo(at)
    takeTick(core, session, tick, nowMs, nowSeconds)
  }
}

function takeTick(
  core: Core,
  session: Session,
  tick: TickView,
  nowMs: number,
  nowSeconds: number,
): void {
  const { slot } = tick
  const channel = channelOf(session, slot)
  if (channel === undefined) {
    refuse(core, session, slot, 'tick', 'unknown_channel')
    return
  }
  const register = core.state.hot.register(channel)
  const steps = stepsOf(register, tick)
  const allowed = hashesLeft(core, channel, nowMs)
  const budget = Math.min(allowed, core.jumps.allowed(steps, nowMs))
  const verdict = judgeTick(register, tick, nowSeconds, budget, core.meetsHeldWord)
  if (verdict === 'accepted' || verdict === 'accepted_renewal') {
    spend(core, channel, allowed - steps, nowMs)
    core.jumps.spend(steps, nowMs)
    core.writer.move(channel, tick)
    if (session.cloneSuspected.size > 0) session.cloneSuspected.delete(slot)
    acknowledge(core, session, slot, channel)
  } else if (verdict === 'stale') {
    suspectClone(session, tick)
    acknowledge(core, session, slot, channel)
  } else {
    if (verdict === 'bad_word') {
      spend(core, channel, allowed - steps, nowMs)
      core.jumps.spend(steps, nowMs)
    }
    refuse(core, session, slot, 'tick', verdict)
  }
}

/** An honest device resumes from what its session was given, so it never falls below it. */
function suspectClone(session: Session, tick: TickView): void {
  const start = session.start.get(tick.slot)
  if (!start) return
  const below = tick.epoch < start.epoch || (tick.epoch === start.epoch && tick.index < start.index)
  if (below) session.cloneSuspected.add(tick.slot)
}

function hashesLeft(core: Core, channel: number, nowMs: number): number {
  const { hashTokens, hashAtMs } = core.state.hot.columns
  const { hashRate } = core.config.limits
  return tokensNow(hashTokens[channel] ?? 0, hashAtMs[channel] ?? 0, nowMs, hashRate)
}

function spend(core: Core, channel: number, left: number, nowMs: number): void {
  const { columns } = core.state.hot
  columns.hashTokens[channel] = Math.max(0, left)
  columns.hashAtMs[channel] = nowMs
}
