/**
 * A gateway in a few lines, for testing payers: one channel, judged by the protocol's own rules.
 * @module
 */

import { bytesToHex } from '../../../../protocol/bytes.ts'
import { bindOf } from '../../../../protocol/chain.ts'
import type { Register } from '../../../../protocol/channel.ts'
import { amountAt, checkTick, readingAt } from '../../../../protocol/channel.ts'
import type { CommitmentVerdict } from '../../../../protocol/commitmentRules.ts'
import { checkCommitment } from '../../../../protocol/commitmentRules.ts'
import { publicKeyOf, verifyDigest } from '../../../../protocol/keys.ts'
import type { Held, Reject, Slot, SupplyState } from '../../../../protocol/messages.ts'
import type { CommitmentReason, TickReason } from '../../../../protocol/reasons.ts'
import type { Commitment, Mandate, Signed, Tariff } from '../../../../protocol/structures.ts'
import { CHECKPOINT, digestOf, tariffStructure } from '../../../../protocol/structures.ts'
import type { Tick } from '../../../../protocol/tick.ts'
import * as fixtures from '../../../support/fixtures.ts'

export type ModelGateway = {
  nowSeconds: number
  tariffs: Tariff[]
  mandate: Mandate | undefined
  maxLength: number
  free: bigint
  supply: SupplyState
  held: Held | undefined
  pending: Signed<Commitment> | undefined
  /** Every verdict there was, in order. */
  readonly verdicts: string[]
}

export const supplyOn: SupplyState = { level: 'on', reason: 'ok' }

export function modelGateway(changes: Partial<ModelGateway> = {}): ModelGateway {
  return {
    nowSeconds: fixtures.nowSeconds,
    tariffs: [fixtures.tariff],
    mandate: fixtures.mandate,
    maxLength: 40,
    free: 1n << 60n,
    supply: supplyOn,
    held: undefined,
    pending: undefined,
    verdicts: [],
    ...changes,
  }
}

export function slotOf(model: ModelGateway): Slot {
  return {
    slot: 0,
    channel: fixtures.channel,
    mandate: model.mandate && { value: model.mandate, signature: new Uint8Array(64) },
    held: model.held,
    pending: model.pending,
    maxLength: model.maxLength,
    supply: model.supply,
  }
}

export function heldAmount({ held }: ModelGateway): bigint {
  return held ? amountAt(held.commitment.value, held.index) : 0n
}

export function heldReading({ held }: ModelGateway): bigint | undefined {
  return held && readingAt(held.commitment.value, held.index)
}

function refusal(
  model: ModelGateway,
  refused: 'tick' | 'commit',
  reason: TickReason | CommitmentReason,
): Reject {
  return { slot: 0, refused, reason, held: model.held, pending: model.pending }
}

/**
 * Judges a commitment and applies it: undefined when it was accepted, again or for the first time.
 */
export function takeCommit(model: ModelGateway, signed: Signed<Commitment>): Reject | undefined {
  const byHash = new Map(
    model.tariffs.map((one) => [bytesToHex(digestOf(fixtures.domain, tariffStructure, one)), one]),
  )
  const verdict: CommitmentVerdict = checkCommitment(
    {
      domain: fixtures.domain,
      channelId: fixtures.channelId,
      payerKey: publicKeyOf(fixtures.deviceKey),
      closed: false,
      held: model.held && { commitment: model.held.commitment.value, index: model.held.index },
      pending: model.pending?.value,
      mandate: model.mandate,
      tariff: byHash.get(bytesToHex(signed.value.tariffHash)),
      maxLength: model.maxLength,
      free: model.free,
      nowSeconds: model.nowSeconds,
    },
    signed,
    verifyDigest,
  )
  model.verdicts.push(verdict)
  if (verdict !== 'accepted' && verdict !== 'repeated') return refusal(model, 'commit', verdict)
  if (verdict === 'accepted' && signed.value.kind === CHECKPOINT) {
    model.held = { commitment: signed, index: 0, word: signed.value.root }
    model.pending = undefined
  } else if (verdict === 'accepted') {
    model.pending = signed
  }
  return undefined
}

function registerOf(model: ModelGateway): Register {
  const { held, pending } = model
  const none = new Uint8Array(32)
  return {
    epoch: held?.commitment.value.epoch ?? 0,
    index: held?.index ?? 0,
    length: held?.commitment.value.length ?? 0,
    word: held?.word ?? none,
    bind: held ? bindOf(held.commitment.value) : none.subarray(0, 16),
    pendingEpoch: pending?.value.epoch ?? 0,
    pendingLength: pending?.value.length ?? 0,
    pendingRoot: pending?.value.root ?? none,
    pendingBind: pending ? bindOf(pending.value) : none.subarray(0, 16),
    claimUntilSeconds: model.mandate?.claimUntil ?? 0,
    closed: false,
  }
}

/** Judges a tick and applies it: undefined when it is acknowledged. */
export function takeTick(
  model: ModelGateway,
  tick: Pick<Tick, 'epoch' | 'index' | 'word'>,
): Reject | undefined {
  const verdict = checkTick(registerOf(model), { slot: 0, ...tick }, model.nowSeconds, 10_000)
  model.verdicts.push(verdict)
  const { held, pending } = model
  if (verdict === 'accepted_renewal' && held?.index !== held?.commitment.value.length) {
    model.verdicts.push('last_word_skipped')
  }
  if (verdict === 'accepted_renewal' && pending) {
    model.held = { commitment: pending, index: tick.index, word: tick.word.slice() }
    model.pending = undefined
  } else if (verdict === 'accepted' && held) {
    model.held = { ...held, index: tick.index, word: tick.word.slice() }
  } else if (verdict !== 'stale') {
    return refusal(model, 'tick', verdict as TickReason)
  }
  return undefined
}

export function ackOf(model: ModelGateway) {
  const epoch = model.held?.commitment.value.epoch ?? 0
  return { slot: 0, epoch, index: model.held?.index ?? 0, supply: model.supply }
}
