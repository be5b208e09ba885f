/**
 * A device's messages, each to the part that deals with it.
 * @module
 */

import { decodeClose, decodeReading } from '../../protocol/messages.ts'
import { parseTopic } from '../../protocol/topics.ts'
import type { Core } from '../core.ts'
import { takeRotation } from '../enrol/rotation.ts'
import { closeChannel } from '../enrolment.ts'
import { takeReceiptRequest } from '../receipts/receipts.ts'
import { NO_SLOT, refuse } from './answers.ts'
import { takeCommit } from './commits.ts'
import { takeHello } from './hello.ts'
import type { Session } from './session.ts'
import { channelOf } from './session.ts'
import { tellSupply } from './sessionSupply.ts'
import { takeTicks } from './ticks.ts'

/** The topic is one of the device's own; the broker let nothing else through. */
export function takeDeviceMessage(
  core: Core,
  session: Session,
  text: string,
  payload: Uint8Array,
): void {
  const topic = parseTopic(text)
  if (topic?.kind !== 'up' || session.condemned) return
  switch (topic.name) {
    case 'tick':
      takeTicks(core, session, payload, 0, payload.length)
      return
    case 'hello':
      takeHello(core, session, payload)
      return
    case 'open':
    case 'commit':
      takeCommit(core, session, topic.name, payload)
      return
    case 'reading':
      takeReading(core, session, payload)
      return
    case 'rotate':
      takeRotation(core, session, payload)
      return
    case 'receipt':
      takeReceiptRequest(core, session, payload)
      return
    case 'close':
      takeClose(core, session, payload)
  }
}

function takeReading(core: Core, session: Session, payload: Uint8Array): void {
  const reading = decodeReading(payload)
  if (!reading) {
    refuse(core, session, NO_SLOT, 'reading', 'malformed')
  } else if (channelOf(session, reading.slot) === undefined) {
    refuse(core, session, reading.slot, 'reading', 'unknown_channel')
  } else {
    session.registers.set(reading.slot, reading.register)
  }
}

function takeClose(core: Core, session: Session, payload: Uint8Array): void {
  const close = decodeClose(payload)
  const channel = close && channelOf(session, close.slot)
  if (!close) {
    refuse(core, session, NO_SLOT, 'close', 'malformed')
  } else if (channel === undefined) {
    refuse(core, session, close.slot, 'close', 'unknown_channel')
  } else {
    closeChannel(core, channel)
    tellSupply(core, session)
  }
}
