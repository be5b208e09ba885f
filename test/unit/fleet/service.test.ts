import { afterEach, expect, test } from 'vitest'
import { readAmountText } from '../../../fleet/amountText.ts'
import type { Policy } from '../../../fleet/policy.ts'
import { type FleetService, startFleetService } from '../../../fleet/service.ts'
import type { Log, Ports } from '../../../ports/index.ts'
import { present } from '../../../protocol/assert.ts'
import { publicKeyOf } from '../../../protocol/keys.ts'
import {
  type FakeChannel,
  type FleetGateway,
  fakeChannel,
  fleetGateway,
  gatewayKey,
  reportOf,
  signerKey,
  testDomain,
} from '../../support/fleetGateway.ts'
import { type VirtualTime, virtualTime } from '../../support/virtualTime.ts'

const startMs = 1_800_000_000_000
const minuteMs = 60_000
const hourMs = 60 * minuteMs
const day = 86_400

const allowance = {
  limit: present(readAmountText('50EUR'), 'amount'),
  limitPerDay: present(readAmountText('5EUR'), 'amount'),
}
const policy: Policy = { default: allowance, devices: new Map(), lifeSeconds: day }

type World = {
  readonly time: VirtualTime
  readonly gateway: FleetGateway
  readonly service: FleetService
  readonly lines: string[]
}

let world: World | undefined
afterEach(async () => {
  await world?.service.stop()
  expect(world?.time.pending()).toBe(0)
  world = undefined
})

/** `ownTime` is the fleet's clock; the gateway keeps its own right time. */
function start(channels: readonly FakeChannel[], ownOffsetMs = 0): World {
  const time = virtualTime(startMs)
  const gateway = fleetGateway(time.clock, time.timers, channels)
  const lines: string[] = []
  let drawn = 0
  const log: Log = (level, message) => lines.push(`${level} ${message}`)
  const random = {
    bytes: (length: number) => {
      drawn++
      return new Uint8Array(length).map((_, place) => (drawn >> (8 * (place % 3))) & 0xff)
    },
  }
  const clock = { ...time.clock, nowMs: () => time.clock.nowMs() + ownOffsetMs }
  const ports: Ports = { clock, timers: time.timers, random, log }
  const identity = {
    fleet: 'acme',
    signerKey,
    gateway: { id: 'gate', key: publicKeyOf(gatewayKey) },
    domain: testDomain,
  }
  const { connector } = gateway
  const service = startFleetService({ identity, policy, connector }, ports)
  world = { time, gateway, service, lines }
  return world
}

test('72 hours untouched: outages, lost answers, and never without a mandate', async () => {
  const channels = Array.from({ length: 20 }, (_, number) => fakeChannel(`ev-${number}`))
  const { time, gateway } = start(channels)
  await time.advance(10_000)
  for (let quarter = 0; quarter < 72 * 4; quarter++) {
    gateway.isAway = quarter % 40 >= 34
    gateway.losesAnswers = quarter % 16 === 3
    if (gateway.isAway || quarter % 29 === 0) gateway.drop()
    for (const channel of channels) {
      channel.paid += 1_000n
      if (quarter % 4 === 0) gateway.report(channel)
    }
    await time.advance(15 * minuteMs)
    const nowSeconds = time.clock.nowMs() / 1_000
    for (const { mandate, paid } of channels) {
      expect(present(mandate, 'mandate').expiry).toBeGreaterThan(nowSeconds)
      expect(present(mandate, 'mandate').limit).toBeGreaterThan(paid)
      expect(present(mandate, 'mandate').expiry).toBeLessThanOrEqual(nowSeconds + day)
    }
  }
  // Renewed at half of a day: 6 to 7 times in 72 hours, and not many times more.
  for (const { mandate } of channels) {
    expect(present(mandate, 'mandate').sequence).toBeGreaterThanOrEqual(6)
    expect(present(mandate, 'mandate').sequence).toBeLessThanOrEqual(8)
  }
  expect(gateway.logins.every((login) => login === 'accepted')).toBe(true)
})

test('many devices are served in requests of a bounded size, one at a time', async () => {
  const channels = Array.from({ length: 205 }, (_, number) => fakeChannel(`ev-${number}`))
  const { time, lines } = start(channels)
  await time.advance(10_000)
  expect(lines.filter((line) => line === 'info mandates answered')).toHaveLength(3)
  expect(channels.every(({ mandate }) => mandate?.sequence === 1)).toBe(true)
})

test('an unanswered request is repeated with the very same mandates', async () => {
  const channel = fakeChannel('ev-1')
  const { time, gateway } = start([channel])
  gateway.losesAnswers = true
  await time.advance(2 * minuteMs)
  expect(gateway.received.length).toBeGreaterThanOrEqual(2)
  for (const one of gateway.received) expect(one).toEqual(gateway.received[0])
  gateway.losesAnswers = false
  await time.advance(2 * minuteMs)
  const settled = gateway.received.length
  await time.advance(hourMs)
  expect(gateway.received.length).toBe(settled)
  expect(channel.mandate?.sequence).toBe(1)
})

test('a refused mandate is not hammered, and tried again later', async () => {
  const { time, gateway, lines } = start([fakeChannel('ev-1')])
  gateway.refuses = 'unknown_channel'
  await time.advance(9 * minuteMs)
  expect(gateway.received).toHaveLength(1)
  expect(lines).toContain('warn the gateway refused a mandate')
  gateway.refuses = undefined
  await time.advance(3 * minuteMs)
  expect(gateway.received).toHaveLength(2)
})

test.each([-40 * 365 * day * 1_000, 3 * hourMs])(
  'a clock that is %d ms off is corrected by the time that the gateway signed',
  async (offsetMs) => {
    const channel = fakeChannel('ev-1')
    const { time, gateway, service } = start([channel], offsetMs)
    await time.advance(30_000)
    expect(gateway.logins).toEqual(['stale_clock', 'accepted'])
    expect(service.state()).toBe('connected')
    const nowSeconds = time.clock.nowMs() / 1_000
    const { expiry } = present(channel.mandate, 'mandate')
    expect(Math.abs(expiry - day - nowSeconds)).toBeLessThan(60)
  },
)

test('time that another key signed corrects nothing', async () => {
  const { time, gateway, service } = start([fakeChannel('ev-1')])
  await time.advance(minuteMs)
  const forged = new TextEncoder().encode('[1,[["gate"]]]')
  gateway.send('tickpay/1/acme/_/down/welcome', forged)
  await time.advance(minuteMs)
  expect(service.state()).toBe('connected')
  expect(gateway.logins).toEqual(['accepted'])
})

test('a wall clock that jumps during a session lengthens no mandate', async () => {
  const channel = fakeChannel('ev-1')
  let jumpMs = 0
  const time = virtualTime(startMs)
  const gateway = fleetGateway(time.clock, time.timers, [channel])
  const clock = { ...time.clock, nowMs: () => time.clock.nowMs() + jumpMs }
  const random = { bytes: (length: number) => new Uint8Array(length) }
  const ports: Ports = { clock, timers: time.timers, random, log: () => undefined }
  const identity = {
    fleet: 'acme',
    signerKey,
    gateway: { id: 'gate', key: publicKeyOf(gatewayKey) },
    domain: testDomain,
  }
  const { connector } = gateway
  const service = startFleetService({ identity, policy, connector }, ports)
  world = { time, gateway, service, lines: [] }
  await time.advance(minuteMs)
  jumpMs = 365 * day * 1_000
  await time.advance(13 * hourMs)
  const { expiry, sequence } = present(channel.mandate, 'mandate')
  expect(sequence).toBe(2)
  expect(expiry).toBeLessThanOrEqual(time.clock.nowMs() / 1_000 + day)
})

test('it waits longer and longer for a gateway that is away, and never gives up', async () => {
  const { time, gateway, service, lines } = start([fakeChannel('ev-1')])
  await time.advance(minuteMs)
  gateway.isAway = true
  gateway.drop()
  await time.advance(24 * hourMs)
  const tries = lines.filter((line) => line === 'info not signed in').length
  expect(tries).toBeGreaterThan(24 * 60 - 1)
  expect(tries).toBeLessThan(2 * 24 * 60 + 20)
  expect(service.state()).not.toBe('stopped')
  gateway.isAway = false
  await time.advance(2 * minuteMs)
  expect(service.state()).toBe('connected')
})

test('unreadable reports are left aside, a device that is gone is forgotten', async () => {
  const known = fakeChannel('ev-1')
  const { time, gateway, lines } = start([known])
  await time.advance(minuteMs)
  gateway.send('tickpay/1/acme/_/devices/ev-2', new TextEncoder().encode('{"device":'))
  gateway.send('tickpay/1/acme/_/devices/ev-2', reportOf(known))
  expect(lines.filter((line) => line === 'warn unreadable device report')).toHaveLength(2)
  gateway.send('tickpay/1/acme/_/devices/ev-1', new Uint8Array(0))
  const before = gateway.received.length
  await time.advance(20 * hourMs)
  expect(gateway.received).toHaveLength(before)
})
