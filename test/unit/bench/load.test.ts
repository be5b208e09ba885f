/** What the load generator sends is what a device would send; otherwise its figures say nothing. */
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { createServer } from 'node:net'
import type { AedesPublishPacket } from 'aedes'
import { Aedes } from 'aedes'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { LoadConnection } from '../../../bench/load/connection.ts'
import { type LoadDevice, loadDevice, logIn, prepare } from '../../../bench/load/device.ts'
import { benchKey } from '../../../bench/load/keys.ts'
import type { GatewayPlan } from '../../../bench/load/messages.ts'
import { runClosed, runOpen, runRotating } from '../../../bench/load/runs.ts'
import { bindOf, leadsTo } from '../../../protocol/chain.ts'
import { decodeConnect } from '../../../protocol/connect.ts'
import { verifyDigest } from '../../../protocol/keys.ts'
import { decodeCommit, decodeHello } from '../../../protocol/messages.ts'
import { commitmentStructure, connectStructure, digestOf } from '../../../protocol/structures.ts'
import type { Tick } from '../../../protocol/tick.ts'
import { countTicks, tickAt } from '../../../protocol/tick.ts'

const domain = { chainId: 0n, verifyingContract: new Uint8Array(20).fill(7) }
const gateway: GatewayPlan = {
  gateway: 'gw-1',
  domain,
  tariffHash: new Uint8Array(32).fill(3),
  unitsPerTick: 10n,
  pricePerTick: 3n,
  door: 'embedded',
}
const window = { warmMs: 0, windowMs: 20, watch: [process.pid] }

type Message = { readonly topic: string; readonly payload: Uint8Array }

let broker: Aedes
let server: ReturnType<typeof createServer>
let port: number
let messages: Message[]
let password: Uint8Array | undefined

beforeEach(async () => {
  messages = []
  broker = await Aedes.createBroker()
  broker.authenticate = (_client, _name, given, done) => {
    password = given
    done(null, true)
  }
  broker.on('publish', ({ topic, payload }: AedesPublishPacket) => {
    if (topic.startsWith('tickpay/')) messages.push({ topic, payload: Buffer.from(payload) })
  })
  server = createServer((socket) => void broker.handle(socket)).listen(0, '127.0.0.1')
  await once(server, 'listening')
  port = (server.address() as AddressInfo).port
})

afterEach(async () => {
  await new Promise<void>((resolve) => broker.close(resolve))
  server.close()
})

async function connected(name: string, channels: number): Promise<LoadDevice> {
  const channelIds = Array.from({ length: channels }, (_, slot) => new Uint8Array(32).fill(slot))
  const connection = new LoadConnection(`acme/${name}`)
  connection.open(port)
  const device = loadDevice(connection, { fleet: 'acme', device: name, channelIds }, gateway)
  await logIn(device, 'none')
  return device
}

function ticksOf(device: string): readonly (readonly Tick[])[] {
  return messages
    .filter(({ topic }) => topic === `tickpay/1/acme/${device}/up/tick`)
    .map(({ payload }) => {
      return Array.from({ length: countTicks(payload) ?? 0 }, (_, place) => tickAt(payload, place))
    })
}

test('a device logs in with a signed token and says hello', async () => {
  await connected('ev-1', 1)
  const signed = decodeConnect(password ?? new Uint8Array())
  expect(signed?.value).toMatchObject({ gateway: 'gw-1', fleet: 'acme', device: 'ev-1' })
  const digest = signed && digestOf(domain, connectStructure, signed.value)
  const { publicKey } = benchKey('acme/ev-1')
  expect(signed && digest && verifyDigest(publicKey, digest, signed.signature)).toBe(true)
  expect(messages.map(({ topic }) => topic)).toEqual(['tickpay/1/acme/ev-1/up/hello'])
  expect(decodeHello(messages[0]?.payload ?? new Uint8Array())).toBeDefined()
})

test('every word leads to the one before it, and the first to the signed root', async () => {
  const device = await connected('ev-1', 3)
  await prepare(device, { do: 'prepare', messages: 5, windows: 1, jump: 4 })
  const result = await runClosed([device.connection], { do: 'closed', inFlight: 2, ...window })
  expect(result).toMatchObject({ acknowledged: 5, exhausted: 1 })
  const commits = messages.filter(({ topic }) => topic.endsWith('/open'))
  expect(commits).toHaveLength(3)
  const shown = ticksOf('ev-1')
  expect(shown).toHaveLength(5)
  for (const [slot, { payload }] of commits.entries()) {
    const commitment = decodeCommit(payload)?.commitment
    if (!commitment) throw new Error('a commitment is well formed')
    const digest = digestOf(domain, commitmentStructure, commitment.value)
    expect(verifyDigest(device.key.publicKey, digest, commitment.signature)).toBe(true)
    const bind = bindOf(commitment.value)
    let held = { index: 0, word: commitment.value.root }
    for (const tick of shown.map((message) => message[slot])) {
      if (!tick) throw new Error('a message has a tick of every slot')
      expect(tick).toMatchObject({ slot, epoch: 1, index: held.index + 4 })
      expect(leadsTo(bind, tick.word, tick.index, held.word, held.index)).toBe(true)
      held = tick
    }
  }
})

test('the next epoch begins where the last acknowledged tick ended', async () => {
  const device = await connected('ev-1', 1)
  await prepare(device, { do: 'prepare', messages: 5, windows: 1, jump: 1 })
  await runClosed([device.connection], { do: 'closed', inFlight: 9, ...window })
  await prepare(device, { do: 'prepare', messages: 5, windows: 1, jump: 1 })
  const last = messages.findLast(({ topic }) => topic.endsWith('/commit'))
  const commitment = decodeCommit(last?.payload ?? new Uint8Array())?.commitment.value
  expect(commitment).toMatchObject({ epoch: 2, base: 15n, startReading: 50n })
})

test('an epoch goes on in the next window as long as it has ticks left', async () => {
  const device = await connected('ev-1', 1)
  const command = { do: 'prepare', messages: 5, windows: 2, jump: 1 } as const
  for (let turn = 0; turn < 3; turn++) {
    await prepare(device, command)
    await runClosed([device.connection], { do: 'closed', inFlight: 2, ...window })
  }
  const shown = ticksOf('ev-1').map(([tick]) => [tick?.epoch, tick?.index])
  const upwards = (epoch: number, count: number) =>
    Array.from({ length: count }, (_, place) => [epoch, place + 1])
  expect(shown).toEqual([...upwards(1, 10), ...upwards(2, 5)])
})

test('where nobody checks, the same packets go out again and again', async () => {
  const plan = { fleet: 'acme', device: 'plain', channelIds: [new Uint8Array(32)] }
  const connection = new LoadConnection('acme/plain')
  connection.open(port)
  const device = loadDevice(connection, plan, undefined)
  await logIn(device, 'none')
  await prepare(device, { do: 'prepare', messages: 1, windows: 1, jump: 1 })
  const command = { do: 'closed', inFlight: 50, warmMs: 0, windowMs: 150, watch: [] } as const
  const result = await runClosed([connection], command)
  expect(result.exhausted).toBe(0)
  expect(result.acknowledged).toBeGreaterThan(connection.packets.count)
  expect(ticksOf('plain')).toHaveLength(result.acknowledged)
})

test('an open loop sends at its rate, devices in turn, and times every message', async () => {
  const devices = [await connected('ev-1', 1), await connected('ev-2', 1)]
  for (const device of devices)
    await prepare(device, { do: 'prepare', messages: 50, windows: 1, jump: 1 })
  const all = devices.map(({ connection }) => connection)
  const result = await runOpen(all, { do: 'open', messagesPerSecond: 500, ...window })
  expect(result.exhausted).toBe(0)
  expect(result.acknowledged).toBe(ticksOf('ev-1').length + ticksOf('ev-2').length)
  expect(Math.abs(ticksOf('ev-1').length - ticksOf('ev-2').length)).toBeLessThanOrEqual(1)
  expect(result.latencies?.count).toBe(10)
  expect(result.latencies?.p50).toBeGreaterThan(0)
})

test('a rotating load reaches every device', async () => {
  const devices = [await connected('ev-1', 1), await connected('ev-2', 1)]
  for (const device of devices)
    await prepare(device, { do: 'prepare', messages: 3, windows: 1, jump: 1 })
  const all = devices.map(({ connection }) => connection)
  const result = await runRotating(all, { do: 'rotating', inFlight: 1, ...window })
  expect(result.acknowledged).toBe(6)
  expect([ticksOf('ev-1').length, ticksOf('ev-2').length]).toEqual([3, 3])
})
