/**
 * Messages to one device. Each leaves when what it speaks of is durable, in the order in which the
 * gateway made them; only acknowledgements of one batch are gathered into one message.
 * @module
 */
import type { DownName } from '../../protocol/topics.ts'
import { formatTopic } from '../../protocol/topics.ts'
import type { Core } from '../core.ts'
import { closeAck } from './acks.ts'
import type { Session } from './session.ts'

/** Sends a `down` message once everything so far is durable; `make` runs then. */
export function sendDurable(
  core: Core,
  session: Session,
  name: DownName,
  make: () => Uint8Array,
  replaces?: string,
): void {
  // A later acknowledgement must not overtake this message inside an earlier one.
  closeAck(session)
  const { fleet, device, id } = session
  const topic = formatTopic({ kind: 'down', fleet, device, name })
  const mode = { retain: false, sessionId: id }
  core.writer.whenDurable(() => {
    core.link.publish(topic, make(), replaces === undefined ? mode : { ...mode, replaces })
  })
}
