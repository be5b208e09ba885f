/**
 * Relays in the real world: a broker, a `gpioset` that writes down what it is told, programs.
 */
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { relayOpener } from '../../agent/relays/io/openRelay.ts'
import type { Relay } from '../../agent/relays/types.ts'
import type { Transport } from '../../ports/index.ts'
import { nodePorts } from '../../ports/io/node.ts'
import { hasMosquitto, startMosquitto } from '../support/mosquitto.ts'
import { until } from '../support/until.ts'

const ports = nodePorts(() => undefined)
const openRelay = relayOpener(ports, () => Promise.reject(new Error('no line')), process.env)
const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes)
const path = process.env['PATH'] ?? ''

let folder = ''
let ends: (() => unknown)[] = []
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'tickpay-relay-'))
})
afterEach(async () => {
  process.env['PATH'] = path
  for (const end of ends.reverse()) await end()
  ends = []
  rmSync(folder, { recursive: true, force: true })
})

async function opened(config: Parameters<typeof openRelay>[0]): Promise<Relay> {
  const relay = await openRelay(config)
  ends.push(relay.close)
  return relay
}

describe('a command', () => {
  const note = (word: string) => ['sh', '-c', `echo ${word} >> "${folder}/said"`]

  test('runs once for each change', async () => {
    const relay = await opened({ kind: 'command', on: note('on'), off: note('off') })
    for (const closed of [false, false, true, true, false]) await relay.set(closed)
    expect(readFileSync(join(folder, 'said'), 'utf8')).toBe('off\non\noff\n')
  })

  test('that fails is told of, and runs again', async () => {
    const failing = ['sh', '-c', `echo try >> "${folder}/said"; exit 3`]
    const relay = await opened({ kind: 'command', on: failing, off: ['true'] })
    await expect(relay.set(true)).rejects.toThrow(/ended with code 3/)
    await expect(relay.set(true)).rejects.toThrow(/ended with code 3/)
    expect(readFileSync(join(folder, 'said'), 'utf8')).toBe('try\ntry\n')
  })
})

describe('a GPIO line', () => {
  /** Behaves as gpioset does: holds the line until its standard input ends or it is ended. */
  const fakeGpioset = (version: string) => {
    const file = join(folder, 'gpioset')
    const lines = [
      '#!/bin/sh',
      `if [ "$1" = --version ]; then echo "gpioset (libgpiod) v${version}"; exit 0; fi`,
      `case "$*" in *gpiochip9*) exit 1;; esac`,
      `echo "set $*" >> "${folder}/said"`,
      `trap 'echo released >> "${folder}/said"; exit 0' TERM`,
      `read -r line || { echo released >> "${folder}/said"; exit 0; }`,
    ]
    writeFileSync(file, `${lines.join('\n')}\n`)
    chmodSync(file, 0o755)
    process.env['PATH'] = `${folder}:${path}`
  }
  const said = () => readFileSync(join(folder, 'said'), 'utf8').trim().split('\n')
  const gpio = { kind: 'gpio', chip: 'gpiochip0', line: 17, activeLow: false } as const

  test.each([
    ['1.6.3', '--mode=wait gpiochip0 17='],
    ['2.2.1', '--interactive --chip gpiochip0 17='],
  ])('is held by gpioset %s', async (version, words) => {
    fakeGpioset(version)
    const relay = await opened(gpio)
    for (const closed of [false, true, true]) await relay.set(closed)
    await relay.close()
    await until('all said', () => said().length === 4)
    expect(said()).toEqual([`set ${words}0`, 'released', `set ${words}1`, 'released'])
  })

  test('is inverted where the relay closes at the low level', async () => {
    fakeGpioset('1.6.3')
    const relay = await opened({ ...gpio, activeLow: true })
    await relay.set(true)
    expect(said()).toEqual(['set --mode=wait gpiochip0 17=0'])
  })

  test('that cannot be had is told of', async () => {
    fakeGpioset('1.6.3')
    const relay = await opened({ ...gpio, chip: 'gpiochip9' })
    await expect(relay.set(true)).rejects.toThrow(/check chip, line and permissions/)
  })
})

describe.skipIf(!hasMosquitto)('a relay behind a broker', () => {
  let url = ''
  let watcher: Transport
  const commands: string[] = []
  let answers = true

  beforeEach(async () => {
    const started = await startMosquitto(folder)
    ends.push(() => started.broker.kill())
    url = started.url
    watcher = started.watcher
    ends.push(() => watcher.close())
    commands.length = 0
    answers = true
    watcher.onMessage((_topic, payload) => {
      commands.push(text(payload))
      if (answers) void watcher.publish('plug/state', payload, { retain: true })
    })
    await watcher.subscribe(['plug/set'])
  })
  const config = () =>
    ({
      kind: 'mqtt',
      url,
      commandTopic: 'plug/set',
      stateTopic: 'plug/state',
      on: 'ON',
      off: 'OFF',
    }) as const

  test('is what it says it is', async () => {
    const relay = await opened(config())
    for (const closed of [false, true, true, false]) await relay.set(closed)
    expect(commands).toEqual(['OFF', 'ON', 'OFF'])
  })

  test('(!) that says nothing is not believed to be on', async () => {
    const relay = await opened(config())
    answers = false
    await expect(relay.set(true)).rejects.toThrow(/does not say "ON" on plug\/state/)
  })

  test('that somebody else has switched is switched back with the next reading', async () => {
    const relay = await opened(config())
    await relay.set(false)
    await watcher.publish('plug/state', new TextEncoder().encode('ON'), { retain: true })
    await until('the second command', async () => {
      await relay.set(false)
      return commands.length === 2
    })
    expect(commands).toEqual(['OFF', 'OFF'])
  })

  test('(!) is switched off by the broker when the agent dies', async () => {
    const lines = new Set<Socket>()
    const between = createServer((near) => {
      const far = connect(Number(new URL(url).port), '127.0.0.1')
      for (const one of [near, far]) one.on('error', () => undefined)
      near.pipe(far).pipe(near)
      lines.add(near).add(far)
    })
    await new Promise<void>((done) => between.listen(0, '127.0.0.1', done))
    ends.push(() => between.close())
    const { port } = between.address() as AddressInfo
    const relay = await opened({ ...config(), url: `mqtt://127.0.0.1:${port}` })
    await relay.set(true)
    expect(commands).toEqual(['ON'])
    for (const line of lines) line.destroy()
    await until('the last will', () => commands.length === 2)
    expect(commands).toEqual(['ON', 'OFF'])
  })
})
