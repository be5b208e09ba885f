/**
 * The command line tools that people use beside this program.
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { afterEach, expect, test } from 'vitest'
import { publishPacket, types } from './rawClient.ts'
import type { World } from './world.ts'
import { startWorld } from './world.ts'

let world: World

afterEach(() => world.close())

function run(tool: string, ...options: string[]) {
  const login = ['-h', '127.0.0.1', '-p', `${world.port}`, '-u', 'ann@solar', '-P', 'good']
  const child = spawn(tool, [...login, ...options])
  const lines = createInterface(child.stdout)[Symbol.asyncIterator]()
  const errors: string[] = []
  child.stderr.on('data', (chunk) => errors.push(String(chunk)))
  const exit = once(child, 'exit').then(([code]) => ({ code, errors: errors.join('') }))
  return { line: async () => (await lines.next()).value, exit }
}

test('mosquitto_sub sees retained and live topics of its fleet', async () => {
  world = await startWorld()
  world.broker.publish('tickpay/1/solar/_/status', Buffer.from('retained'), { retain: true })
  const tool = run('mosquitto_sub', '-v', '-t', 'tickpay/1/solar/#', '-C', '2')
  expect(await tool.line()).toBe('tickpay/1/solar/_/status retained')
  const device = await world.login({ username: 'solar/pi1' })
  device.send(publishPacket('tickpay/1/solar/pi1/state', 'online', { retain: true }))
  await device.next(types.puback)
  expect(await tool.line()).toBe('tickpay/1/solar/pi1/state online')
  expect((await tool.exit).code).toBe(0)
})

test('mosquitto_sub with a persistent session and QoS 2 works as a clean one', async () => {
  world = await startWorld()
  world.broker.publish('tickpay/1/solar/_/status', Buffer.from('x'), { retain: true })
  const tool = run(
    'mosquitto_sub',
    '-c',
    '-i',
    'tool',
    '-q',
    '2',
    '-t',
    'tickpay/1/solar/#',
    '-C',
    '1',
  )
  expect(await tool.line()).toBe('x')
  expect((await tool.exit).code).toBe(0)
})

test('mosquitto_pub ends when its request is acknowledged', async () => {
  world = await startWorld()
  const tool = run('mosquitto_pub', '-q', '1', '-t', 'tickpay/1/solar/_/request/list', '-m', '{}')
  expect((await tool.exit).code).toBe(0)
  expect(world.received).toMatchObject([{ topic: 'tickpay/1/solar/_/request/list', payload: '{}' }])
})

test('a refused login and a refused subscription are told', async () => {
  world = await startWorld()
  const login = await run('mosquitto_sub', '-P', 'bad', '-t', 'tickpay/1/solar/#').exit
  expect(login.code).not.toBe(0)
  expect(login.errors).toMatch(/bad user name or password/i)
  const subscription = await run('mosquitto_sub', '-t', '#').exit
  expect(subscription.errors).toMatch(/denied/i)
})
