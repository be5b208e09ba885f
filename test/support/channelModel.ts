/**
 * A payer and a payee with a hostile network between them, in as few words as possible: what is
 * sent may be lost, repeated, reordered, delayed or altered. The payee decides with the program's
 * rules; everything else is written here.
 * @module
 */
import type { Chain } from '../../protocol/chain.ts'
import { bindOf, buildChain } from '../../protocol/chain.ts'
import type { Register } from '../../protocol/channel.ts'
import { amountAt, checkTick, readingAt } from '../../protocol/channel.ts'
import { checkCommitment, worstCaseOf } from '../../protocol/commitmentRules.ts'
import { CHECKPOINT, type Commitment } from '../../protocol/structures.ts'
import type { Tick } from '../../protocol/tick.ts'
import {
  checkpointTerms,
  commitmentContext,
  mandate,
  nowSeconds,
  renewalTerms,
  rootSecret,
  tariff,
  termsOf,
} from './fixtures.ts'

export type Held = {
  readonly commitment: Commitment
  readonly index: number
  readonly word: Uint8Array
}
export type Message =
  | { readonly kind: 'tick'; readonly tick: Tick }
  | { readonly kind: 'commitment'; readonly commitment: Commitment }

/** The payee: the held state, a pending renewal and the funds it may reserve. */
export type Payee = { held: Held | undefined; pending: Commitment | undefined; setAside: bigint }
/** The payer: its meter, and what it last heard from the payee. */
export type Payer = {
  register: bigint
  heard: { held: Held | undefined; pending: Commitment | undefined }
}

export const start = 123_450n
const price = tariff.pricePerTick
const step = tariff.unitsPerTick
const chains = new Map<string, Chain>()

/** The chain of a commitment or of its terms. */
export function chainOf(terms: Omit<Commitment, 'root'>): Chain {
  const key = Buffer.from(bindOf(terms)).toString('hex')
  const known = chains.get(key) ?? buildChain(rootSecret, terms)
  chains.set(key, known)
  return known
}

function committed(changes: Partial<Commitment>): Commitment {
  const terms = termsOf({ length: 40, ...changes })
  return { ...terms, root: chainOf(terms).root }
}

/** What the meter has counted, in whole ticks and in money. */
export function consumed(payer: Payer): { readonly ticks: bigint; readonly amount: bigint } {
  const ticks = (payer.register - start) / step
  return { ticks, amount: ticks * price }
}

export function heldAmount({ held }: Payee): bigint {
  return held ? amountAt(held.commitment, held.index) : 0n
}

/** The newest word the payer may reveal, as far as it knows; undefined when it has to commit. */
export function newestTick(payer: Payer): Tick | undefined {
  const { held, pending } = payer.heard
  if (!held) return undefined
  const place = (one: Commitment) => Number((payer.register - one.startReading) / step)
  const { commitment } = held
  const index = place(commitment)
  if (index <= commitment.length) return index < 1 ? undefined : tick(commitment, index)
  const beyond = pending ? place(pending) : 0
  return pending && beyond >= 1 && beyond <= pending.length ? tick(pending, beyond) : undefined
}

function tick(commitment: Commitment, index: number): Tick {
  return { slot: 0, epoch: commitment.epoch, index, word: chainOf(commitment).wordAt(index) }
}

const lastEpoch = ({ held, pending }: Payer['heard']) =>
  Math.max(held?.commitment.epoch ?? 0, pending?.epoch ?? 0)

export function renewalFrom(payer: Payer, length: number): Commitment | undefined {
  const { held } = payer.heard
  if (!held) return undefined
  const epoch = lastEpoch(payer.heard) + 1
  return committed({ ...renewalTerms(held.commitment), epoch, length })
}

/** Opens the channel, or pays the whole gap since what the payer heard last. */
export function checkpointFrom(payer: Payer, length: number): Commitment {
  const { held } = payer.heard
  if (!held) return committed({ kind: CHECKPOINT, epoch: 1, startReading: start, length })
  const { commitment, index } = held
  const gap = Number((payer.register - readingAt(commitment, index)) / step)
  const epoch = lastEpoch(payer.heard) + 1
  return committed({ ...checkpointTerms(commitment, index, gap), epoch, length })
}

function registerOf({ held, pending }: Payee): Register | undefined {
  if (!held) return undefined
  return {
    epoch: held.commitment.epoch,
    index: held.index,
    length: held.commitment.length,
    word: held.word,
    bind: bindOf(held.commitment),
    pendingEpoch: pending?.epoch ?? 0,
    pendingLength: pending?.length ?? 0,
    pendingRoot: pending?.root ?? new Uint8Array(32),
    pendingBind: pending ? bindOf(pending) : new Uint8Array(16),
    claimUntilSeconds: mandate.claimUntil,
    closed: false,
  }
}

/** Delivers one message and returns the payee's verdict. */
export function deliver(payee: Payee, message: Message): string {
  return message.kind === 'tick' ? takeTick(payee, message.tick) : take(payee, message.commitment)
}

function takeTick(payee: Payee, one: Tick): string {
  const register = registerOf(payee)
  if (!register || !payee.held) return 'unknown_epoch'
  const verdict = checkTick(register, one, nowSeconds, 1_024)
  if (verdict === 'accepted') {
    payee.held = { ...payee.held, index: one.index, word: one.word }
  } else if (verdict === 'accepted_renewal' && payee.pending) {
    payee.held = { commitment: payee.pending, index: one.index, word: one.word }
    payee.pending = undefined
  }
  return verdict
}

function take(payee: Payee, commitment: Commitment): string {
  const context = commitmentContext({
    held: payee.held,
    pending: payee.pending,
    free: payee.setAside - worstCaseOf({ held: payee.held, pending: payee.pending }),
    mandate: { ...mandate, limit: 1n << 60n },
  })
  const signature = new Uint8Array(64)
  const verdict = checkCommitment(context, { value: commitment, signature }, () => true)
  if (verdict === 'accepted' && commitment.kind === CHECKPOINT) {
    payee.held = { commitment, index: 0, word: commitment.root }
    payee.pending = undefined
  } else if (verdict === 'accepted') {
    payee.pending = commitment
  }
  return verdict
}
