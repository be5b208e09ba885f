/**
 * What the MQTT library gets in place of its own message bus and session store: every session is a
 * clean one and messages are delivered by `delivery.ts`, so nothing of a client outlives it.
 * @module
 */
import { Readable } from 'node:stream'
import type { Retained } from '../retained.ts'

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

/** A session store without sessions; only retained messages are found in it. */
export function retainedOnly(retained: Retained) {
  const nothing = async () => undefined
  const nobody = async () => []
  return {
    setup: async () => {},
    storeRetained: nothing,
    createRetainedStreamCombi: (filters: readonly string[]) =>
      Readable.from(replay(retained, filters)),
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

function* replay(retained: Retained, filters: readonly string[]) {
  for (const topic of retained.match(filters)) {
    const payload = Buffer.from(retained.get(topic) ?? [])
    yield { cmd: 'publish', topic, payload, qos: 1, retain: true }
  }
}
