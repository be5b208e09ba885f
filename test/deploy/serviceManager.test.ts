/**
 * What a service manager is told, through the real `systemd-notify` and a real socket.
 */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, describe, expect, test } from 'vitest'
import { nodeTimers } from '../../ports/io/node.ts'
import { feedPeriodMs, serviceManager } from '../../ports/io/serviceManager.ts'
import { until } from '../support/until.ts'
import { virtualTime } from '../support/virtualTime.ts'

const isMissing = (program: string) => spawnSync(program, ['--version']).error !== undefined
const missing = ['systemd-notify', 'python3'].filter(isMissing)
if (missing.length > 0) process.stderr.write(`SKIPPED: ${missing.join(' and ')} missing\n`)

/** Prints each datagram in one line; barriers are released by closing what they carry. */
const listener = `
import os, socket, sys
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
s.bind(sys.argv[1])
print('listening', flush=True)
while True:
    data, fds, _, _ = socket.recv_fds(s, 4096, 4)
    for fd in fds: os.close(fd)
    print(data.decode().replace('\\n', ' '), flush=True)
`

let children: ChildProcess[] = []
let folders: string[] = []

afterEach(() => {
  for (const child of children) child.kill()
  for (const folder of folders) rmSync(folder, { recursive: true, force: true })
  children = []
  folders = []
})

async function startManager(): Promise<{ readonly socket: string; readonly heard: string[] }> {
  const folder = mkdtempSync(join(tmpdir(), 'tickpay-notify-'))
  folders.push(folder)
  const socket = join(folder, 'notify')
  const child = spawn('python3', ['-c', listener, socket], { stdio: ['ignore', 'pipe', 'inherit'] })
  children.push(child)
  const heard: string[] = []
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    heard.push(...text.split('\n').filter((line) => line !== '' && !line.includes('BARRIER')))
  })
  await until('the manager listens', () => heard.shift() === 'listening')
  return { socket, heard }
}

const path = process.env['PATH']

describe.skipIf(missing.length > 0)('a service manager', () => {
  test('hears that the program is ready, that it lives, and that it stops', async () => {
    const { socket, heard } = await startManager()
    const environment = { NOTIFY_SOCKET: socket, WATCHDOG_USEC: '600000', PATH: path }
    const failures: string[] = []
    const manager = serviceManager(environment, nodeTimers, (line) => failures.push(line))
    await manager.ready()
    await until('three feeds', () => heard.filter((line) => line === 'WATCHDOG=1').length >= 3)
    await manager.stopping()
    await until('the end', () => heard.some((line) => line.includes('STOPPING=1')))
    expect(heard[0]).toContain('READY=1')
    expect(failures).toEqual([])
  })

  test('that cannot be reached is told of once, and nothing else happens', async () => {
    const time = virtualTime(0)
    const environment = { NOTIFY_SOCKET: '/nonexistent/notify', PATH: path }
    const failures: string[] = []
    const manager = serviceManager(environment, time.timers, (line) => failures.push(line))
    await manager.ready()
    await manager.stopping()
    expect(failures).toEqual([expect.stringMatching(/^systemd-notify: .*NotifyAccess=all$/)])
  })

  test('hears nothing of its own accord after the stop', async () => {
    const time = virtualTime(0)
    const { socket } = await startManager()
    const environment = { NOTIFY_SOCKET: socket, WATCHDOG_USEC: '3000000', PATH: path }
    const manager = serviceManager(environment, time.timers, () => undefined)
    await manager.ready()
    expect(time.pending()).toBe(1)
    await manager.stopping()
    expect(time.pending()).toBe(0)
  })
})

test('without a service manager nothing is started', async () => {
  const time = virtualTime(0)
  const manager = serviceManager({ WATCHDOG_USEC: '1000' }, time.timers, () => undefined)
  await manager.ready()
  await manager.stopping()
  expect(time.pending()).toBe(0)
})

test('the watchdog is fed three times in its period, and only for this process', () => {
  expect(feedPeriodMs({ WATCHDOG_USEC: '60000000', WATCHDOG_PID: '7' }, 7)).toBe(20_000)
  expect(feedPeriodMs({ WATCHDOG_USEC: '60000000' }, 7)).toBe(20_000)
  expect(feedPeriodMs({ WATCHDOG_USEC: '60000000', WATCHDOG_PID: '8' }, 7)).toBeUndefined()
  expect(feedPeriodMs({ WATCHDOG_USEC: 'soon' }, 7)).toBeUndefined()
  expect(feedPeriodMs({}, 7)).toBeUndefined()
})
