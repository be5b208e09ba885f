/**
 * Intake of ticks: decode, cheap checks, hash, apply, and acknowledge once durable.
 * @module
 */

import { checkTick, stepsOf } from '../../protocol/channel.ts'
import { hashesAllowed, spendHashes } from '../../protocol/hashBudget.ts'
import type { Tick } from '../../protocol/tick.ts'
import { countTicks, tickAt } from '../../protocol/tick.ts'
import type { Core } from '../core.ts'
import { acknowledge, NO_SLOT, refuse } from './answers.ts'
import type { Session } from './session.ts'
import { channelOf } from './session.ts'

/** Deals with one message of 1 to 64 ticks. */
export function takeTicks(core: Core, session: Session, payload: Uint8Array): void {
  const count = countTicks(payload)
  if (count === undefined) {
    refuse(core, session, NO_SLOT, 'tick', 'malformed')
    return
  }
  for (let place = 0; place < count && !session.condemned; place++) {
    takeTick(core, session, tickAt(payload, place))
  }
}

function takeTick(core: Core, session: Session, tick: Tick): void {
  const { slot } = tick
  const channel = channelOf(session, slot)
  if (channel === undefined) {
    refuse(core, session, slot, 'tick', 'unknown_channel')
    return
  }
  const register = core.state.hot.register(channel)
  const steps = stepsOf(register, tick)
  const budget = hashBudgetOf(core, channel)
  const nowMs = core.ports.clock.monotonicMs()
  const allowed = hashesAllowed(budget, nowMs, core.config.limits.hashRate)
  const verdict = checkTick(register, tick, core.writer.seconds(), allowed, core.sha256)
  if (verdict === 'accepted' || verdict === 'accepted_renewal') {
    spend(core, channel, steps, nowMs)
    core.writer.move({ channel, epoch: tick.epoch, index: tick.index, word: tick.word })
    session.cloneSuspected.delete(slot)
    acknowledge(core, session, slot, channel)
  } else if (verdict === 'stale') {
    suspectClone(session, tick)
    acknowledge(core, session, slot, channel)
  } else {
    if (verdict === 'bad_word') spend(core, channel, steps, nowMs)
    refuse(core, session, slot, 'tick', verdict)
  }
}

/** An honest device resumes from what its session was given, so it never falls below it. */
function suspectClone(session: Session, tick: Tick): void {
  const start = session.start.get(tick.slot)
  if (!start) return
  const below = tick.epoch < start.epoch || (tick.epoch === start.epoch && tick.index < start.index)
  if (below) session.cloneSuspected.add(tick.slot)
}

function hashBudgetOf(core: Core, channel: number) {
  const { columns } = core.state.hot
  return { tokens: columns.hashTokens[channel] ?? 0, atMs: columns.hashAtMs[channel] ?? 0 }
}

function spend(core: Core, channel: number, steps: number, nowMs: number): void {
  const { columns } = core.state.hot
  const left = spendHashes(hashBudgetOf(core, channel), steps, nowMs, core.config.limits.hashRate)
  columns.hashTokens[channel] = left.tokens
  columns.hashAtMs[channel] = left.atMs
}
