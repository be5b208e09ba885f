/**
 * Floods of connections against a broker on real sockets. The flood comes from another address of
 * this machine than honest clients do.
 */
import { afterEach, describe, expect, test } from 'vitest'
import type { RawClient } from '../broker/rawClient.ts'
import { connectPacket, rawClient, types } from '../broker/rawClient.ts'
import type { World, WorldOptions } from '../broker/world.ts'
import { authenticateForTests, startWorld } from '../broker/world.ts'

const elsewhere = '127.0.0.2'
let world: World
afterEach(() => world.close())

async function start(options: WorldOptions) {
  world = await startWorld(options)
  return world
}

const good = { clientId: 'solar/pi1', username: 'solar/pi1', password: 'good' }
const bad = { ...good, password: 'bad' }

function many(count: number, from = elsewhere): Promise<readonly RawClient[]> {
  return Promise.all(Array.from({ length: count }, () => rawClient(world.port, from)))
}

async function codeOf(client: RawClient): Promise<number | undefined> {
  return (await client.next(types.connack)).body[1]
}

describe('connections that dribble their CONNECT', () => {
  // T34
  test('fill the doorway, and an honest client logs in at once', async () => {
    const { broker, login } = await start({ limits: { pendingConnectionsMax: 20 } })
    const slow = await many(20)
    for (const client of slow) client.send(connectPacket(good).subarray(0, 9))
    await login({ username: 'solar/pi1' })
    await login({ username: 'solar/pi2' })
    expect(broker.sessions().map(({ id }) => id)).toEqual(['solar/pi1', 'solar/pi2'])
    expect(broker.counters().closed).toEqual({ gave_way: 1 })
    for (const { socket } of slow) socket.destroy()
  })

  test('are closed at the deadline, and their address is not let in for a while', async () => {
    const limits = { connectDeadlineMs: 50, failedLoginsBurst: 5, failedLoginsPerSecond: 1 }
    const { broker, login, until } = await start({ limits })
    const slow = await many(5)
    for (const client of slow) client.send(connectPacket(good).subarray(0, 9))
    await Promise.all(slow.map(({ closed }) => closed))
    expect(broker.counters().closed).toEqual({ connect_deadline: 5 })
    await until(() => broker.counters().connections === 0)
    const [again] = await many(1)
    await again?.closed
    expect(broker.counters().refused).toEqual({ failed_logins: 1 })
    await login({ username: 'solar/pi1' })
  })
})

describe('logins with wrong passwords', () => {
  // T35
  test('use up their address; no more of them are judged, and honest ones are', async () => {
    let judged = 0
    const { broker, login } = await start({
      limits: { failedLoginsBurst: 10, failedLoginsPerSecond: 1 },
      authenticate: (request) => {
        judged += 1
        return authenticateForTests(request)
      },
    })
    for (let count = 0; count < 10; count++) {
      const client = await rawClient(world.port, elsewhere)
      client.send(connectPacket(bad))
      expect(await codeOf(client)).toBe(4)
      await client.closed
    }
    const more = await many(50)
    for (const client of more) client.send(connectPacket(bad))
    await Promise.all(more.map(({ closed }) => closed))
    expect(judged).toBeLessThan(10 + 5)
    expect(broker.counters().refused['failed_logins']).toBeGreaterThan(40)
    await login({ username: 'solar/pi1' })
  })

  test('of tools use it up sooner, because each costs more', async () => {
    const limits = { failedLoginsBurst: 40, failedLoginsPerSecond: 1 }
    const { broker, until } = await start({ limits })
    for (let count = 1; count <= 2; count++) {
      const client = await rawClient(world.port, elsewhere)
      client.send(connectPacket({ clientId: 'x', username: 'ann@solar', password: 'bad' }))
      expect(await codeOf(client)).toBe(4)
      await client.closed
    }
    await until(() => broker.counters().connections === 0)
    const [third] = await many(1)
    await third?.closed
    expect(broker.counters().refused).toEqual({ bad_credential: 2, failed_logins: 1 })
  })

  test('a client that stays after its refusal is closed, and holds no place', async () => {
    const { broker, until } = await start({ limits: { closeGraceMs: 20 } })
    const [client] = await many(1)
    client?.send(connectPacket(bad))
    client?.socket.pause()
    await until(() => broker.counters().connections === 0)
    client?.socket.destroy()
    expect(broker.counters().refused).toEqual({ bad_credential: 1 })
  })
})
