/** What the dashboard keeps of ten thousand devices: sums, alarms and rates, as reports come. */
import { describe, expect, test } from 'vitest'
import { ALARMS_MAX, worstAlarms } from '../../../dashboard/model/alarms.ts'
import { takeFinding } from '../../../dashboard/model/findings.ts'
import type { Fleet } from '../../../dashboard/model/fleet.ts'
import { createFleet, sweepAlarms, takeReport } from '../../../dashboard/model/fleet.ts'
import {
  addHeard,
  createBacklog,
  isEmpty,
  readHeard,
  takeHeard,
} from '../../../dashboard/model/heard.ts'
import type { Channel, DeviceReport } from '../../../dashboard/model/reports.ts'
import { seededRandom } from '../../support/virtualGateway.ts'

const START_SECONDS = 1_800_000_000

function channel(change: Partial<Channel> = {}): Channel {
  return {
    slot: 0,
    channelId: 'ab',
    meter: 'main',
    unit: 'Wh',
    asset: { code: 'EUR', scale: 6 },
    epoch: 1,
    index: 5,
    units: 50n,
    register: 50n,
    paid: 1_500n,
    reserved: 4_800n,
    settled: 500n,
    exposure: 1_000n,
    supply: 'on',
    reason: 'ok',
    limit: 1_000_000n,
    mandateExpiry: START_SECONDS + 80_000,
    isClosed: false,
    ...change,
  }
}

function report(device: string, change: Partial<Channel> = {}, after = 0): DeviceReport {
  const timeSeconds = START_SECONDS + after
  return { device, isOnline: true, timeSeconds, channels: [channel(change)] }
}

const off = { supply: 'off', reason: 'not_paying' }
const texts = (fleet: Fleet) => worstAlarms(fleet).shown.map(({ text }) => text)

describe('sums', () => {
  test('after any reports are those over the newest of each device', () => {
    const fleet = createFleet()
    const random = seededRandom(3)
    const newest = new Map<string, DeviceReport>()
    for (let step = 0; step < 2_000; step++) {
      const [a = 0, b = 0, c = 0] = random.bytes(3)
      const paid = BigInt(step * 1_000 + b)
      const one = {
        ...report(`ev-${a % 40}`, { paid, exposure: BigInt(c) }, step),
        isOnline: c > 60,
      }
      newest.set(one.device, one)
      takeReport(fleet, one)
    }
    const all = [...newest.values()].flatMap(({ channels }) => channels)
    const sum = (name: 'paid' | 'reserved' | 'settled' | 'exposure') =>
      all.reduce((total, one) => total + one[name], 0n)
    expect(fleet.sums).toEqual({
      paid: sum('paid'),
      reserved: sum('reserved'),
      settled: sum('settled'),
      exposure: sum('exposure'),
      channels: all.length,
    })
    expect(fleet.online).toBe([...newest.values()].filter(({ isOnline }) => isOnline).length)
    const rates = [...fleet.devices.values()].map(({ spendPerHour }) => spendPerHour)
    expect(fleet.spendPerHour).toBe(rates.reduce((total, one) => total + one, 0))
    expect(fleet.spendPerHour).toBeGreaterThan(0)
  })
})

describe('alarms', () => {
  test('come and go with what devices report, the worst first', () => {
    const fleet = createFleet()
    takeReport(fleet, report('ev-1', { paid: 950_000n }))
    takeReport(fleet, report('ev-2', off))
    expect(texts(fleet)).toEqual([
      'ev-2: supply is off, not paying',
      'ev-1 has used 95 % of its limit at main',
    ])
    takeReport(fleet, report('ev-2', {}, 1))
    takeReport(fleet, report('ev-1', off, 1))
    expect(texts(fleet)).toEqual(['ev-1: supply is off, not paying'])
    expect(worstAlarms(fleet).count).toBe(1)
    takeReport(fleet, report('ev-1', {}, 2))
    expect(worstAlarms(fleet)).toEqual({ shown: [], count: 0 })
  })

  test('are counted in all and shown up to a limit', () => {
    const fleet = createFleet()
    for (let at = 0; at < 3 * ALARMS_MAX; at++) takeReport(fleet, report(`ev-${at}`, off))
    const { shown, count } = worstAlarms(fleet)
    expect(count).toBe(3 * ALARMS_MAX)
    expect(shown).toHaveLength(ALARMS_MAX)
  })

  test('of the watch stand above those of devices, until it lets go or says no more', () => {
    const fleet = createFleet()
    takeReport(fleet, report('ev-2', off))
    const hear = (fields: object) => {
      const text = JSON.stringify({ timeSeconds: START_SECONDS, ...fields })
      const heard = readHeard('tickpay/1/acme/_/event', text)
      if (heard?.kind === 'event') takeFinding(fleet, heard.event, START_SECONDS)
    }
    const found = { event: 'fraud_found', rule: 'velocity', action: 'notify' }
    hear({ ...found, device: 'ev-1', words: 'too fast' })
    hear({ ...found, device: '@bob', words: '10 logins were refused' })
    hear({ event: 'fraud_held', device: 'ev-2', action: 'stop', by: 'gaps', words: 'lumps' })
    expect(worstAlarms(fleet).count).toBe(4)
    expect(texts(fleet)).toEqual([
      'ev-2: lumps (stop)',
      'ev-1: too fast',
      '@bob: 10 logins were refused',
      'ev-2: supply is off, not paying',
    ])
    expect(worstAlarms(fleet).shown.map(({ device }) => device)).toContain(undefined)
    sweepAlarms(fleet, START_SECONDS + 4_000)
    expect(texts(fleet)).toEqual(['ev-2: lumps (stop)', 'ev-2: supply is off, not paying'])
    hear({ event: 'fraud_released', device: 'ev-2', action: 'stop', by: 'operator' })
    expect(texts(fleet)).toEqual(['ev-2: supply is off, not paying'])
  })

  test('that the clock alone brings are found without a report', () => {
    const fleet = createFleet()
    for (let at = 0; at < 1_200; at++) takeReport(fleet, report(`ev-${at}`))
    // The first looks begin a round; each takes some of the devices.
    for (let look = 0; look < 5; look++) sweepAlarms(fleet, START_SECONDS + 80_000 - 60)
    expect(worstAlarms(fleet).count).toBe(1_200)
    expect(texts(fleet)[0]).toBe('ev-0: its mandate ends within the hour')
  })
})

describe('what waits for the page', () => {
  const heard = (device: string, after: number) =>
    ({ kind: 'report', report: report(device, {}, after) }) as const

  test('is the newest report of each device, in batches, and every event', () => {
    const backlog = createBacklog()
    for (let at = 0; at < 50; at++) addHeard(backlog, heard(`ev-${at % 10}`, at))
    addHeard(backlog, { kind: 'gateway', gateway: 'gw-1', state: 'online' })
    const first = takeHeard(backlog, 6)
    const second = takeHeard(backlog, 6)
    expect([first.length, second.length, isEmpty(backlog)]).toEqual([7, 4, true])
    const times = [...first, ...second].flatMap((one) =>
      one.kind === 'report' ? [one.report.timeSeconds - START_SECONDS] : [],
    )
    expect(times).toEqual([40, 41, 42, 43, 44, 45, 46, 47, 48, 49])
  })
})
