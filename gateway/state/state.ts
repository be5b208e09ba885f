/**
 * The gateway's state and the one function that changes it: `applyEntry` folds the journal, live
 * and at recovery alike. It judges nothing; what reaches it has been accepted.
 * @module
 */
import { assert, present } from '../../protocol/assert.ts'
import { bytesToHex, equalBytes } from '../../protocol/bytes.ts'
import type { WordPlace } from '../../protocol/chain.ts'
import { BIND_BYTES, bindOf, WORD_BYTES } from '../../protocol/chain.ts'
import type { Commitment, Mandate } from '../../protocol/structures.ts'
import { CHECKPOINT } from '../../protocol/structures.ts'
import type { Domain } from '../../protocol/typedData.ts'
import { adjustReserved, allocationOf } from './allocations.ts'
import { channelIdOf } from './channelId.ts'
import type { ColdStore } from './cold.ts'
import type { Entry, Move } from './entries.ts'
import type { GatewayEvent, SettlementItem } from './events.ts'
import type { HotChannels } from './hotChannels.ts'
import {
  FLAG_CLOSED,
  FLAG_LAPSED,
  FLAG_PAUSED,
  heldAmount,
  heldReading,
  isClosed,
  isLapsed,
  reservedAmount,
  toSeconds32,
} from './hotChannels.ts'
import { type MandateStarts, noteStart } from './mandateStarts.ts'
import { applyOrder, type Orders } from './orders.ts'
import type { IssuedState } from './receipts.ts'
import { holdRenewal, promotePending } from './renewals.ts'
import { applySettlement } from './settled.ts'
import type { Statements } from './statements.ts'

export { allocationOf } from './allocations.ts'

export type Fleet = {
  /** Algorithm byte and key. */
  readonly signerKey: Uint8Array
  readonly ownerKey: Uint8Array | undefined
  readonly allocation: Uint8Array
}

export type Life = { readonly life: Uint8Array; readonly position: number }

/** An allocation as this gateway uses it. */
export type AllocationUse = {
  readonly id: Uint8Array
  /** Sum of the channels' reservations. */
  reserved: bigint
  /** Position that the next channel gets; never given twice. */
  nextPosition: number
  /** Open channels, for the fair share of what is free. */
  openChannels: number
}

/** A settlement that was handed to the ledger and whose answer is not yet journaled. */
export type Outstanding = { readonly key: Uint8Array; readonly items: readonly SettlementItem[] }

export type GatewayState = {
  readonly domain: Domain
  readonly hot: HotChannels
  readonly cold: ColdStore
  readonly fleets: Map<string, Fleet>
  /** JSON of hashed credentials by `fleet/name`. */
  readonly credentials: Map<string, string>
  readonly allocations: AllocationUse[]
  readonly lives: Life[]
  /** Commitments older than this journal position buy no supply; 0 when no fence was raised. */
  fencePosition: number
  /** Lost lives, in hex, that a fence was raised for. */
  readonly fencedLives: Set<string>
  readonly outbox: Map<string, Outstanding>
  /** Settlement items that the ledger refused: channel number to reason. */
  readonly quarantine: Map<number, string>
  readonly statements: Statements
  readonly orders: Orders
  readonly mandateStarts: MandateStarts
  readonly receipts: IssuedState
  /** Ticks ever accepted, by the distance each moved its channel. */
  acceptedTicks: number
  settlements: number
  lastSettlementSeconds: number
  commitments: { opened: number; renewals: number; checkpoints: number }
}

const DAY_SECONDS = 86_400

/** Folds one entry into the state. `position` is its journal position. */
export function applyEntry(state: GatewayState, entry: Entry, position: number): void {
  if (entry.kind === 'moves') {
    for (const move of entry.moves) applyMove(state, move, entry.seconds)
  } else {
    applyEvent(state, entry.event, entry.seconds, position)
  }
}

/** Where a channel's register moves to: an epoch and one of its words, wherever that lies. */
export type Step = WordPlace & { readonly epoch: number }

export function applyMove(state: GatewayState, move: Move, seconds: number): void {
  const { channel, epoch, index, word } = move
  applyStep(state, channel, { epoch, index, bytes: word, at: 0 }, seconds)
}

/**
 * A channel's register moves up; a pending renewal whose word it shows becomes the running one.
 *
 * Within a live epoch this leaves the reservation as it is: that is the worst case less what is
 * paid, and the worst case (base, length and price of the running and the pending commitment) has
 * no index in it. Only where no more than what is held is reserved does the index count.
 */
export function applyStep(state: GatewayState, channel: number, step: Step, seconds: number): void {
  const { hot } = state
  const { columns } = hot
  const renews = columns.epoch[channel] !== step.epoch
  rollDay(hot, channel, seconds)
  state.acceptedTicks += ticksMoved(hot, channel, step)
  if (renews || isClosed(hot, channel) || isLapsed(hot, channel)) {
    const before = reservedAmount(hot, channel)
    if (renews) promotePending(hot, channel, step.epoch)
    moveRegister(hot, channel, step)
    adjustReserved(state, channel, before)
  } else {
    moveRegister(hot, channel, step)
  }
  if (state.quarantine.size > 0) state.quarantine.delete(channel)
}

function moveRegister({ columns }: HotChannels, channel: number, step: Step): void {
  const { bytes, at, index } = step
  assert(index >= (columns.index[channel] ?? 0), 'a register never falls')
  columns.index[channel] = index
  const { word } = columns
  const start = channel * WORD_BYTES
  for (let i = 0; i < WORD_BYTES; i++) word[start + i] = bytes[at + i] ?? 0
}

function ticksMoved({ columns }: HotChannels, channel: number, step: Step): number {
  const index = columns.index[channel] ?? 0
  if (columns.epoch[channel] === step.epoch) return step.index - index
  return (columns.length[channel] ?? 0) - index + step.index
}

function rollDay(hot: HotChannels, channel: number, seconds: number): void {
  const day = Math.floor(seconds / DAY_SECONDS)
  if (hot.columns.day[channel] === day) return
  hot.columns.day[channel] = day
  hot.columns.dayStart[channel] = heldAmount(hot, channel)
}

function applyEvent(
  state: GatewayState,
  event: GatewayEvent,
  seconds: number,
  position: number,
): void {
  switch (event.kind) {
    case 'life':
      state.lives.push({ life: event.life, position })
      return
    case 'fleet':
      applyFleet(state, event)
      return
    case 'device':
      applyDevice(state, event)
      return
    case 'revoked':
      state.cold.putKeyUse(event.key, { fleet: event.fleet, device: event.device, revoked: true })
      return
    case 'channel':
      applyChannel(state, event)
      return
    case 'mandate':
      state.cold.putMandate(event.channel, event.mandate, event.cover)
      applyMandate(state, event.channel, event.mandate.value)
      noteStart(state.mandateStarts, event.channel, event.mandate.value.notBefore, seconds)
      return
    case 'commitment':
      applyCommitment(state, event, seconds, position)
      return
    case 'closed':
      applyFlag(state, event.channel, FLAG_CLOSED)
      allocationOf(state, event.channel).openChannels -= 1
      return
    case 'paused':
      setFlag(state.hot, event.channel, FLAG_PAUSED, event.paused)
      return
    case 'fence':
      state.fencePosition = position
      state.fencedLives.add(bytesToHex(event.life))
      return
    case 'lapsed':
      applyFlag(state, event.channel, FLAG_LAPSED)
      return
    case 'submitted':
    case 'settled':
    case 'stated':
    case 'cosigned':
    case 'statement_ended':
    case 'unstated':
    case 'restated':
      applySettlement(state, event, seconds)
      return
    case 'receipted':
      state.receipts.newest = { root: event.root, items: event.items, tariffs: event.tariffs }
      return
    case 'order':
      applyOrder(state.orders, event.order)
      return
    case 'credential':
      applyCredential(state, event)
      return
  }
}

function applyCredential(
  state: GatewayState,
  event: Extract<GatewayEvent, { kind: 'credential' }>,
): void {
  const name = `${event.fleet}/${event.name}`
  if (event.record === '') state.credentials.delete(name)
  else state.credentials.set(name, event.record)
}

function applyFleet(state: GatewayState, event: Extract<GatewayEvent, { kind: 'fleet' }>): void {
  const { fleet, signerKey, ownerKey, allocation } = event
  state.fleets.set(fleet, { signerKey, ownerKey, allocation })
  if (state.allocations.some((use) => equalBytes(use.id, allocation))) return
  state.allocations.push({ id: allocation, reserved: 0n, nextPosition: 0, openChannels: 0 })
}

function applyDevice(state: GatewayState, event: Extract<GatewayEvent, { kind: 'device' }>): void {
  const { fleet, device, key } = event
  state.cold.putKeyUse(key, { fleet, device, revoked: false })
  const known = state.cold.device(event.fleet, event.device)
  const channels = known?.channels ?? []
  state.cold.putDevice(event.fleet, event.device, { key: event.key, channels })
}

/** A channel in a slot that is taken replaces the one there, which must be closed. */
function applyChannel(
  state: GatewayState,
  event: Extract<GatewayEvent, { kind: 'channel' }>,
): void {
  const { fleet, device, slot, unit, channel } = event
  const number = state.hot.add(1)
  const record = present(state.cold.device(fleet, device), 'a channel belongs to a known device')
  const channels = [...record.channels]
  channels[slot] = number
  state.cold.putDevice(fleet, device, { ...record, channels })
  const channelId = channelIdOf(state.domain, channel)
  state.cold.putChannel(number, { fleet, device, slot, unit, channelId, channel })
  const place = state.allocations.findIndex((use) => equalBytes(use.id, channel.allocation))
  const use = present(state.allocations[place], 'a channel draws on a known allocation')
  use.nextPosition = Math.max(use.nextPosition, channel.position + 1)
  use.openChannels += 1
  state.hot.columns.allocation[number] = place
  state.hot.columns.slot[number] = slot
}

/** What the ledger refused may be sound under the new mandate. */
function applyMandate({ hot, quarantine }: GatewayState, channel: number, mandate: Mandate): void {
  hot.columns.mandateExpirySeconds[channel] = toSeconds32(mandate.expiry)
  hot.columns.claimUntilSeconds[channel] = mandate.claimUntil
  hot.columns.limit[channel] = mandate.limit
  hot.columns.limitPerDay[channel] = mandate.limitPerDay
  quarantine.delete(channel)
}

/** Accepting a checkpoint moves the register and drops a renewal; accepting a renewal does not. */
function applyCommitment(
  state: GatewayState,
  event: Extract<GatewayEvent, { kind: 'commitment' }>,
  seconds: number,
  position: number,
): void {
  const { channel, creditTicks } = event
  const { value } = event.commitment
  state.cold.putCommitment(channel, event.commitment)
  const before = reservedAmount(state.hot, channel)
  rollDay(state.hot, channel, seconds)
  countCommitment(state, channel, value)
  state.hot.columns.creditTicks[channel] = creditTicks
  if (value.kind === CHECKPOINT) moveToCheckpoint(state, channel, value, position)
  else holdRenewal(state.hot, channel, value)
  adjustReserved(state, channel, before)
}

function countCommitment(state: GatewayState, channel: number, value: Commitment): void {
  const { commitments } = state
  if (state.hot.columns.epoch[channel] === 0) commitments.opened += 1
  else if (value.kind === CHECKPOINT) commitments.checkpoints += 1
  else commitments.renewals += 1
}

function moveToCheckpoint(
  state: GatewayState,
  channel: number,
  value: Commitment,
  position: number,
): void {
  const { columns } = state.hot
  if (columns.epoch[channel] === 0) {
    columns.firstReading[channel] = value.startReading
  } else {
    const units = value.startReading - heldReading(state.hot, channel)
    state.acceptedTicks += Number(units / present(columns.unitsPerTick[channel], 'units'))
    assert(value.base >= heldAmount(state.hot, channel), 'an amount never falls')
  }
  columns.epoch[channel] = value.epoch
  columns.index[channel] = 0
  columns.length[channel] = value.length
  columns.base[channel] = value.base
  columns.pricePerTick[channel] = value.pricePerTick
  columns.unitsPerTick[channel] = value.unitsPerTick
  columns.startReading[channel] = value.startReading
  columns.commitmentExpirySeconds[channel] = toSeconds32(value.expiry)
  columns.pendingEpoch[channel] = 0
  columns.checkpointPosition[channel] = position
  setFlag(state.hot, channel, FLAG_LAPSED, false)
  columns.word.set(value.root, channel * WORD_BYTES)
  columns.bind.set(bindOf(value), channel * BIND_BYTES)
  state.quarantine.delete(channel)
}

/** Sets a flag after which no more than what is held stays reserved. */
function applyFlag(state: GatewayState, channel: number, flag: number): void {
  const before = reservedAmount(state.hot, channel)
  setFlag(state.hot, channel, flag, true)
  adjustReserved(state, channel, before)
}

function setFlag({ columns }: HotChannels, channel: number, flag: number, on: boolean): void {
  const flags = columns.flags[channel] ?? 0
  columns.flags[channel] = on ? flags | flag : flags & ~flag
}
