/**
 * Acknowledgements of one session. The slots that move in one batch share one message, and of one
 * slot only the newest state is told. What a batch gathers is kept for the next but one, so a tick
 * allocates nothing here.
 * @module
 */
import { CHANNELS_PER_DEVICE_MAX } from '../../protocol/limits.ts'
import type { AckEntry, SupplyState } from '../../protocol/messages.ts'
import type { Core, LinkMode } from '../core.ts'
import type { Session } from './session.ts'

/** What a session keeps between batches. */
export type SessionAcks = {
  readonly topic: string
  /** The acknowledgement that still takes slots. */
  open?: OpenAck | undefined
  /** One that was sent and can be filled again. */
  spare?: OpenAck | undefined
  /** How the last one was published: mostly the next one is about the same slots. */
  last?: { readonly low: number; readonly high: number; readonly mode: LinkMode } | undefined
}

type AckLine = { -readonly [Name in keyof AckEntry]: AckEntry[Name] }

type OpenAck = {
  batch: number
  /** The first `count` are in use. */
  readonly lines: AckLine[]
  count: number
  /** By slot: place of its line plus 1, or 0. */
  readonly places: Uint8Array
  /** The slots in it: bits 0 to 31, and 32 to 63. */
  low: number
  high: number
  readonly send: () => void
}

/** Acknowledges one slot once everything so far is durable. */
export function sendAck(
  core: Core,
  session: Session,
  slot: number,
  epoch: number,
  index: number,
  supply: SupplyState,
): void {
  const batch = core.writer.batch()
  const { open } = session.acks
  const ack = open?.batch === batch ? open : openAck(core, session, batch)
  const place = ack.places[slot] ?? 0
  const line = place === 0 ? addLine(ack, slot) : ack.lines[place - 1]
  if (!line) return
  line.epoch = epoch
  line.index = index
  line.supply = supply
}

/** What comes after this has a message of its own: a later state must not overtake another one. */
export function closeAck(session: Session): void {
  session.acks.open = undefined
}

function openAck(core: Core, session: Session, batch: number): OpenAck {
  const { acks } = session
  const ack = acks.spare ?? newAck(core, session)
  acks.spare = undefined
  acks.open = ack
  ack.batch = batch
  core.writer.whenDurable(ack.send)
  return ack
}

function newAck(core: Core, session: Session): OpenAck {
  const ack: OpenAck = {
    batch: 0,
    lines: [],
    count: 0,
    places: new Uint8Array(CHANNELS_PER_DEVICE_MAX),
    low: 0,
    high: 0,
    send: () => publishAck(core, session, ack),
  }
  return ack
}

const noSupply: SupplyState = { level: 'off', reason: 'closed' }

function addLine(ack: OpenAck, slot: number): AckLine {
  const { count, lines } = ack
  const line = lines[count] ?? { slot, epoch: 0, index: 0, supply: noSupply }
  lines[count] = line
  line.slot = slot
  ack.count = count + 1
  ack.places[slot] = count + 1
  if (slot < 32) ack.low |= 1 << slot
  else ack.high |= 1 << (slot - 32)
  return line
}

function publishAck(core: Core, session: Session, ack: OpenAck): void {
  const { acks } = session
  const mark = core.marks.at(core.writer.position())
  const payload = core.encodeAck(mark, ack.lines, ack.count)
  const mode = modeOf(session, ack)
  for (let place = 0; place < ack.count; place++) ack.places[ack.lines[place]?.slot ?? 0] = 0
  ack.count = 0
  ack.low = 0
  ack.high = 0
  if (acks.open === ack) acks.open = undefined
  acks.spare = ack
  core.link.publish(acks.topic, payload, mode)
}

/** A newer acknowledgement says all that one of the same slots did. */
function modeOf({ id, acks }: Session, { low, high, places }: OpenAck): LinkMode {
  const { last } = acks
  if (last?.low === low && last.high === high) return last.mode
  const slots = Array.from(places.keys()).filter((slot) => places[slot] !== 0)
  const mode = { retain: false, sessionId: id, replaces: `ack ${slots.join()}` }
  acks.last = { low, high, mode }
  return mode
}
