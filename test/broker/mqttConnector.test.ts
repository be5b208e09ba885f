import { createServer } from 'node:net'
import { afterEach, describe, expect, test } from 'vitest'
import { mqttConnector } from '../../ports/io/mqttConnector.ts'
import { OperatorError } from '../../ports/operatorError.ts'
import { utf8ToBytes } from '../../protocol/bytes.ts'
import { readPublish, subscribePacket, types } from './rawClient.ts'
import type { World, WorldOptions } from './world.ts'
import { startWorld } from './world.ts'

let world: World | undefined

async function start(options: WorldOptions = {}) {
  world = await startWorld(options)
  return world
}

afterEach(async () => {
  await world?.close()
  world = undefined
})

const tick = 'tickpay/1/solar/pi1/up/tick'
const plain = { retain: false }

function pi1(port: number, change: { password?: string; clientId?: string } = {}) {
  return mqttConnector(`mqtt://127.0.0.1:${port}`)({
    clientId: change.clientId ?? 'solar/pi1',
    username: 'solar/pi1',
    password: utf8ToBytes(change.password ?? 'good'),
    keepaliveSeconds: 30,
    will: {
      topic: 'tickpay/1/solar/pi1/state',
      payload: utf8ToBytes('lost'),
      retain: true,
    },
  })
}

describe('a connection', () => {
  test('publishes, and resolves when the gateway has dealt with it', async () => {
    const { port, received, until } = await start({ onMessage: () => {} })
    const transport = await pi1(port)
    const log: string[] = []
    const published = transport.publish(tick, utf8ToBytes('x'), plain).then(() => log.push('acked'))
    await until(() => received.length === 1)
    log.push('dealt with')
    received[0]?.done()
    await published
    expect(log).toEqual(['dealt with', 'acked'])
    await transport.close()
  })

  test('subscribes and hears', async () => {
    const { port, broker } = await start()
    const transport = await pi1(port)
    const heard = new Promise<[string, Uint8Array]>((resolve) => {
      transport.onMessage((topic, payload) => resolve([topic, payload]))
    })
    await transport.subscribe(['tickpay/1/solar/pi1/down/+'])
    broker.publish('tickpay/1/solar/pi1/down/ack', utf8ToBytes('y'), plain)
    expect(await heard).toEqual(['tickpay/1/solar/pi1/down/ack', utf8ToBytes('y')])
  })

  test('rejects what the broker does not grant', async () => {
    const { port } = await start()
    const transport = await pi1(port)
    await expect(transport.subscribe(['tickpay/1/solar/#'])).rejects.toThrow(
      'the broker refused the subscription to tickpay/1/solar/#',
    )
  })

  test('ends with its publishes rejected and its listeners told, for good', async () => {
    const { port, received, until, broker } = await start({ onMessage: () => {} })
    const transport = await pi1(port)
    const ended = new Promise<void>((resolve) => transport.onClose(resolve))
    const lost = transport.publish(tick, utf8ToBytes('x'), plain)
    const rejected = expect(lost).rejects.toThrow('has ended')
    await until(() => received.length === 1)
    await broker.close()
    await rejected
    await ended
    await expect(transport.publish(tick, utf8ToBytes('x'), plain)).rejects.toThrow('has ended')
    await expect(transport.subscribe([tick])).rejects.toThrow('has ended')
    let late = false
    transport.onClose(() => {
      late = true
    })
    await Promise.resolve()
    expect(late).toBe(true)
  })

  test('closes politely: no last will', async () => {
    const { port, login, until, sessions, broker } = await start()
    const watcher = await login({ username: 'ann@solar' })
    watcher.send(subscribePacket(1, ['tickpay/1/solar/#']))
    await watcher.next(types.suback)
    const transport = await pi1(port)
    await transport.close()
    await until(() => sessions.includes('- solar/pi1'))
    broker.publish('tickpay/1/solar/_/status', utf8ToBytes('end'), plain)
    expect(readPublish(await watcher.next(types.publish)).payload).toBe('end')
  })

  test('that is cut while it subscribes rejects, and ends no process', async () => {
    const server = createServer((socket) => {
      socket.on('data', (bytes) => {
        if (bytes[0] === 0x10) socket.write(Uint8Array.of(0x20, 2, 0, 0))
        else socket.resetAndDestroy()
      })
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const address = server.address()
    const transport = await pi1(typeof address === 'object' && address ? address.port : 0)
    const reason = await transport.subscribe(['tickpay/1/solar/pi1/down/+']).then(
      () => 'granted',
      (error: unknown) => String(error),
    )
    expect(reason).toMatch(/^Error: (the connection to the broker has ended|Connection closed)/)
    server.close()
  })

  test('bounds what is on its way', async () => {
    const { port } = await start({ onMessage: () => {} })
    const transport = await pi1(port)
    const sent = Array.from({ length: 64 }, () =>
      transport.publish(tick, utf8ToBytes('x'), plain).catch(() => {}),
    )
    await expect(transport.publish(tick, utf8ToBytes('x'), plain)).rejects.toThrow('too many')
    await world?.close()
    await Promise.all(sent)
  })
})

describe('a connection that does not come about', () => {
  test.each([
    [{ password: 'bad' }, 'user name or password are wrong'],
    [{ clientId: 'solar/pi2' }, 'it does not take this client id'],
  ])('says why: %j', async (change, reason) => {
    const { port } = await start()
    await expect(pi1(port, change)).rejects.toThrow(
      `cannot connect to the broker at 127.0.0.1:${port}: ${reason}`,
    )
  })

  test('says that nothing listens there', async () => {
    const server = createServer()
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const address = server.address()
    const port = typeof address === 'object' && address ? address.port : 0
    await new Promise((resolve) => server.close(resolve))
    await expect(pi1(port)).rejects.toThrow(`127.0.0.1:${port}: nothing listens there`)
  })

  test('says that the other side hung up', async () => {
    const server = createServer((socket) => socket.destroy())
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const address = server.address()
    const port = typeof address === 'object' && address ? address.port : 0
    await expect(pi1(port)).rejects.toThrow(/it closed the connection/)
    server.close()
  })

  test.each(['http://x', 'mqtt://', 'localhost:1883', '', 'mqtts://x'])(
    '%j is no address',
    (url) => {
      expect(() => mqttConnector(url)).toThrow(OperatorError)
      expect(() => mqttConnector(url)).toThrow('write it as mqtt://host:1883')
    },
  )
})
