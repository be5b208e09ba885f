/**
 * Vectors of the tick codec and of the checks on a tick.
 * @module
 */
import { concatBytes } from '../../../protocol/bytes.ts'
import type { Register, TickVerdict } from '../../../protocol/channel.ts'
import { checkTick } from '../../../protocol/channel.ts'
import type { Tick } from '../../../protocol/tick.ts'
import { encodeTicks } from '../../../protocol/tick.ts'
import { counting, mandate, nowSeconds } from '../fixtures.ts'
import { registerAt, renewalTick, renewingAt, running, tickOf, unopened } from '../registers.ts'
import type { Json } from './json.ts'
import { formatFile, toJson } from './json.ts'

const message64: readonly Tick[] = Array.from({ length: 64 }, (_, slot) => ({
  slot,
  epoch: slot * 0x0101_0101,
  index: 0xffff_ffff - slot,
  word: counting(slot),
}))
const single = encodeTicks([tickOf(7)])

/** Messages that are malformed as a whole. */
export const refusedMessages: readonly (readonly [why: string, message: Uint8Array])[] = [
  ['empty', new Uint8Array()],
  ['41 bytes', single.slice(0, 41)],
  ['43 bytes', concatBytes(single, new Uint8Array(1))],
  ['65 ticks', concatBytes(...Array.from({ length: 65 }, () => single))],
  ['version 0', concatBytes(new Uint8Array([0]), single.slice(1))],
  ['version 2', concatBytes(new Uint8Array([2]), single.slice(1))],
  ['version 2 in the second tick', concatBytes(single, new Uint8Array([2]), single.slice(1))],
]

type Case = {
  readonly why: string
  readonly register: Register
  readonly tick: Tick
  readonly nowSeconds?: number
  readonly hashBudget?: number
  readonly verdict: TickVerdict
}
const late = mandate.claimUntil + 1
const wrong = { word: counting(0x33) }

/** At least one case for every row of the checks, and the paths that accept. */
export const verdictCases: readonly Case[] = [
  { why: 'the next word', register: registerAt(100), tick: tickOf(101), verdict: 'accepted' },
  { why: 'the first word', register: registerAt(0), tick: tickOf(1), verdict: 'accepted' },
  { why: 'a gap', register: registerAt(100), tick: tickOf(150), verdict: 'accepted' },
  { why: 'the longest jump', register: registerAt(100), tick: tickOf(1_124), verdict: 'accepted' },
  { why: 'the last word', register: registerAt(1_990), tick: tickOf(2_000), verdict: 'accepted' },
  {
    why: 'the last second of the claim window',
    register: registerAt(100),
    tick: tickOf(101),
    nowSeconds: mandate.claimUntil,
    verdict: 'accepted',
  },
  {
    why: 'just enough budget',
    register: registerAt(100),
    tick: tickOf(110),
    hashBudget: 10,
    verdict: 'accepted',
  },
  { why: 'overlap', register: renewingAt(1_990), tick: tickOf(1_991), verdict: 'accepted' },
  {
    why: 'the first word of the renewal',
    register: renewingAt(2_000),
    tick: renewalTick(1),
    verdict: 'accepted_renewal',
  },
  {
    why: 'the end of the running epoch was lost',
    register: renewingAt(1_700),
    tick: renewalTick(1_024),
    verdict: 'accepted_renewal',
  },
  { why: 'the same again', register: registerAt(100), tick: tickOf(100), verdict: 'stale' },
  { why: 'late', register: registerAt(100), tick: tickOf(99), verdict: 'stale' },
  { why: 'late and wrong', register: registerAt(100), tick: tickOf(99, wrong), verdict: 'stale' },
  { why: 'index 0', register: registerAt(0), tick: tickOf(0), verdict: 'stale' },
  {
    why: 'an earlier epoch',
    register: registerAt(5),
    tick: tickOf(9, { epoch: 2 }),
    verdict: 'stale',
  },
  {
    why: 'the root of the renewal',
    register: renewingAt(9),
    tick: renewalTick(0),
    verdict: 'stale',
  },
  {
    why: 'stale comes before expired and closed',
    register: registerAt(100, { closed: true }),
    tick: tickOf(100),
    nowSeconds: late,
    verdict: 'stale',
  },
  { why: 'never opened', register: unopened, tick: tickOf(1), verdict: 'unknown_epoch' },
  {
    why: 'never opened, index 0',
    register: unopened,
    tick: tickOf(0),
    verdict: 'unknown_epoch',
  },
  {
    why: 'epoch 0, index 0',
    register: unopened,
    tick: tickOf(0, { epoch: 0 }),
    verdict: 'unknown_epoch',
  },
  { why: 'epoch 0', register: unopened, tick: tickOf(1, { epoch: 0 }), verdict: 'unknown_epoch' },
  {
    why: 'a renewal that is not committed',
    register: registerAt(2_000),
    tick: renewalTick(1),
    verdict: 'unknown_epoch',
  },
  {
    why: 'an epoch between the two',
    register: renewingAt(2_000),
    tick: tickOf(1, { epoch: 4 }),
    verdict: 'unknown_epoch',
  },
  {
    why: 'past the claim window',
    register: registerAt(100, { closed: true }),
    tick: tickOf(101),
    nowSeconds: late,
    verdict: 'expired',
  },
  {
    why: 'closed',
    register: registerAt(100, { closed: true }),
    tick: tickOf(101),
    verdict: 'closed',
  },
  {
    why: 'past the end of the epoch',
    register: registerAt(100),
    tick: { ...tickOf(1), index: 2_001 },
    verdict: 'out_of_range',
  },
  {
    why: 'past the end of the renewal',
    register: renewingAt(2_000),
    tick: { ...renewalTick(1), index: 2_001 },
    verdict: 'out_of_range',
  },
  {
    why: 'a jump of 1,025',
    register: registerAt(100),
    tick: tickOf(1_125),
    hashBudget: 0,
    verdict: 'needs_checkpoint',
  },
  {
    why: 'a jump of 1,025 into the renewal',
    register: renewingAt(2_000),
    tick: renewalTick(1_025),
    verdict: 'needs_checkpoint',
  },
  {
    why: 'one hash too many',
    register: registerAt(100),
    tick: tickOf(110, wrong),
    hashBudget: 9.9,
    verdict: 'slow_down',
  },
  { why: 'another word', register: registerAt(100), tick: tickOf(101, wrong), verdict: 'bad_word' },
  {
    why: 'the word of another index',
    register: registerAt(100),
    tick: tickOf(101, { word: running.chain.wordAt(102) }),
    verdict: 'bad_word',
  },
  {
    why: 'a word of the running epoch as one of the renewal',
    register: renewingAt(2_000),
    tick: { ...renewalTick(1), word: running.chain.wordAt(1) },
    verdict: 'bad_word',
  },
]

/** The verdict of a case as the program gives it. */
export function verdictOf(one: Case): TickVerdict {
  return checkTick(one.register, one.tick, one.nowSeconds ?? nowSeconds, one.hashBudget ?? 1_024)
}

function caseToJson(one: Case): Json {
  return {
    why: one.why,
    register: toJson(one.register),
    tick: toJson(one.tick),
    nowSeconds: one.nowSeconds ?? nowSeconds,
    hashBudget: one.hashBudget ?? 1_024,
    verdict: verdictOf(one),
  }
}

export function tickVectors(): string {
  const messages = [[tickOf(7)], [tickOf(7), renewalTick(1)], message64]
  return formatFile({
    about: [
      'Section 8. messages: ticks and their bytes. refused: malformed as a whole. verdicts:',
      'section 8.2 from check 3 on, for one channel; pendingEpoch 0: no renewal is pending;',
      'register epoch 0: nothing is committed.',
    ],
    messages: messages.map((ticks) => ({
      ticks: toJson(ticks),
      message: toJson(encodeTicks(ticks)),
    })),
    refused: refusedMessages.map(([why, message]) => ({ why, message: toJson(message) })),
    verdicts: verdictCases.map(caseToJson),
  })
}
