/** How many devices and meters are watched, what of them is kept, and what stands in the log. */
import { describe, expect, test } from 'vitest'
import { allLimits, createWatches, limitsOf } from '../../../../gateway/fraud/deviceWatch.ts'
import {
  createFindingLog,
  FINDINGS_LOGGED_PER_MINUTE,
} from '../../../../gateway/fraud/findingLog.ts'
import { noSigns } from '../../../../gateway/fraud/observation.ts'
import type { ToldFinding } from '../../../../gateway/fraud/watch.ts'

const bounds = { devices: 3, meters: 5, baselines: 2 }
const price = { unitsPerTick: 1, pricePerTick: 30 }
const HOUR_SECONDS = 3_600

function observation(channels: readonly number[], atSeconds: number) {
  const meters = channels.map((channel) => ({
    ...{ channel, unit: 'Wh', epoch: 1, index: atSeconds, paidReading: 1 + atSeconds },
    ...{ register: undefined, price, creditTicks: 16, tariff: undefined, provider: undefined },
  }))
  return { atSeconds, online: true, cloneSuspected: false, signs: noSigns(), meters }
}

describe('the watch', () => {
  test('sees so many meters and counts those beyond; rows that come free are used', () => {
    const watches = createWatches(allLimits(), bounds)
    const [one, other] = [watches.begin(), watches.begin()]
    expect(watches.metersOf(one, [10, 11, 12])).toHaveLength(3)
    expect(watches.metersOf(other, [20, 21, 22, 23])).toHaveLength(2)
    expect(watches.use()).toMatchObject({ devices: 2, meters: 5, metersBeyond: 2 })
    watches.metersOf(other, [20, 21, 22, 23])
    expect(watches.use().metersBeyond).toBe(2)
    watches.end(one)
    expect(watches.use()).toMatchObject({ devices: 1, meters: 2, metersBeyond: 2 })
    expect(watches.metersOf(other, [20, 21, 22, 23])).toHaveLength(4)
    watches.end(other)
    expect(watches.use()).toMatchObject({ devices: 0, meters: 0, metersBeyond: 0 })
  })

  test('learns what is usual for so many, from their first whole hour on', () => {
    const watches = createWatches(allLimits(), bounds)
    const device = watches.begin()
    const channels = [1, 2, 3]
    const look = (hour: number) => {
      const seen = observation(channels, hour * HOUR_SECONDS)
      watches.look(device, seen, watches.metersOf(device, channels))
      return watches.use().baselines
    }
    expect([look(100), look(101), look(102)]).toEqual([0, 2, 2])
    watches.end(device)
    expect(watches.use().baselines).toBe(0)
  })

  test('keeps nothing of what is usual where no rule asks for it', () => {
    const watches = createWatches({ velocity: limitsOf('velocity') }, bounds)
    expect(watches.use().bytes.baselines).toBe(0)
  })

  test('costs as few bytes as docs/fraud.md says', () => {
    const { devices, meters, baselines } = createWatches(allLimits(), bounds).use().bytes
    expect(devices).toBeLessThanOrEqual(320)
    expect(meters).toBeLessThanOrEqual(384)
    expect(baselines).toBeLessThanOrEqual(800)
  })
})

test('thousands of findings are a few lines in the log, and one with their number a minute', () => {
  const lines: string[] = []
  let ends: (() => void) | undefined
  const log = createFindingLog({
    timers: {
      after: (_, act) => {
        ends = act
        return () => {}
      },
    },
    log: (_, text, fields) => lines.push(`${text} ${JSON.stringify(fields)}`),
  })
  const finding = (rule: ToldFinding['rule']): ToldFinding => {
    return {
      fleet: 'acme',
      device: 'ev-1',
      rule,
      words: 'so',
      action: 'notify',
      kind: 'new',
      atSeconds: 5,
    }
  }
  for (let i = 0; i < 1_000; i++) log.add(finding('gaps'))
  log.add(finding('velocity'))
  expect(lines).toHaveLength(FINDINGS_LOGGED_PER_MINUTE)
  ends?.()
  expect(lines.at(-1)).toContain('"count":996,"rules":"gaps 995, velocity 1"')
  ends?.()
  expect(lines).toHaveLength(FINDINGS_LOGGED_PER_MINUTE + 1)
  log.add(finding('gaps'))
  expect(lines).toHaveLength(FINDINGS_LOGGED_PER_MINUTE + 2)
})
