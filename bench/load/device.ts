/**
 * A device as the load generator plays it: logs in, greets, commits, and prepares its ticks as the
 * bytes of the packets that carry them. All words are real; no two epochs share one.
 * @module
 */
import { randomBytes } from 'node:crypto'
import type { Terms } from '../../protocol/chain.ts'
import { bindOf, WORD_BYTES } from '../../protocol/chain.ts'
import { clientIdOf, encodeConnect } from '../../protocol/connect.ts'
import {
  EPOCH_LENGTH_TICKS_MAX,
  KEEPALIVE_SECONDS_MAX,
  TICK_BYTES,
  WIRE_VERSION,
} from '../../protocol/limits.ts'
import { decodeReject, decodeSlot, encodeCommit, encodeHello } from '../../protocol/messages.ts'
import {
  CHECKPOINT,
  commitmentStructure,
  connectStructure,
  digestOf,
} from '../../protocol/structures.ts'
import { downFilter, formatTopic, type UpName } from '../../protocol/topics.ts'
import type { LoadConnection, Packets } from './connection.ts'
import { type BenchKey, benchKey } from './keys.ts'
import type { DevicePlan, GatewayPlan, PrepareCommand } from './messages.ts'
import { openedChain } from './opened.ts'
import { connectPacket, idOffset, packetTypes, publishPacket, subscribePacket } from './packets.ts'
import { type SparseChain, sparseChain } from './words.ts'

const EPOCH_SECONDS = 86_400
const WORD_OFFSET = 10
/** Commitments of a device on their way. */
const COMMITS_AT_ONCE = 16
const ANSWER_TIMEOUT_MS = 60_000
/** Packets of a device that nobody checks; more than are ever on their way. */
const REPEATED_PACKETS = 256

type Channel = {
  readonly channelId: Uint8Array
  epoch: number
  amount: bigint
  reading: bigint
  chain: SparseChain | undefined
}

export type LoadDevice = {
  /** Another one after each loss. */
  connection: LoadConnection
  readonly plan: DevicePlan
  readonly gateway: GatewayPlan | undefined
  readonly key: BenchKey
  readonly channels: readonly Channel[]
  /** Answers on `down/...` by name. */
  readonly downs: Record<string, number>
  jump: number
  /** Ticks of the running epoch that were acknowledged in earlier windows. */
  position: number
  /** The last `down/slot`: what the gateway said at the last login that it holds. */
  slotMessage: Buffer | undefined
}

export function loadDevice(
  connection: LoadConnection,
  plan: DevicePlan,
  gateway: GatewayPlan | undefined,
): LoadDevice {
  const channels = plan.channelIds.map((channelId) => {
    return { channelId, epoch: 0, amount: 0n, reading: 0n, chain: undefined }
  })
  const key = benchKey(clientIdOf(plan.fleet, plan.device))
  const counts = { downs: {}, jump: 1, position: 0, slotMessage: undefined }
  return { connection, plan, gateway, key, channels, ...counts }
}

/** Index that the gateway said at the last login that it holds. */
export function heldIndex({ slotMessage }: LoadDevice): number {
  return (slotMessage && decodeSlot(slotMessage)?.held?.index) ?? 0
}

/** Logs in; a device of a gateway also subscribes and says hello. */
export async function logIn(device: LoadDevice, listen: 'down' | 'none'): Promise<void> {
  const { connection, plan, gateway, downs } = device
  const name = clientIdOf(plan.fleet, plan.device)
  const connected = packetOf(device, packetTypes.connack)
  const password = gateway?.door === 'embedded' ? passwordOf(device, gateway) : undefined
  connection.socket.write(connectPacket(name, password, KEEPALIVE_SECONDS_MAX))
  const code = await connected
  if (code !== 0) throw new Error(`${name}: the server refused the login (${code})`)
  let slots = 0
  connection.onDown = (down, payload) => {
    count(downs, down)
    if (down === 'slot') {
      device.slotMessage = Buffer.from(payload)
      slots += 1
    }
    if (down === 'reject') noteReject(downs, payload)
  }
  if (listen === 'down') {
    const subscribed = packetOf(device, packetTypes.suback)
    connection.socket.write(subscribePacket(1, downFilter(plan.fleet, plan.device)))
    await subscribed
  }
  if (gateway) {
    const expected = listen === 'down' ? device.channels.length : 0
    send(device, 'hello', encodeHello({ mark: undefined, meters: [] }))
    await until(connection, () => yes(connection.others === 0 && slots >= expected))
  }
}

function noteReject(downs: Record<string, number>, payload: Buffer): void {
  const reject = decodeReject(payload)
  count(downs, `reject ${reject?.reason}`)
  if (reject?.refused === 'open' || reject?.refused === 'commit') count(downs, 'uncommitted')
}

function count(counts: Record<string, number>, name: string): void {
  counts[name] = (counts[name] ?? 0) + 1
}

/** A fresh password of a device. */
export function passwordOf(
  { plan, key }: Pick<LoadDevice, 'plan' | 'key'>,
  gateway: GatewayPlan,
): Uint8Array {
  const value = {
    gateway: gateway.gateway,
    fleet: plan.fleet,
    device: plan.device,
    issuedAt: Math.floor(Date.now() / 1_000),
    nonce: new Uint8Array(randomBytes(32)),
  }
  const signature = key.sign(digestOf(gateway.domain, connectStructure, value))
  return encodeConnect({ value, signature })
}

function packetOf({ connection }: LoadDevice, type: number): Promise<number> {
  let arrived: number | undefined
  connection.onPacket = (other, code) => {
    if (other === type) arrived = code
  }
  return until(connection, () => arrived)
}

/** Resolves with what `answer` says once that is something; looks after each read. */
async function until<T>(connection: LoadConnection, answer: () => T | undefined): Promise<T> {
  let timer: NodeJS.Timeout | undefined
  try {
    return await new Promise<T>((resolve, reject) => {
      const fail = (why: string) => reject(new Error(`${connection.name}: ${why}`))
      timer = setTimeout(() => fail('the server does not answer'), ANSWER_TIMEOUT_MS)
      const look = () => {
        const found = answer()
        if (found !== undefined) resolve(found)
        else if (connection.isLost) fail('the connection was closed')
      }
      connection.onNews = look
      look()
    })
  } finally {
    clearTimeout(timer)
    connection.onNews = () => {}
  }
}

/** For conditions: true or not yet. */
function yes(isTrue: boolean): true | undefined {
  return isTrue || undefined
}

function send(device: LoadDevice, name: UpName, payload: Uint8Array): void {
  device.connection.sendOther(publishPacket(topicOf(device, name), 0xffff, payload))
}

function topicOf({ plan }: LoadDevice, name: UpName): string {
  return formatTopic({ kind: 'up', fleet: plan.fleet, device: plan.device, name })
}

/**
 * Makes the packets of the next window: `messages`, each with the next tick of every slot. Where
 * the running epoch has not as many left, it commits to one that lasts for `windows` such windows.
 */
export async function prepare(
  device: LoadDevice,
  { messages, windows, jump }: PrepareCommand,
): Promise<void> {
  const { connection, gateway } = device
  if (gateway) {
    await takeOpened(device, gateway)
    device.position += connection.acknowledged * device.jump
    const left = (device.channels[0]?.chain?.length ?? 0) - device.position
    if (messages * jump > left) {
      await commit(device, gateway, Math.min(EPOCH_LENGTH_TICKS_MAX, messages * jump * windows))
    }
    connection.packets = blankPackets(device, messages, messages)
  } else if (connection.packets.count === 0) {
    connection.packets = blankPackets(device, REPEATED_PACKETS, Number.POSITIVE_INFINITY)
  }
  device.jump = jump
  connection.sent = 0
  connection.acknowledged = 0
  if (gateway) fillTicks(device)
}

/** What an import has opened goes on from there; between two devices others are read from. */
async function takeOpened({ plan, channels }: LoadDevice, gateway: GatewayPlan): Promise<void> {
  await new Promise(setImmediate)
  if (!plan.opened) return
  for (const channel of channels) {
    if (channel.chain) return
    channel.epoch = 1
    channel.chain = openedChain(channel.channelId, gateway, plan.opened).chain
  }
}

/** Begins a new epoch of every channel where the running one stands. */
async function commit(device: LoadDevice, gateway: GatewayPlan, length: number): Promise<void> {
  const moved = BigInt(device.position)
  device.position = 0
  device.downs['accept'] = 0
  for (const [slot, channel] of device.channels.entries()) {
    channel.amount += moved * gateway.pricePerTick
    channel.reading += moved * gateway.unitsPerTick
    channel.epoch += 1
    // More, and what the gateway answers would overflow its queue for this device.
    await until(device.connection, () => yes(device.connection.others < COMMITS_AT_ONCE))
    const terms = termsOf(channel, gateway, length)
    // A payer derives its last word from a secret; to whoever checks it is just 32 bytes.
    channel.chain = sparseChain(bindOf(terms), randomBytes(WORD_BYTES), length)
    const value = { ...terms, root: channel.chain.root }
    const signature = device.key.sign(digestOf(gateway.domain, commitmentStructure, value))
    const name = channel.epoch === 1 ? 'open' : 'commit'
    send(device, name, encodeCommit({ slot, commitment: { value, signature } }))
  }
  await committed(device, gateway)
}

/** The PUBACK of an embedded broker says that a commitment was dealt with; others say nothing. */
async function committed(device: LoadDevice, { door }: GatewayPlan): Promise<void> {
  const { connection, downs, channels } = device
  const uncommitted = () => downs['uncommitted'] ?? 0
  const isAnswered = () => (downs['accept'] ?? 0) + uncommitted() >= channels.length
  await until(connection, () => {
    return yes(connection.others === 0 && (door === 'embedded' || isAnswered()))
  })
  if (uncommitted() > 0) {
    throw new Error(`${connection.name}: the gateway refused a commitment ${JSON.stringify(downs)}`)
  }
}

function termsOf(channel: Channel, gateway: GatewayPlan, length: number): Terms {
  const issuedAt = Math.floor(Date.now() / 1_000)
  return {
    kind: CHECKPOINT,
    channelId: channel.channelId,
    epoch: channel.epoch,
    base: channel.amount,
    length,
    unitsPerTick: gateway.unitsPerTick,
    pricePerTick: gateway.pricePerTick,
    startReading: channel.reading,
    tariffHash: gateway.tariffHash,
    issuedAt,
    expiry: issuedAt + EPOCH_SECONDS,
  }
}

function blankPackets(device: LoadDevice, count: number, sendable: number): Packets {
  const payload = new Uint8Array(device.channels.length * TICK_BYTES)
  const one = publishPacket(topicOf(device, 'tick'), 0, payload)
  const bytes = Buffer.allocUnsafeSlow(one.length * count)
  const idAt = idOffset(one.length, payload.length)
  for (let place = 0; place < count; place++) {
    bytes.set(one, place * one.length)
    bytes.writeUInt16BE(place + 1, place * one.length + idAt)
  }
  return { bytes, size: one.length, count, sendable }
}

/** Puts the next ticks of every slot into the packets that show them. */
function fillTicks(device: LoadDevice): void {
  const { connection, channels, jump: step, position } = device
  const { bytes, size, count } = connection.packets
  const payloadBytes = channels.length * TICK_BYTES
  for (const [slot, { epoch, chain }] of channels.entries()) {
    const start = size - payloadBytes + slot * TICK_BYTES
    for (let message = 0; message < count; message++) {
      const at = message * size + start
      bytes[at] = WIRE_VERSION
      bytes[at + 1] = slot
      bytes.writeUInt32BE(epoch, at + 2)
      bytes.writeUInt32BE(position + (message + 1) * step, at + 6)
    }
    chain?.write(position, { bytes, offset: start + WORD_OFFSET, stride: size, count, step })
  }
}
