/**
 * Floods: what strangers, and devices and tools that may log in, can do to a gateway to keep others
 * from it.
 * @module
 */
import type { Socket } from 'node:net'
import { KEEPALIVE_SECONDS_MAX, KEEPALIVE_SECONDS_MIN } from '../../protocol/limits.ts'
import { downFilter, formatTopic } from '../../protocol/topics.ts'
import { forAll } from './connection.ts'
import { passwordOf } from './device.ts'
import { type Counts, nameOf, openClient, wrongPassword } from './floodClient.ts'
import type { FloodCommand, FloodKind } from './floodMessages.ts'
import { benchKey } from './keys.ts'
import type { DevicePlan } from './messages.ts'
import { connectPacket, loginPacket, publishPacket, subscribePacket } from './packets.ts'

const TICK_MS = 20
const DRIBBLE_PERIOD_MS = 1_000
/** Whoever was thrown out comes back after a while. */
const RETURN_MS = 2_000
const LOGINS_AT_ONCE = 64
const SUBSCRIBES_AT_ONCE = 32
const CONNACK_BYTES = 4
/** A message just below the limit of devices. */
const SLOW_PAYLOAD_BYTES = 3_900

export type Arms = Extract<FloodCommand, { readonly do: 'ready' }>

export type Flood = {
  readonly counts: Counts
  /** Ends it: every connection is closed. */
  readonly stop: () => void
}

type Running = {
  readonly arms: Arms
  readonly counts: Counts
  readonly sockets: Set<Socket>
  readonly timers: NodeJS.Timeout[]
  isOver: boolean
}

/** Starts a flood; resolves when as many as wanted are logged in, where they have to be. */
export async function startFlood(arms: Arms, kind: FloodKind, size: number): Promise<Flood> {
  const counts = { open: 0, opened: 0, packets: 0, ended: 0 }
  const running: Running = { arms, counts, sockets: new Set(), timers: [], isOver: false }
  await starters[kind](running, size)
  const stop = () => {
    running.isOver = true
    for (const timer of running.timers) clearInterval(timer)
    for (const socket of running.sockets) socket.destroy()
  }
  return { counts, stop }
}

const starters: Readonly<Record<FloodKind, (running: Running, size: number) => Promise<void>>> = {
  'slow-connect': async (running, size) => {
    for (let place = 0; place < size; place++) void dribbleConnect(running, place)
  },
  'slow-publish': (running, size) => eachDevice(running, size, dribblePublish),
  connects: async (running, size) => atRate(running, size, () => undefined),
  'bad-connects': async (running, size) =>
    atRate(running, size, () => Buffer.from([0x10, 12, 0, 4, 77, 81, 84, 84, 9, 255, 0, 60, 0, 9])),
  'bad-passwords': async (running, size) =>
    atRate(running, size, (place) => badLogin(running, place)),
  'bad-secrets': async (running, size) =>
    atRate(running, size, () => {
      const username = running.arms.logins[0]?.username ?? ''
      return loginPacket('', username, Buffer.from('not the password'), KEEPALIVE_SECONDS_MAX)
    }),
  subscribes: (running, size) => eachDevice(running, size, subscribeOnAndOn),
  frozen: async (running, size) => {
    const places = Array.from({ length: size }, (_, place) => place)
    await forAll(places, 2, (place) => freeze(running, place))
  },
  abandoned: (running, size) =>
    eachDevice(running, size, (_, socket) => socket.pause(), KEEPALIVE_SECONDS_MIN),
}

async function open(running: Running, place: number, again: () => void) {
  const socket = await openClient(running.arms.port, place, running.counts, () => {
    if (socket) running.sockets.delete(socket)
    if (!running.isOver) setTimeout(again, RETURN_MS)
  })
  if (socket && running.isOver) socket.destroy()
  else if (socket) running.sockets.add(socket)
  return socket
}

/** Writes a byte a second until there is none left. */
function dribble(running: Running, socket: Socket, bytes: Uint8Array): void {
  let at = 0
  const timer = setInterval(() => {
    if (socket.destroyed || at >= bytes.length) return clearInterval(timer)
    running.counts.packets += 1
    socket.write(bytes.subarray(at, ++at))
  }, DRIBBLE_PERIOD_MS)
  running.timers.push(timer)
}

async function dribbleConnect(running: Running, place: number): Promise<void> {
  if (running.isOver) return
  const socket = await open(running, place, () => void dribbleConnect(running, place))
  if (socket) dribble(running, socket, badLogin(running, place))
}

function badLogin({ arms }: Running, place: number): Buffer {
  const plan = deviceAt(arms, place)
  return connectPacket(nameOf(plan), wrongPassword(plan, arms.gateway), KEEPALIVE_SECONDS_MAX)
}

function deviceAt({ devices, honest }: Arms, place: number): DevicePlan {
  return devices[place % devices.length] ?? honest
}

function dribblePublish(running: Running, socket: Socket, { fleet, device }: DevicePlan): void {
  const topic = formatTopic({ kind: 'up', fleet, device, name: 'reading' })
  dribble(running, socket, publishPacket(topic, 1, new Uint8Array(SLOW_PAYLOAD_BYTES)))
}

/** Logs in so many of the attacker's own devices, which then do what `then` says. */
async function eachDevice(
  running: Running,
  size: number,
  then: (running: Running, socket: Socket, plan: DevicePlan) => void,
  keepaliveSeconds: number = KEEPALIVE_SECONDS_MAX,
): Promise<void> {
  const { arms } = running
  await forAll(arms.devices.slice(0, size), LOGINS_AT_ONCE, async (plan) => {
    const socket = await open(running, arms.devices.indexOf(plan), () => {})
    if (!socket) return
    const password = passwordOf({ plan, key: benchKey(nameOf(plan)) }, arms.gateway)
    socket.write(connectPacket(nameOf(plan), password, keepaliveSeconds))
    await bytesFrom(socket, CONNACK_BYTES)
    socket.write(subscribePacket(1, downFilter(plan.fleet, plan.device)))
    then(running, socket, plan)
  })
}

/** Resolves when something has arrived, or never will. */
function bytesFrom(socket: Socket, count: number): Promise<void> {
  return new Promise((resolve) => {
    let seen = 0
    socket.on('data', (chunk) => {
      seen += chunk.length
      if (seen >= count) resolve()
    })
    socket.once('close', () => resolve())
  })
}

function subscribeOnAndOn(running: Running, socket: Socket, plan: DevicePlan): void {
  const own = downFilter(plan.fleet, plan.device)
  const filters = [own, 'tickpay/1/#', `${own.slice(0, -2)}/ack`, 'tickpay/1/_gateway/+/#']
  let id = 1
  const timer = setInterval(() => {
    if (socket.destroyed) return clearInterval(timer)
    // What the gateway does not read stays with the attacker.
    for (let count = 0; count < SUBSCRIBES_AT_ONCE && socket.writableLength === 0; count++) {
      id = (id % 60_000) + 1
      running.counts.packets += 1
      socket.write(subscribePacket(id, filters[id % filters.length] ?? own))
    }
  }, TICK_MS)
  running.timers.push(timer)
}

async function freeze(running: Running, place: number): Promise<void> {
  const { arms, isOver } = running
  const login = arms.logins[place % arms.logins.length]
  if (isOver || !login) return
  const socket = await open(running, place, () => void freeze(running, place))
  if (!socket) return
  const { username, password } = login
  const name = `frozen-${place}`
  socket.write(loginPacket(name, username, Buffer.from(password), KEEPALIVE_SECONDS_MAX))
  await bytesFrom(socket, CONNACK_BYTES)
  socket.pause()
  socket.write(subscribePacket(1, 'tickpay/1/bench/#'))
  const fleet = username.slice(username.indexOf('@') + 1)
  socket.write(subscribePacket(2, `tickpay/1/${fleet}/_/#`))
}

/** New connections at a rate; each says its packet, if any, and is closed by whoever is first. */
function atRate(
  running: Running,
  perSecond: number,
  packetOf: (place: number) => Uint8Array | undefined,
): void {
  const startMs = performance.now()
  let place = 0
  const timer = setInterval(() => {
    const due = ((performance.now() - startMs) * perSecond) / 1_000
    for (; place < due; place++) void once(running, place, packetOf(place))
  }, TICK_MS)
  running.timers.push(timer)
}

async function once(
  { arms, counts }: Running,
  place: number,
  packet: Uint8Array | undefined,
): Promise<void> {
  const socket = await openClient(arms.port, place, counts, () => {})
  if (packet === undefined) socket?.destroy()
  else {
    counts.packets += 1
    socket?.write(packet)
    socket?.resume()
  }
}
