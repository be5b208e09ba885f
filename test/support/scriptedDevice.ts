/**
 * A device without judgement: it sends exactly what a test tells it to and keeps what comes back.
 * @module
 */
import type { Clock, Connector, Transport } from '../../ports/index.ts'
import { present } from '../../protocol/assert.ts'
import type { Chain } from '../../protocol/chain.ts'
import { buildChain } from '../../protocol/chain.ts'
import { clientIdOf, encodeConnect } from '../../protocol/connect.ts'
import type { PrivateKey } from '../../protocol/keys.ts'
import { signDigest } from '../../protocol/keys.ts'
import * as messages from '../../protocol/messages.ts'
import type { Commitment, Connect, Signed, Tariff } from '../../protocol/structures.ts'
import {
  CHECKPOINT,
  commitmentStructure,
  connectStructure,
  digestOf,
  tariffStructure,
} from '../../protocol/structures.ts'
import type { Tick } from '../../protocol/tick.ts'
import { encodeTicks } from '../../protocol/tick.ts'
import type { UpName } from '../../protocol/topics.ts'
import { downFilter, formatTopic } from '../../protocol/topics.ts'
import type { Domain } from '../../protocol/typedData.ts'

export type DeviceIdentity = {
  readonly fleet: string
  readonly device: string
  readonly gateway: string
  readonly domain: Domain
  readonly key: PrivateKey
  readonly rootSecret: Uint8Array
}

export type Committed = { readonly commitment: Signed<Commitment>; readonly chain: Chain }

/** Everything but what a test changes of a commitment follows from these. */
export type CommitmentStart = Partial<Commitment> & {
  readonly channelId: Uint8Array
  readonly tariff: Tariff
  readonly nowSeconds: number
}

/** A signed commitment and its chain; a first checkpoint of 100 ticks unless told otherwise. */
export function commit(identity: DeviceIdentity, start: CommitmentStart): Committed {
  const { tariff, nowSeconds, ...change } = start
  const terms = {
    kind: CHECKPOINT,
    epoch: 1,
    base: 0n,
    length: 100,
    unitsPerTick: tariff.unitsPerTick,
    pricePerTick: tariff.pricePerTick,
    startReading: 1_000n,
    tariffHash: digestOf(identity.domain, tariffStructure, tariff),
    issuedAt: nowSeconds,
    expiry: nowSeconds + 3_600,
    ...change,
  }
  const chain = buildChain(identity.rootSecret, terms)
  const value: Commitment = { ...terms, root: change.root ?? chain.root }
  return { commitment: sign(identity, value), chain }
}

export function sign(identity: DeviceIdentity, value: Commitment): Signed<Commitment> {
  const digest = digestOf(identity.domain, commitmentStructure, value)
  return { value, signature: signDigest(identity.key, digest) }
}

/** The MQTT password of one login. */
export function connectToken(
  identity: DeviceIdentity,
  nowSeconds: number,
  nonce: Uint8Array,
  change: Partial<Connect> = {},
): Uint8Array {
  const { gateway, fleet, device, domain, key } = identity
  const value: Connect = { gateway, fleet, device, issuedAt: nowSeconds, nonce, ...change }
  return encodeConnect({
    value,
    signature: signDigest(key, digestOf(domain, connectStructure, value)),
  })
}

export type Received = {
  readonly welcomes: messages.Welcome[]
  readonly slots: messages.Slot[]
  readonly accepts: messages.Accept[]
  readonly acks: messages.Ack[]
  readonly rejects: messages.Reject[]
  readonly supplies: messages.SupplyNotice[]
  /** Raw payloads of `down/receipt`. */
  readonly receipts: Uint8Array[]
  /** Raw payloads of `down/welcome`, for signed time. */
  readonly rawWelcomes: Uint8Array[]
  closed: boolean
}

export type ScriptedDevice = {
  readonly identity: DeviceIdentity
  readonly transport: Transport
  readonly received: Received
  readonly send: (name: UpName, payload: Uint8Array) => Promise<void>
  readonly sendTicks: (...ticks: readonly Tick[]) => Promise<void>
}

/** Logs in and subscribes; `hello` is the test's business. */
export async function connectDevice(
  identity: DeviceIdentity,
  connector: Connector,
  clock: Clock,
  nonce: Uint8Array,
): Promise<ScriptedDevice> {
  const { fleet, device } = identity
  const clientId = clientIdOf(fleet, device)
  const password = connectToken(identity, Math.floor(clock.nowMs() / 1_000), nonce)
  const options = { clientId, username: clientId, password, keepaliveSeconds: 60 }
  const transport = await connector(options)
  const received = listen(transport)
  await transport.subscribe([downFilter(fleet, device)])
  const send = (name: UpName, payload: Uint8Array) =>
    transport.publish(formatTopic({ kind: 'up', fleet, device, name }), payload, { retain: false })
  return {
    identity,
    transport,
    received,
    send,
    sendTicks: (...ticks) => send('tick', encodeTicks(ticks)),
  }
}

function listen(transport: Transport): Received {
  const received: Received = {
    welcomes: [],
    slots: [],
    accepts: [],
    acks: [],
    rejects: [],
    supplies: [],
    receipts: [],
    rawWelcomes: [],
    closed: false,
  }
  transport.onClose(() => {
    received.closed = true
  })
  transport.onMessage((topic, payload) => collect(received, topic, payload))
  return received
}

function collect(received: Received, topic: string, payload: Uint8Array): void {
  const take = <T>(list: T[], value: T | undefined) =>
    list.push(present(value, `a well-formed ${topic}`))
  switch (topic.slice(topic.lastIndexOf('/') + 1)) {
    case 'welcome': {
      received.rawWelcomes.push(payload)
      const welcome = messages.decodeWelcome(payload)
      if (welcome) received.welcomes.push(welcome)
      break
    }
    case 'slot':
      take(received.slots, messages.decodeSlot(payload))
      break
    case 'accept':
      take(received.accepts, messages.decodeAccept(payload))
      break
    case 'ack':
      take(received.acks, messages.decodeAck(payload))
      break
    case 'reject':
      take(received.rejects, messages.decodeReject(payload))
      break
    case 'supply':
      take(received.supplies, messages.decodeSupply(payload))
      break
    case 'receipt':
      received.receipts.push(payload)
  }
}

/** The tick at `index` of a committed chain. */
export function tickOf(committed: Committed, index: number, slot = 0): Tick {
  const { epoch } = committed.commitment.value
  return { slot, epoch, index, word: committed.chain.wordAt(index) }
}

export const emptyHello = messages.encodeHello({ mark: undefined, meters: [] })
