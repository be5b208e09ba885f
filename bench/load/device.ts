/**
 * A device as the load generator plays it: logs in, greets, commits, and prepares its ticks as the
 * bytes of the packets that carry them. All words are real; no two epochs share one.
 * @module
 */
import { randomBytes } from 'node:crypto'
import { fastSha256 } from '../../ledger/io/fastVerify.ts'
import type { Terms } from '../../protocol/chain.ts'
import { bindOf, lastWord, stepBack, stepBlock } from '../../protocol/chain.ts'
import { clientIdOf, encodeConnect } from '../../protocol/connect.ts'
import { KEEPALIVE_SECONDS_MAX, TICK_BYTES, WIRE_VERSION } from '../../protocol/limits.ts'
import { decodeReject, decodeSlot, encodeCommit, encodeHello } from '../../protocol/messages.ts'
import {
  CHECKPOINT,
  commitmentStructure,
  connectStructure,
  digestOf,
} from '../../protocol/structures.ts'
import { downFilter, formatTopic, type UpName } from '../../protocol/topics.ts'
import type { LoadConnection } from './connection.ts'
import { type BenchKey, benchKey } from './keys.ts'
import type { DevicePlan, GatewayPlan } from './messages.ts'
import { connectPacket, idOffset, packetTypes, publishPacket, subscribePacket } from './packets.ts'

const EPOCH_SECONDS = 86_400
const WORD_OFFSET = 10
const POLL_MS = 1
const ANSWER_TIMEOUT_MS = 60_000

type Channel = {
  readonly channelId: Uint8Array
  epoch: number
  amount: bigint
  reading: bigint
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
  /** What the gateway said at the last login that it holds. */
  heldIndex: number
}

export function loadDevice(
  connection: LoadConnection,
  plan: DevicePlan,
  gateway: GatewayPlan | undefined,
): LoadDevice {
  const channels = plan.channelIds.map((channelId) => {
    return { channelId, epoch: 0, amount: 0n, reading: 0n }
  })
  const key = benchKey(clientIdOf(plan.fleet, plan.device))
  return { connection, plan, gateway, key, channels, downs: {}, jump: 1, heldIndex: 0 }
}

/** Logs in; a device of a gateway also subscribes and says hello. */
export async function logIn(device: LoadDevice, listen: 'down' | 'none'): Promise<void> {
  const { connection, plan, gateway, downs } = device
  const name = clientIdOf(plan.fleet, plan.device)
  const connected = packetOf(device, packetTypes.connack)
  const password = gateway && passwordOf(device, gateway)
  connection.socket.write(connectPacket(name, password, KEEPALIVE_SECONDS_MAX))
  const code = await connected
  if (code !== 0) throw new Error(`${name}: the server refused the login (${code})`)
  let slots = 0
  connection.onDown = (down, payload) => {
    count(downs, down)
    if (down === 'slot') {
      device.heldIndex = decodeSlot(payload)?.held?.index ?? 0
      slots += 1
    }
    if (down === 'reject') count(downs, `reject ${decodeReject(payload)?.reason}`)
  }
  if (listen === 'down') {
    const subscribed = packetOf(device, packetTypes.suback)
    connection.socket.write(subscribePacket(1, downFilter(plan.fleet, plan.device)))
    await subscribed
  }
  if (gateway) {
    const expected = listen === 'down' ? device.channels.length : 0
    send(device, 'hello', encodeHello({ mark: undefined, meters: [] }))
    await until(connection, () => connection.others === 0 && slots >= expected)
  }
}

function count(counts: Record<string, number>, name: string): void {
  counts[name] = (counts[name] ?? 0) + 1
}

function passwordOf({ plan, key }: LoadDevice, gateway: GatewayPlan): Uint8Array {
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
  return inTime(
    connection,
    new Promise((resolve) => {
      connection.onPacket = (arrived, code) => {
        if (arrived === type) resolve(code)
      }
    }),
  )
}

/** Resolves when everything sent so far was acknowledged. */
function settled({ connection }: LoadDevice): Promise<void> {
  return until(connection, () => connection.others === 0)
}

function until(connection: LoadConnection, isTrue: () => boolean): Promise<void> {
  const poll = (resolve: () => void) => {
    if (isTrue()) resolve()
    else setTimeout(() => poll(resolve), POLL_MS)
  }
  return inTime(connection, new Promise(poll))
}

async function inTime<T>(connection: LoadConnection, answer: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(
      () => reject(new Error(`${connection.name}: the server does not answer`)),
      ANSWER_TIMEOUT_MS,
    )
  })
  try {
    return await Promise.race([answer, late])
  } finally {
    clearTimeout(timer)
  }
}

function send(device: LoadDevice, name: UpName, payload: Uint8Array): void {
  device.connection.sendOther(publishPacket(topicOf(device, name), 0xffff, payload))
}

function topicOf({ plan }: LoadDevice, name: UpName): string {
  return formatTopic({ kind: 'up', fleet: plan.fleet, device: plan.device, name })
}

/**
 * Makes `messages` packets, each with the next tick of every slot, and commits to their chains
 * where there is a gateway to commit to.
 */
export async function prepare(device: LoadDevice, messages: number, jump: number): Promise<void> {
  const { connection, channels, gateway } = device
  const moved = BigInt(connection.acknowledged * device.jump)
  device.jump = jump
  connection.packets = blankPackets(device, messages)
  connection.sent = 0
  connection.acknowledged = 0
  for (const [slot, channel] of channels.entries()) {
    channel.amount += moved * (gateway?.pricePerTick ?? 0n)
    channel.reading += moved * (gateway?.unitsPerTick ?? 0n)
    channel.epoch += 1
    const terms = termsOf(channel, gateway, messages * jump)
    const root = fillWords(device, slot, channel.epoch, terms)
    if (!gateway) continue
    const value = { ...terms, root }
    const signature = device.key.sign(digestOf(gateway.domain, commitmentStructure, value))
    const name = channel.epoch === 1 ? 'open' : 'commit'
    send(device, name, encodeCommit({ slot, commitment: { value, signature } }))
  }
  await settled(device)
}

function termsOf(channel: Channel, gateway: GatewayPlan | undefined, length: number): Terms {
  const issuedAt = Math.floor(Date.now() / 1_000)
  return {
    kind: CHECKPOINT,
    channelId: channel.channelId,
    epoch: channel.epoch,
    base: channel.amount,
    length,
    unitsPerTick: gateway?.unitsPerTick ?? 1n,
    pricePerTick: gateway?.pricePerTick ?? 1n,
    startReading: channel.reading,
    tariffHash: gateway?.tariffHash ?? new Uint8Array(32),
    issuedAt,
    expiry: issuedAt + EPOCH_SECONDS,
  }
}

function blankPackets(device: LoadDevice, count: number) {
  const payload = new Uint8Array(device.channels.length * TICK_BYTES)
  const one = publishPacket(topicOf(device, 'tick'), 0, payload)
  const bytes = Buffer.allocUnsafeSlow(one.length * count)
  const idAt = idOffset(one.length, payload.length)
  for (let place = 0; place < count; place++) {
    bytes.set(one, place * one.length)
    bytes.writeUInt16BE(place + 1, place * one.length + idAt)
  }
  return { bytes, size: one.length, count }
}

/** Walks a chain from its last word down to its root, each word into the packet that shows it. */
function fillWords(device: LoadDevice, slot: number, epoch: number, terms: Terms): Uint8Array {
  const { packets } = device.connection
  const payloadBytes = device.channels.length * TICK_BYTES
  const start = packets.size - payloadBytes + slot * TICK_BYTES
  const block = stepBlock(bindOf(terms))
  let word = lastWord(new Uint8Array(randomBytes(32)), terms)
  for (let message = packets.count - 1; message >= 0; message--) {
    const at = message * packets.size + start
    const index = (message + 1) * device.jump
    packets.bytes[at] = WIRE_VERSION
    packets.bytes[at + 1] = slot
    packets.bytes.writeUInt32BE(epoch, at + 2)
    packets.bytes.writeUInt32BE(index, at + 6)
    packets.bytes.set(word, at + WORD_OFFSET)
    word = stepBack(block, word, index, device.jump, fastSha256)
  }
  return word
}
