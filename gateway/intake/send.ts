/**
 * Messages to one device. Each leaves when what it speaks of is durable, in the order in which the
 * gateway made them; only acknowledgements of one batch are gathered into one message.
 * @module
 */
import type { AckEntry } from '../../protocol/messages.ts'
import { encodeAck } from '../../protocol/messages.ts'
import type { DownName } from '../../protocol/topics.ts'
import { formatTopic } from '../../protocol/topics.ts'
import type { Core } from '../core.ts'
import type { Session } from './session.ts'

type AckBatch = { readonly batch: number; readonly entries: Map<number, AckEntry> }

/** The acknowledgement of each session that still takes entries. */
const openAcks = new WeakMap<Session, AckBatch>()

/** Sends a `down` message once everything so far is durable; `make` runs then. */
export function sendDurable(
  core: Core,
  session: Session,
  name: DownName,
  make: () => Uint8Array,
  replaces?: string,
): void {
  // A later acknowledgement must not overtake this message inside an earlier one.
  openAcks.delete(session)
  schedule(core, session, name, make, () => replaces)
}

/**
 * Acknowledges one slot. Slots that move in one batch share one message, and of one slot only the
 * newest state is told.
 */
export function sendAck(core: Core, session: Session, entry: AckEntry): void {
  const open = openAcks.get(session)
  if (open && open.batch === core.writer.batch()) {
    open.entries.set(entry.slot, entry)
    return
  }
  const entries = new Map([[entry.slot, entry]])
  openAcks.set(session, { batch: core.writer.batch(), entries })
  schedule(
    core,
    session,
    'ack',
    () =>
      encodeAck({ mark: core.marks.at(core.writer.position()), entries: [...entries.values()] }),
    // A newer acknowledgement says all that one of the same slots did.
    () => `ack ${[...entries.keys()].sort((a, b) => a - b).join()}`,
  )
}

function schedule(
  core: Core,
  session: Session,
  name: DownName,
  make: () => Uint8Array,
  keyOf: () => string | undefined,
): void {
  const { fleet, device, id } = session
  const topic = formatTopic({ kind: 'down', fleet, device, name })
  core.writer.whenDurable(() => {
    const replaces = keyOf()
    const mode = { retain: false, sessionId: id }
    core.link.publish(topic, make(), replaces === undefined ? mode : { ...mode, replaces })
  })
}
