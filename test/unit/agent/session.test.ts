/** The connection: what is signed, what is believed, and how it comes back. */
import { describe, expect, test } from 'vitest'
import { createAgentClock } from '../../../agent/agentClock.ts'
import { retryDelayMs } from '../../../agent/backoff.ts'
import type { Session } from '../../../agent/session.ts'
import { newerMark, startSession } from '../../../agent/session.ts'
import type { ConnectOptions, Transport } from '../../../ports/index.ts'
import { checkConnect, decodeConnect } from '../../../protocol/connect.ts'
import type { PrivateKey } from '../../../protocol/keys.ts'
import { publicKeyOf, signDigest, verifyDigest } from '../../../protocol/keys.ts'
import { decodeHello, encodeTime, encodeWelcome } from '../../../protocol/messages.ts'
import type { Time } from '../../../protocol/structures.ts'
import { digestOf, timeStructure } from '../../../protocol/structures.ts'
import {
  counting,
  device,
  deviceKey,
  domain,
  fleet,
  gateway,
  gatewayKey,
  mark,
  nowSeconds,
} from '../../support/fixtures.ts'
import { virtualPorts } from '../../support/meterBench.ts'
import { virtualTime } from '../../support/virtualTime.ts'

type Line = {
  readonly options: ConnectOptions
  readonly published: { topic: string; payload: Uint8Array; retain: boolean }[]
  readonly subscribed: string[]
  readonly deliver: (name: string, payload: Uint8Array) => void
  readonly drop: () => void
}

const welcome = encodeWelcome({ timeSeconds: nowSeconds, mark, tariffs: [], slots: 0 })

function bench(clockErrorSeconds = 0) {
  const time = virtualTime((nowSeconds + clockErrorSeconds) * 1_000)
  const ports = virtualPorts(time)
  const lines: Line[] = []
  const heard: string[] = []
  let refusal: string | undefined
  const clock = createAgentClock(ports.clock)
  const session = startSession(
    {
      fleet,
      device,
      gateway: { id: gateway, key: publicKeyOf(gatewayKey) },
      domain,
      keepaliveSeconds: 30,
    },
    {
      ports,
      clock,
      connector: async (options) => {
        if (refusal) throw new Error(refusal)
        const { line, transport } = makeLine(options)
        lines.push(line)
        return transport
      },
      signer: {
        publicKey: publicKeyOf(deviceKey),
        sign: (digest) => signDigest(deviceKey, digest),
      },
      hello: () => ({ mark, meters: [{ meter: 'energy', unit: 'Wh' }] }),
      will: () => new Uint8Array([1]),
      onWelcome: () => heard.push('welcome'),
      onMessage: (name) => heard.push(name),
      onOffline: () => heard.push('offline'),
    },
  )
  const refuse = (reason: string | undefined) => {
    refusal = reason
  }
  return { time, lines, heard, session, clock, refuse }
}

function makeLine(options: ConnectOptions): { line: Line; transport: Transport } {
  const listeners: ((topic: string, payload: Uint8Array) => void)[] = []
  const closers: (() => void)[] = []
  const drop = () => {
    for (const closer of closers.splice(0)) closer()
  }
  const line: Line = {
    options,
    published: [],
    subscribed: [],
    deliver: (name, payload) => {
      const topic = name.includes('/') ? name : `tickpay/1/${fleet}/${device}/down/${name}`
      for (const listener of listeners) listener(topic, payload)
    },
    drop,
  }
  const transport: Transport = {
    publish: async (topic, payload, { retain }) => {
      line.published.push({ topic, payload, retain })
    },
    subscribe: async (topics) => {
      line.subscribed.push(...topics)
    },
    onMessage: (listener) => listeners.push(listener),
    onClose: (closer) => closers.push(closer),
    close: async () => drop(),
  }
  return { line, transport }
}

function timeFor(line: Line | undefined, change: Partial<Time> = {}, key: PrivateKey = gatewayKey) {
  const nonce = decodeConnect(line?.options.password ?? new Uint8Array())?.value.nonce
  if (!nonce) throw new Error('no login')
  const value = { gateway, nonce, time: nowSeconds, ...change }
  return encodeTime({ value, signature: signDigest(key, digestOf(domain, timeStructure, value)) })
}

describe('a login', () => {
  test('is what the gateway accepts, with a new nonce every time', async () => {
    const { time, lines } = bench()
    await time.advance(0)
    lines[0]?.drop()
    await time.advance(2_000)
    expect(lines).toHaveLength(2)
    const nonces = lines.map(({ options }) => decodeConnect(options.password)?.value.nonce)
    expect(nonces[0]).not.toEqual(nonces[1])
    for (const { options } of lines) {
      const context = {
        domain,
        gateway,
        clientId: options.clientId,
        username: options.username,
        keyOf: () => publicKeyOf(deviceKey),
        isNonceUsed: () => false,
        nowSeconds,
      }
      expect(checkConnect(context, options.password, verifyDigest).kind).toBe('accepted')
      expect(options.will).toMatchObject({
        topic: `tickpay/1/${fleet}/${device}/state`,
        retain: true,
      })
    }
  })

  test('is followed by the subscription and hello with the newest mark', async () => {
    const { time, lines } = bench()
    await time.advance(0)
    expect(lines[0]?.subscribed).toEqual([`tickpay/1/${fleet}/${device}/down/+`])
    const [hello] = lines[0]?.published ?? []
    expect(hello?.topic).toBe(`tickpay/1/${fleet}/${device}/up/hello`)
    expect(decodeHello(hello?.payload ?? new Uint8Array())?.mark).toEqual(mark)
  })
})

describe('a connection', () => {
  test('is online from its welcome on, and only then are messages taken and sent', async () => {
    const { time, lines, heard, session } = bench()
    await time.advance(0)
    lines[0]?.deliver('ack', new Uint8Array([1]))
    expect(await session.publish('tick', new Uint8Array([1]))).toBe(false)
    expect(heard).toEqual([])
    lines[0]?.deliver('welcome', welcome)
    expect(session.status()).toMatchObject({ state: 'online', connects: 1 })
    lines[0]?.deliver('ack', new Uint8Array([1]))
    lines[0]?.deliver(`tickpay/1/${fleet}/other/down/ack`, new Uint8Array([1]))
    expect(heard).toEqual(['welcome', 'ack'])
    expect(await session.publish('tick', new Uint8Array([1]))).toBe(true)
  })

  test('without a welcome is given up', async () => {
    const { time, lines, session } = bench()
    await time.advance(10_500)
    expect(session.status().reason).toBe('the gateway sent no welcome')
    await time.advance(1_000)
    expect(lines).toHaveLength(2)
  })

  test('that ends is told, and messages of the old one are not heard', async () => {
    const { time, lines, heard } = bench()
    await time.advance(0)
    lines[0]?.deliver('welcome', welcome)
    lines[0]?.drop()
    await time.advance(0)
    lines[0]?.deliver('ack', new Uint8Array([1]))
    expect(heard).toEqual(['welcome', 'offline'])
  })

  test('asks for everything again, but not more often than every five seconds', async () => {
    const { time, lines, session } = bench()
    await time.advance(0)
    lines[0]?.deliver('welcome', welcome)
    session.resync()
    session.resync()
    await time.advance(4_000)
    session.resync()
    expect(lines[0]?.published).toHaveLength(2)
    await time.advance(1_000)
    session.resync()
    expect(lines[0]?.published).toHaveLength(3)
  })

  test('can be closed while it waits, and while it is online', async () => {
    const closeAt = async (session: Session, time: ReturnType<typeof virtualTime>) => {
      const closing = session.close()
      await time.advance(3_000)
      await closing
      return session.status().state
    }
    const waiting = bench()
    await waiting.time.advance(0)
    waiting.refuse('nothing listens there')
    waiting.lines[0]?.drop()
    await waiting.time.advance(5_000)
    expect(waiting.session.status()).toMatchObject({ reason: 'nothing listens there' })
    expect(await closeAt(waiting.session, waiting.time)).toBe('closed')
    const online = bench()
    await online.time.advance(0)
    online.lines[0]?.deliver('welcome', welcome)
    expect(await closeAt(online.session, online.time)).toBe('closed')
    await online.time.advance(100_000)
    expect(online.lines).toHaveLength(1)
  })

  test('that keeps ending right after its welcome is retried ever more slowly', async () => {
    const { time, lines } = bench()
    for (let seconds = 0; seconds < 600; seconds++) {
      await time.advance(1_000)
      const line = lines.at(-1)
      line?.deliver('welcome', welcome)
      line?.drop()
    }
    expect(lines.length).toBeLessThan(60)
    expect(lines.length).toBeGreaterThan(8)
  })
})

describe('the time of the gateway', () => {
  test('signed for the own nonce is taken over, and the device connects again', async () => {
    const { time, lines, clock } = bench(-1_000_000)
    await time.advance(0)
    lines[0]?.deliver('welcome', timeFor(lines[0]))
    await time.advance(10)
    expect(lines).toHaveLength(2)
    expect(decodeConnect(lines[1]?.options.password ?? new Uint8Array())?.value.issuedAt).toBe(
      nowSeconds,
    )
    await time.advance(60_000)
    expect(clock.now().seconds).toBe(nowSeconds + 60)
  })

  test.each<[string, Partial<Time>, PrivateKey]>([
    ['for another nonce', { nonce: counting(9) }, gatewayKey],
    ['of another gateway', { gateway: 'gateway-2' }, gatewayKey],
    ['under another key', {}, deviceKey],
  ])('%s is ignored', async (_name, change, key) => {
    const { time, lines, clock } = bench(-1_000_000)
    await time.advance(0)
    lines[0]?.deliver('welcome', timeFor(lines[0], change, key))
    await time.advance(100)
    expect(lines).toHaveLength(1)
    expect(clock.now().seconds).toBe(nowSeconds - 1_000_000)
  })

  test('again and again does not make a flood of connections', async () => {
    const { time, lines } = bench(-1_000_000)
    for (let i = 0; i < 300; i++) {
      await time.advance(100)
      const line = lines.at(-1)
      if (line) line.deliver('welcome', timeFor(line))
    }
    expect(lines.length).toBeLessThan(25)
  })

  test('is asked for anew when the gateway that gave it was corrected', async () => {
    const { time, lines, clock } = bench(-1_000_000)
    await time.advance(0)
    lines[0]?.deliver('welcome', timeFor(lines[0], { time: 100 }))
    await time.advance(10)
    expect(clock.now().seconds).toBe(100)
    lines[1]?.deliver('welcome', welcome)
    await time.advance(10_000)
    expect(lines).toHaveLength(3)
    lines[2]?.deliver('welcome', timeFor(lines[2]))
    await time.advance(20)
    expect(clock.now().seconds).toBe(nowSeconds)
  })

  test('is not asked for where it was never signed', async () => {
    const { time, lines, session } = bench(-1_000_000)
    await time.advance(0)
    lines[0]?.deliver('welcome', welcome)
    await time.advance(60_000)
    expect(lines).toHaveLength(1)
    expect(session.status().state).toBe('online')
  })

  test('gives way to the system clock once that agrees', async () => {
    const { time, clock } = bench(-1_000_000)
    clock.setFromGateway(nowSeconds)
    time.jumpWall(1_000_030_000)
    expect(clock.now().seconds).toBe(nowSeconds + 30)
    time.jumpWall(500_000)
    expect(clock.now().seconds).toBe(nowSeconds)
  })
})

describe('waiting between connections', () => {
  const random = (byte: number) => ({
    bytes: (length: number) => new Uint8Array(length).fill(byte),
  })

  // T36
  test('begins quickly, doubles with full jitter and stays below a minute', () => {
    expect(retryDelayMs(1, random(0))).toBe(500)
    expect(retryDelayMs(1, random(255))).toBe(1_000)
    expect(retryDelayMs(4, random(255))).toBe(8_000)
    expect(retryDelayMs(4, random(0))).toBe(500)
    expect(retryDelayMs(1_000, random(255))).toBe(60_000)
  })
})

test('of two marks the newer one is kept, and another life counts as newer', () => {
  const later = { ...mark, position: mark.position + 1 }
  expect(newerMark(undefined, mark)).toBe(mark)
  expect(newerMark(mark, later)).toBe(later)
  expect(newerMark(later, mark)).toBe(later)
  const other = { ...mark, life: counting(5, 16), position: 1 }
  expect(newerMark(later, other)).toBe(other)
})
