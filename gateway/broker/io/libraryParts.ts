/**
 * What the MQTT library gets in place of its own message bus and session store: every session is a
 * clean one and messages pass beside the library, so nothing of a client outlives it.
 * @module
 */
import { Readable } from 'node:stream'

/** A bus that carries nothing. */
export function silentBus() {
  return {
    on: (_topic: string, _notify: unknown, done?: () => void) => {
      if (done) setImmediate(done)
    },
    removeListener: (_topic: string, _notify: unknown, done?: () => void) => {
      if (done) setImmediate(done)
    },
    emit: (_packet: unknown, done?: () => void) => done?.(),
    close: (done?: () => void) => {
      if (done) setImmediate(done)
    },
  }
}

/** A session store without sessions and without retained messages: those are sent beside it. */
export function emptyStore() {
  const nothing = async () => undefined
  const nobody = async () => []
  return {
    setup: async () => {},
    storeRetained: nothing,
    createRetainedStreamCombi: () => Readable.from([]),
    addSubscriptions: nothing,
    removeSubscriptions: nothing,
    cleanSubscriptions: nothing,
    subscriptionsByClient: nobody,
    subscriptionsByTopic: nobody,
    outgoingEnqueue: nothing,
    outgoingEnqueueCombi: nothing,
    outgoingUpdate: nothing,
    outgoingClearMessageId: nothing,
    outgoingStream: () => Readable.from([]),
    cleanIncoming: nothing,
    putWill: nothing,
    delWill: nothing,
    streamWill: () => Readable.from([]),
    destroy: nothing,
  }
}
