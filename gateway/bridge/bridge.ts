/**
 * The gateway as a client of an external MQTT broker: the same intake as behind the embedded one.
 * The broker vouches for who publishes on a topic, and is believed in that as far as no money
 * depends on it; docs/attached.md says how far.
 * @module
 */
import type { Cancel, Ports } from '../../ports/index.ts'
import { utf8ToBytes } from '../../protocol/bytes.ts'
import { formatTopic } from '../../protocol/topics.ts'
import type { ClientLink, LinkMode, UnsignedRequest } from '../core.ts'
import type { BrokerLine } from './brokerLine.ts'
import { openBrokerLine } from './brokerLine.ts'
import type { Door, DoorHandlers } from './door.ts'
import { createDoor } from './door.ts'
import type { BridgeLimits } from './limits.ts'
import { filters } from './routes.ts'
import type { WireOpener } from './wire.ts'

export type BridgeOptions = {
  readonly ports: Ports
  readonly gateway: string
  /** What `status` and the log call the broker; without secrets. */
  readonly place: string
  readonly username: string | undefined
  readonly password: Uint8Array | undefined
  readonly open: WireOpener
  readonly limits: BridgeLimits
  readonly unsigned: ReadonlySet<UnsignedRequest>
}

export type Bridge = {
  readonly link: ClientLink
  /** Connects, and goes on doing so; from now on messages come in. */
  readonly start: (handlers: DoorHandlers) => void
  /** Takes no more messages, lets what was published leave, and closes. */
  readonly close: () => Promise<void>
}

type State = {
  readonly options: BridgeOptions
  /** What was published to be kept, so that a broker that forgot can be told again. */
  readonly retained: Map<string, Uint8Array>
  /** Retained topics that the broker has to be told again. */
  readonly resend: Set<string>
  line: BrokerLine | undefined
  door: Door | undefined
  cancelResend: Cancel
  published: number
  /** Messages that could not be sent: nobody was there, or the broker did not read. */
  dropped: number
}

const RESEND_PERIOD_MS = 50
/**
 * An ack is by far the most frequent answer, the next one says all it said, and a device that lacks
 * it repeats its tick. At QoS 0 it costs the broker half as many packets: measured on Mosquitto
 * with 1,000 devices, 22 us instead of 28 us of its CPU for a tick and its ack.
 */
const ACK_ENDING = '/down/ack'

export function createBridge(options: BridgeOptions): Bridge {
  const state: State = {
    options,
    retained: new Map(),
    resend: new Set(),
    line: undefined,
    door: undefined,
    cancelResend: () => undefined,
    published: 0,
    dropped: 0,
  }
  return {
    link: {
      publish: (topic, payload, mode) => publish(state, topic, payload, mode),
      // These sessions have no connection of their own, and no credentials of this gateway.
      disconnect: () => undefined,
      disconnectReader: () => undefined,
      unsigned: options.unsigned,
      report: () => report(state),
    },
    start: (handlers) => start(state, handlers),
    close: () => close(state),
  }
}

function start(state: State, handlers: DoorHandlers): void {
  const { gateway, limits, open, password, ports, unsigned, username } = state.options
  const send = (topic: string, payload: Uint8Array) => sendNow(state, topic, payload, false)
  const door = createDoor({ ports, limits, handlers, unsigned, send })
  const topic = formatTopic({ kind: 'gateway', gateway, name: 'state' })
  const will = { topic, payload: utf8ToBytes(JSON.stringify({ state: 'offline' })) }
  state.door = door
  state.cancelResend = ports.timers.every(RESEND_PERIOD_MS, () => resendSome(state))
  state.line = openBrokerLine({
    ports,
    limits,
    open,
    // The broker closes the older of two connections with one id: there is one gateway of a name.
    login: { clientId: `tickpay-${gateway}`, username, password, will },
    filters,
    onMessage: door.take,
    onTooLong: () => door.ignore('too_long'),
    onOnline: () => tellAgain(state),
    onOffline: door.endAll,
  })
}

function publish(
  state: State,
  topic: string,
  payload: Uint8Array,
  { retain }: Pick<LinkMode, 'retain'>,
): void {
  if (retain) keep(state, topic, payload)
  if (sendNow(state, topic, payload, retain)) {
    state.resend.delete(topic)
  } else if (retain) {
    state.resend.add(topic)
  } else {
    state.dropped += 1
  }
}

function keep({ options, retained }: State, topic: string, payload: Uint8Array): void {
  if (retained.has(topic) || retained.size < options.limits.retainedTopicsMax) {
    retained.set(topic, payload)
  } else {
    options.ports.log('warn', 'too many retained topics, one is not kept', { topic })
  }
}

function sendNow(state: State, topic: string, payload: Uint8Array, retain: boolean): boolean {
  const qos = topic.endsWith(ACK_ENDING) ? 0 : 1
  const sent = state.line?.outgoing()?.publish({ topic, payload, retain, qos }) ?? false
  if (sent) state.published += 1
  return sent
}

/** The broker may have restarted and forgotten, and has told people that we are gone. */
function tellAgain(state: State): void {
  for (const topic of state.retained.keys()) state.resend.add(topic)
  resendSome(state)
}

function resendSome(state: State): void {
  const outgoing = state.line?.outgoing()
  if (!outgoing) return
  for (const topic of state.resend) {
    if (outgoing.waitingBytes() > state.options.limits.resendBytesMax) return
    const payload = state.retained.get(topic)
    if (payload && !sendNow(state, topic, payload, true)) return
    state.resend.delete(topic)
  }
}

/** Part of `status`. */
function report(state: State): Readonly<Record<string, unknown>> {
  const { dropped, published, line, door, options } = state
  const status = line?.status()
  return {
    kind: 'attached',
    place: options.place,
    state: status?.state ?? 'connecting',
    reason: status?.reason ?? null,
    sinceAtSeconds: status?.sinceSeconds ?? null,
    connections: status?.connections ?? 0,
    ...(door?.counters() ?? { messages: 0, devices: 0, ignored: {} }),
    published,
    dropped,
  }
}

async function close(state: State): Promise<void> {
  state.cancelResend()
  state.door?.close()
  await state.line?.close()
}
