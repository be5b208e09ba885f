/** Messages that are made when somebody wants to read them. */
import { afterEach, beforeEach, expect, test } from 'vitest'
import { packet, readPublish, subscribePacket, types } from './rawClient.ts'
import type { World } from './world.ts'
import { startWorld } from './world.ts'

let world: World
let made: string[]
/** What was asked for and is not durable yet. */
let waiting: (() => void)[]

const report = (device: string) => `tickpay/1/solar/_/devices/${device}`

beforeEach(async () => {
  world = await startWorld({})
  made = []
  waiting = []
})

afterEach(() => world.close())

function offer(device: string, text: () => string): void {
  world.broker.offer(report(device), (hand) => {
    const payload = Buffer.from(text())
    made.push(text())
    waiting.push(() => hand(payload))
  })
}

async function fleetReads() {
  const client = await world.login({ username: 'solar/_', clientId: 'solar/_' })
  client.send(subscribePacket(1, [report('+')]))
  await client.next(types.suback)
  return client
}

/** Everything that the broker has sent so far. */
async function sentTo(client: Awaited<ReturnType<typeof fleetReads>>) {
  client.send(packet(0xc0))
  await client.next(types.pingresp)
  const found = client.waiting().filter(({ type }) => type === types.publish)
  return found.map((one) => `${readPublish(one).payload} ${(one.flags & 1) === 1}`)
}

test('nobody reads: nothing is made, however often it changes', () => {
  for (let count = 0; count < 100; count++) offer('pi1', () => 'x')
  expect(made).toEqual([])
  expect(world.broker.counters().retained).toBe(1)
})

test('a subscription has each made as it is then, and sends it when it is durable', async () => {
  let now = 'old'
  offer('pi1', () => `one ${now}`)
  offer('pi2', () => `two ${now}`)
  now = 'new'
  const client = await fleetReads()
  expect(await sentTo(client)).toEqual([])
  expect(made).toEqual(['one new'])
  waiting.shift()?.()
  expect(made).toEqual(['one new', 'two new'])
  waiting.shift()?.()
  expect(await sentTo(client)).toEqual(['one new true', 'two new true'])
})

test('whoever listens gets the next one at once, not as a retained one', async () => {
  const client = await fleetReads()
  offer('pi1', () => 'first')
  expect(made).toEqual(['first'])
  expect(await sentTo(client)).toEqual([])
  waiting.shift()?.()
  expect(await sentTo(client)).toEqual(['first false'])
})

test('what becomes durable after its reader has gone is sent to nobody', async () => {
  offer('pi1', () => 'late')
  const client = await fleetReads()
  await world.until(() => waiting.length === 1)
  client.socket.destroy()
  await world.until(() => world.broker.sessions().length === 0)
  expect(() => waiting.shift()?.()).not.toThrow()
})
