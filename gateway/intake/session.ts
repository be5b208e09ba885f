/**
 * What the gateway remembers of one connected device, for as long as it is connected.
 * @module
 */
import {
  CHANNELS_PER_DEVICE_MAX,
  STRIKE_WINDOW_SECONDS,
  STRIKES_MAX,
} from '../../protocol/limits.ts'
import type { SupplyState } from '../../protocol/messages.ts'
import { formatTopic } from '../../protocol/topics.ts'
import type { ColdDevice } from '../state/cold.ts'
import type { SessionAcks } from './acks.ts'
import { type Told, toldCodec } from './fairShare.ts'
import type { Rejection } from './rejection.ts'
import { type SlotCodec, type SlotMap, slotMap, wholeCodec } from './slotMap.ts'

/** By a login of its own, or by nothing but the topic that its messages come on. */
export type Identified = 'by_login' | 'by_topic'

/** The word that a slot had reached when its session began. */
type SlotStart = { readonly epoch: number; readonly index: number }

const startCodec: SlotCodec<SlotStart> = {
  width: 2,
  write: (numbers, at, { epoch, index }) => {
    numbers[at] = epoch
    numbers[at + 1] = index
  },
  read: (numbers, at) => ({ epoch: numbers[at] ?? 0, index: numbers[at + 1] ?? 0 }),
}

export type Session = {
  readonly id: string
  readonly fleet: string
  readonly device: string
  readonly identified: Identified
  /** True once `hello` was answered; before that no slot is known. */
  greeted: boolean
  /** Channel number of each slot. */
  channels: readonly number[]
  /** What each slot was given when the session began: words below it come from a copy. */
  readonly start: SlotMap<SlotStart>
  readonly cloneSuspected: Set<number>
  /** What the device was last told of each slot, so that only changes are sent. */
  readonly supply: (SupplyState | undefined)[]
  /** Version of the fleet's orders that the device has, and the message that told them. */
  orders: { readonly version: number; readonly told: string }
  /** How much each slot was last told it may commit to. */
  readonly toldLength: SlotMap<Told>
  /** Register that the device last reported for each slot. */
  readonly registers: SlotMap<bigint>
  /** Monotonic times of recent strikes. */
  strikesMs: number[]
  /** Too many strikes: it is being closed, and what it still sends is not looked at. */
  condemned: boolean
  /** Its faults are counted and no longer answered before this monotonic time. */
  mutedUntilMs: number
  /** Another session has taken its place, or the device has gone: nothing is taken any more. */
  ended: boolean
  /** It is among the devices of the next round of reports. */
  touched: boolean
  /** What it was last told of a refusal. */
  rejection: Rejection | undefined
  /** Acknowledgements that wait for their batch. */
  readonly acks: SessionAcks
}

export function openSession(
  id: string,
  fleet: string,
  device: string,
  identified: Identified,
): Session {
  return {
    id,
    fleet,
    device,
    identified,
    greeted: false,
    channels: [],
    start: slotMap(startCodec),
    cloneSuspected: new Set(),
    supply: [],
    orders: { version: 0, told: '' },
    toldLength: slotMap(toldCodec),
    registers: slotMap(wholeCodec),
    strikesMs: [],
    condemned: false,
    mutedUntilMs: Number.NEGATIVE_INFINITY,
    ended: false,
    touched: false,
    rejection: undefined,
    acks: { topic: formatTopic({ kind: 'down', fleet, device, name: 'ack' }) },
  }
}

/** Takes over the slots that a device has now; nothing of a slot's former channel is kept. */
export function adoptChannels(session: Session, record: ColdDevice | undefined): void {
  const channels = record?.channels.slice(0, CHANNELS_PER_DEVICE_MAX) ?? []
  for (const [slot, channel] of session.channels.entries()) {
    if (channels[slot] !== channel) forgetSlot(session, slot)
  }
  session.channels = channels
}

function forgetSlot(session: Session, slot: number): void {
  for (const map of [session.start, session.toldLength, session.registers]) map.delete(slot)
  session.supply[slot] = undefined
  session.cloneSuspected.delete(slot)
}

/** The channel behind a slot; undefined before `hello` and for slots that do not exist. */
export function channelOf(session: Session, slot: number): number | undefined {
  return session.greeted ? session.channels[slot] : undefined
}

const STRIKE_WINDOW_MS = STRIKE_WINDOW_SECONDS * 1_000

/**
 * Counts a strike; too many condemn the session, and it must be closed. Where anybody may have sent
 * the faults in a device's name, closing would serve him: they are no longer answered for a while.
 */
export function strike(session: Session, nowMs: number): void {
  const recent = session.strikesMs.filter((at) => nowMs - at < STRIKE_WINDOW_MS)
  session.strikesMs = [...recent, nowMs]
  if (session.strikesMs.length < STRIKES_MAX) return
  if (session.identified === 'by_login') session.condemned = true
  else session.mutedUntilMs = nowMs + STRIKE_WINDOW_MS
}
