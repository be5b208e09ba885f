/**
 * The start of a session: the device says what it last saw, the gateway tells time, prices and
 * what it holds of each channel.
 * @module
 */

import { bytesToHex } from '../../protocol/bytes.ts'
import { signDigest } from '../../protocol/keys.ts'
import type { Mark } from '../../protocol/messages.ts'
import { decodeHello, encodeTime, encodeWelcome } from '../../protocol/messages.ts'
import { digestOf, timeStructure } from '../../protocol/structures.ts'
import { formatTopic } from '../../protocol/topics.ts'
import type { Core, DeviceName } from '../core.ts'
import { isBeyondJournal } from '../marks.ts'
import { NO_SLOT, refuse, sendSlot } from './answers.ts'
import { sendDurable } from './send.ts'
import type { Session } from './session.ts'
import { adoptChannels } from './session.ts'
import { tellOrders } from './sessionSupply.ts'

/** Answers `up/hello` with `down/welcome` and one `down/slot` per channel. */
export function takeHello(core: Core, session: Session, payload: Uint8Array): void {
  const hello = decodeHello(payload)
  if (!hello) {
    refuse(core, session, NO_SLOT, 'hello', 'malformed')
    return
  }
  if (hello.mark) judgeMark(core, session, hello.mark)
  greet(core, session)
}

function judgeMark(core: Core, session: Session, mark: Mark): void {
  if (!core.marks.isOurs(mark)) {
    core.signs.add(session.fleet, session.device, 'foreign_mark')
    return
  }
  const { lives, fencedLives } = core.state
  if (!isBeyondJournal(mark, lives, core.writer.position())) return
  // One fence covers all that this life lost; another would fence those who have come back since.
  if (!fencedLives.has(bytesToHex(mark.life))) raiseFence(core, session, mark.life)
}

/** Older commitments still settle, but buy no new supply until a checkpoint. */
function raiseFence(core: Core, session: Session, life: Uint8Array): void {
  const { fleet, device } = session
  core.ports.log('warn', 'a device has seen later state than this store holds: fence raised', {
    fleet,
    device,
  })
  core.writer.record({ kind: 'fence', life })
}

function greet(core: Core, session: Session): void {
  const { state } = core
  adoptChannels(session, state.cold.device(session.fleet, session.device))
  session.greeted = true
  session.cloneSuspected.clear()
  session.orders = { version: 0, told: '' }
  const units = session.channels.map((channel) => state.cold.channel(channel).unit)
  for (const [slot, channel] of session.channels.entries()) {
    if (session.start.has(slot)) continue
    // Asked again within a session, ticks from before may still be on their way.
    const { epoch, index } = state.hot.register(channel)
    session.start.set(slot, { epoch, index })
  }
  const timeSeconds = Math.floor(core.ports.clock.nowMs() / 1_000)
  const tariffs = core.tariffs.comingFor(units, timeSeconds)
  const slots = session.channels.length
  sendDurable(core, session, 'welcome', () => {
    const mark = core.marks.at(core.writer.position())
    return encodeWelcome({ timeSeconds, mark, tariffs, slots })
  })
  for (const slot of session.channels.keys()) sendSlot(core, session, slot)
  tellOrders(core, session)
}

/** A device whose clock is off gets signed time for its nonce, and nothing else. */
export function sendTime(
  core: Core,
  { fleet, device }: DeviceName,
  sessionId: string,
  nonce: Uint8Array,
): void {
  const time = Math.floor(core.ports.clock.nowMs() / 1_000)
  const value = { gateway: core.config.gateway, nonce, time }
  const signature = signDigest(core.key, digestOf(core.state.domain, timeStructure, value))
  core.counters.timesSigned += 1
  const topic = formatTopic({ kind: 'down', fleet, device, name: 'welcome' })
  core.link.publish(topic, encodeTime({ value, signature }), { retain: false, sessionId })
}
