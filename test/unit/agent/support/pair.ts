/**
 * A payer and a model gateway side by side. What one says reaches the other at once, unless a test
 * takes the messages out of `toGateway` and `toDevice` itself.
 * @module
 */

import type { Epochs } from '../../../../agent/epochs.ts'
import { createEpochs } from '../../../../agent/epochs.ts'
import type { LimitBook, LimitRecord, Now, OwnLimits } from '../../../../agent/ownLimits.ts'
import { noOwnLimits } from '../../../../agent/ownLimits.ts'
import type { PayerAction, PayerEvent } from '../../../../agent/payer.ts'
import { stepPayer } from '../../../../agent/payer.ts'
import type { Payer } from '../../../../agent/payerState.ts'
import { newPayer } from '../../../../agent/payerState.ts'
import type { KnownTariff } from '../../../../agent/tariffs.ts'
import { verifyTariffs } from '../../../../agent/tariffs.ts'
import type { Terms } from '../../../../protocol/chain.ts'
import { publicKeyOf, signDigest } from '../../../../protocol/keys.ts'
import type { AckEntry, Reject, Slot } from '../../../../protocol/messages.ts'
import type { Commitment, Signed, Tariff } from '../../../../protocol/structures.ts'
import { digestOf, tariffStructure } from '../../../../protocol/structures.ts'
import * as fixtures from '../../../support/fixtures.ts'
import type { ModelGateway } from './modelGateway.ts'
import { ackOf, modelGateway, slotOf, takeCommit, takeTick } from './modelGateway.ts'

export type UpMessage =
  | { kind: 'ticks'; ticks: { epoch: number; index: number; word: Uint8Array }[] }
  | { kind: 'commit'; commitment: Signed<Commitment> }
  | { kind: 'hello' }

export type DownMessage =
  | { kind: 'slot'; slot: Slot; tariffs: Tariff[] }
  | { kind: 'ack'; entry: AckEntry }
  | { kind: 'accept'; epoch: number }
  | { kind: 'reject'; reject: Reject }

export type Pair = {
  readonly gateway: ModelGateway
  payer: Payer
  epochs: QuickEpochs
  nowMs: number
  /** What was durable last. */
  record: LimitRecord | undefined
  /** False: records never become durable. */
  diskWorks: boolean
  toGateway: UpMessage[]
  toDevice: DownMessage[]
  /** Every action there was. */
  actions: PayerAction[]
  /** Epochs signed since the last crash. */
  signedEpochs: Set<number>
}

export function makePair(
  gateway: Partial<ModelGateway> = {},
  own: OwnLimits = noOwnLimits,
  record?: LimitRecord,
): Pair {
  return {
    gateway: modelGateway(gateway),
    payer: newPayer(own, record),
    epochs: newEpochs(),
    nowMs: 0,
    record,
    diskWorks: true,
    toGateway: [],
    toDevice: [],
    actions: [],
    signedEpochs: new Set(),
  }
}

/** Of a key in this process, which signs at once. */
export type QuickEpochs = Omit<Epochs, 'commit'> & {
  readonly commit: (terms: Terms) => Signed<Commitment>
}

export function newEpochs(): QuickEpochs {
  const { deviceKey } = fixtures
  const signer = {
    publicKey: publicKeyOf(deviceKey),
    sign: (digest: Uint8Array) => signDigest(deviceKey, digest),
  }
  const epochs = createEpochs(fixtures.domain, signer, fixtures.rootSecret)
  const commit = (terms: Terms) => {
    const signed = epochs.commit(terms)
    if (signed instanceof Promise) throw new Error('the key is in this process')
    return signed
  }
  return { ...epochs, commit }
}

export function knownTariffs(list: readonly Tariff[]): readonly KnownTariff[] {
  const signed = list.map((value) => ({
    value,
    signature: signDigest(fixtures.gatewayKey, digestOf(fixtures.domain, tariffStructure, value)),
  }))
  return verifyTariffs(fixtures.domain, fixtures.gateway, publicKeyOf(fixtures.gatewayKey), signed)
    .known
}

export function nowOf(pair: Pair): Now {
  return { seconds: pair.gateway.nowSeconds, monotonicMs: pair.nowMs }
}

/** Gives the payer one event; its messages wait in `toGateway`. */
export function feed(pair: Pair, event: PayerEvent): readonly PayerAction[] {
  const { payer, actions } = stepPayer(pair.payer, event, nowOf(pair))
  checkStep(pair, payer, actions)
  pair.payer = payer
  pair.actions.push(...actions)
  for (const action of actions) carryOut(pair, action)
  return actions
}

/** What holds for every step of every test. */
function checkStep(pair: Pair, after: Payer, actions: readonly PayerAction[]): void {
  const isWaiting = after.offer !== undefined && after.offer.purpose !== 'renewal'
  for (const action of actions) {
    if (action.kind === 'show' && isWaiting) {
      throw new Error('a word was shown before the checkpoint was accepted')
    }
    if (action.kind === 'show' && action.places.length > 1) {
      const [first] = action.places
      if (first?.index !== first?.terms.length) throw new Error('the last word was left out')
    }
    if (action.kind !== 'offer') continue
    if (pair.signedEpochs.has(action.terms.epoch)) throw new Error('an epoch was signed twice')
    pair.signedEpochs.add(action.terms.epoch)
  }
}

function carryOut(pair: Pair, action: PayerAction): void {
  const { epochs, toGateway } = pair
  if (action.kind === 'show') {
    const ticks = action.places.map(({ terms, index }) => ({
      epoch: terms.epoch,
      index,
      word: epochs.wordAt(terms, index),
    }))
    toGateway.push({ kind: 'ticks', ticks })
  } else if (action.kind === 'offer' || action.kind === 'repeat') {
    toGateway.push({ kind: 'commit', commitment: epochs.commit(action.terms) })
  } else if (action.kind === 'resync') {
    toGateway.push({ kind: 'hello' })
  } else if (action.kind === 'record' && pair.diskWorks) {
    saved(pair, action.book)
  }
}

function saved(pair: Pair, { channelId, hour, hourBase, day, dayBase }: LimitBook): void {
  pair.record = { channelId, hour, hourBase, day, dayBase }
  feed(pair, { kind: 'recorded', record: pair.record })
}

/** The gateway deals with one message; its answers wait in `toDevice`. */
export function gatewayTakes(pair: Pair, message: UpMessage): void {
  const { gateway, toDevice } = pair
  if (message.kind === 'hello') {
    toDevice.push({ kind: 'slot', slot: slotOf(gateway), tariffs: [...gateway.tariffs] })
  } else if (message.kind === 'commit') {
    const reject = takeCommit(gateway, message.commitment)
    toDevice.push(
      reject
        ? { kind: 'reject', reject }
        : { kind: 'accept', epoch: message.commitment.value.epoch },
    )
  } else {
    for (const tick of message.ticks) {
      const reject = takeTick(gateway, tick)
      toDevice.push(reject ? { kind: 'reject', reject } : { kind: 'ack', entry: ackOf(gateway) })
    }
  }
}

/** The device deals with one message. */
export function deviceTakes(pair: Pair, message: DownMessage): readonly PayerAction[] {
  switch (message.kind) {
    case 'ack':
      return feed(pair, { kind: 'ack', entry: message.entry })
    case 'accept':
      return feed(pair, { kind: 'accept', epoch: message.epoch })
    case 'reject': {
      const { refused, reason, held, pending } = message.reject
      const proof = pair.epochs.prove(fixtures.channelId, held, pending)
      return feed(pair, { kind: 'reject', refusal: { refused, reason }, proof })
    }
    case 'slot':
      return feed(pair, slotEvent(pair, message))
  }
}

function slotEvent(
  pair: Pair,
  { slot, tariffs }: DownMessage & { kind: 'slot' },
): PayerEvent & { kind: 'slot' } {
  const { held, pending } = slot
  return {
    kind: 'slot',
    proof: pair.epochs.prove(fixtures.channelId, held, pending),
    facts: {
      slot: slot.slot,
      channelId: fixtures.channelId,
      mandate: slot.mandate?.value,
      maxLength: slot.maxLength,
      supply: slot.supply,
      tariffs: knownTariffsCached(tariffs),
    },
  }
}

const cache = new Map<string, readonly KnownTariff[]>()
function knownTariffsCached(tariffs: readonly Tariff[]): readonly KnownTariff[] {
  const id = tariffs.map((one) => Object.values(one).join()).join(';')
  const known = cache.get(id) ?? knownTariffs(tariffs)
  cache.set(id, known)
  return known
}

/** Lets everything arrive, in order, until both are quiet. */
export function settle(pair: Pair): void {
  for (let rounds = 0; rounds < 1_000; rounds++) {
    const up = pair.toGateway.shift()
    if (up) gatewayTakes(pair, up)
    const down = pair.toDevice.shift()
    if (down) deviceTakes(pair, down)
    if (!up && !down) return
  }
  throw new Error('the two never come to rest')
}

/** A new connection: what was on its way is lost, and the gateway tells what it holds. */
export function connect(pair: Pair): void {
  feed(pair, { kind: 'offline' })
  pair.toGateway = []
  pair.toDevice = []
  gatewayTakes(pair, { kind: 'hello' })
}

/** The device loses its memory; the disk stays. */
export function crash(pair: Pair): void {
  pair.payer = newPayer(pair.payer.own, pair.record)
  pair.epochs = newEpochs()
  pair.signedEpochs = new Set()
  pair.toGateway = []
  pair.toDevice = []
}

export function pass(pair: Pair, ms: number): void {
  pair.nowMs += ms
  pair.gateway.nowSeconds += Math.floor(pair.nowMs / 1_000) - Math.floor((pair.nowMs - ms) / 1_000)
  feed(pair, { kind: 'time' })
}

export function read(pair: Pair, units: bigint): readonly PayerAction[] {
  return feed(pair, { kind: 'reading', units })
}

/** Connected, opened at `reading` and quiet. */
export function openedPair(
  gateway: Partial<ModelGateway> = {},
  own: OwnLimits = noOwnLimits,
  reading = 1_000n,
): Pair {
  const pair = makePair(gateway, own)
  read(pair, reading)
  connect(pair)
  settle(pair)
  return pair
}

/** The words that were to be shown, as `epoch/index`. */
export function shown(actions: readonly PayerAction[]): string[] {
  const show = actions.find((one) => one.kind === 'show')
  return show?.places.map(({ terms, index }) => `${terms.epoch}/${index}`) ?? []
}

/** The commitment that was sent. */
export function offered(actions: readonly PayerAction[]) {
  return actions.find((one) => one.kind === 'offer')
}

/** What the meter was told last. */
export function order(pair: Pair): string {
  const { order } = pair.payer
  return order.kind === 'off' ? `off ${order.reason}` : `until ${order.units} ${order.reason}`
}
