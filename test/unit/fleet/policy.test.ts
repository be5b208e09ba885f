import { expect, test } from 'vitest'
import { minorUnits, readAmountText } from '../../../fleet/amountText.ts'
import { decide, type Policy } from '../../../fleet/policy.ts'
import { type ChannelReport, readDeviceReport } from '../../../fleet/reports.ts'
import { present } from '../../../protocol/assert.ts'
import { fakeChannel, reportOf } from '../../support/fleetGateway.ts'

const euro = { code: 'EUR', scale: 6 }
const day = 86_400
const now = 1_800_000_000

function amountText(text: string) {
  return present(readAmountText(text), text)
}

const allowance = { limit: amountText('50EUR'), limitPerDay: amountText('5EUR') }
const policy: Policy = {
  default: allowance,
  devices: new Map([['forbidden', undefined]]),
  lifeSeconds: day,
}

function channel(changes: Partial<ChannelReport> = {}): ChannelReport {
  const report = present(readDeviceReport(reportOf(fakeChannel('ev-1'))), 'report')
  return { ...present(report.channels[0], 'channel'), ...changes }
}

function mandate(changes: Partial<NonNullable<ChannelReport['mandate']>> = {}) {
  const limits = { limit: 50_000_000n, limitPerDay: 5_000_000n }
  return { sequence: 4, ...limits, expiry: now + day, claimUntil: now + 8 * day, ...changes }
}

test('amounts are minor units, or decimals with the code of the asset', () => {
  const minor = (text: string) => minorUnits(amountText(text), euro)
  expect(minor('50EUR')).toBe(50_000_000n)
  expect(minor('0.25 EUR')).toBe(250_000n)
  expect(minor('0.000001EUR')).toBe(1n)
  expect(minor('1200')).toBe(1_200n)
  expect(minor('0.0000001EUR')).toBeUndefined()
  expect(minor('50CHF')).toBeUndefined()
  expect(minor('18446744073709551615')).toBe((1n << 64n) - 1n)
  expect(minor('18446744073709551616')).toBeUndefined()
  expect(minor('18446744073710EUR')).toBeUndefined()
  for (const text of ['', '1.5', '-1EUR', '1e3', '1,5EUR', 'EUR', '0x10', '1.EUR', '1 000EUR']) {
    expect(readAmountText(text), text).toBeUndefined()
  }
})

test('a channel without a mandate gets its first, for what was accepted and the headroom', () => {
  const decision = decide(policy, channel({ paid: 7n }), undefined, now)
  expect(decision).toMatchObject({
    kind: 'sign',
    mandate: {
      sequence: 1,
      limit: 50_000_007n,
      limitPerDay: 5_000_000n,
      expiry: now + day,
      claimUntil: now + 8 * day,
    },
  })
})

test('a mandate is renewed at half of its life, not before', () => {
  const early = channel({ mandate: mandate({ expiry: now + day / 2 + 1 }) })
  expect(decide(policy, early, undefined, now)).toEqual({ kind: 'nothing_due' })
  const late = channel({ mandate: mandate({ expiry: now + day / 2 }) })
  expect(decide(policy, late, undefined, now)).toMatchObject({ mandate: { sequence: 5 } })
})

test('what was signed a moment ago counts before the report shows it', () => {
  const old = channel({ mandate: mandate({ expiry: now + 10 }) })
  const first = decide(policy, old, undefined, now)
  if (first.kind !== 'sign') throw new Error(first.kind)
  expect(decide(policy, old, first.mandate, now)).toEqual({ kind: 'nothing_due' })
  const half = now + day / 2
  expect(decide(policy, old, first.mandate, half)).toMatchObject({ mandate: { sequence: 6 } })
})

test('a stricter policy acts at once, a spent limit waits for the renewal', () => {
  const generous = channel({ mandate: mandate({ limit: 50_000_001n }) })
  expect(decide(policy, generous, undefined, now)).toMatchObject({
    mandate: { limit: 50_000_000n },
  })
  const daily = channel({ mandate: mandate({ limitPerDay: 4_000_000n }) })
  expect(decide(policy, daily, undefined, now).kind).toBe('sign')
  const spent = channel({ paid: 50_000_000n, mandate: mandate() })
  expect(decide(policy, spent, undefined, now)).toEqual({ kind: 'nothing_due' })
})

test('nothing is signed for closed channels, forbidden devices and other assets', () => {
  expect(decide(policy, channel({ state: 'closed' }), undefined, now).kind).toBe('closed')
  expect(decide(policy, channel({ device: 'forbidden' }), undefined, now).kind).toBe('not_allowed')
  const closed = { ...policy, default: undefined }
  expect(decide(closed, channel(), undefined, now).kind).toBe('not_allowed')
  const francs = channel({ asset: { code: 'CHF', scale: 2 } })
  expect(decide(policy, francs, undefined, now).kind).toBe('wrong_asset')
})

test('the limit stops at the largest amount there is', () => {
  const largest = (1n << 64n) - 1n
  const full = decide(policy, channel({ paid: largest - 1n }), undefined, now)
  expect(full).toMatchObject({ mandate: { limit: largest } })
})

test('a report that is not exactly one is no report', () => {
  const text = new TextDecoder().decode(reportOf(fakeChannel('ev-1')))
  const bytes = (changed: string) => new TextEncoder().encode(changed)
  expect(readDeviceReport(bytes(text))).toBeDefined()
  expect(readDeviceReport(bytes(text.slice(1)))).toBeUndefined()
  expect(readDeviceReport(bytes(text.replace('"paid":"0"', '"paid":0')))).toBeUndefined()
  expect(readDeviceReport(bytes(text.replace('"paid":"0"', '"paid":"-1"')))).toBeUndefined()
  expect(readDeviceReport(bytes(text.replace('"supply":"on"', '"supply":"yes"')))).toBeUndefined()
  expect(readDeviceReport(bytes(text.replace('"slot":0', '"slot":1e300')))).toBeUndefined()
})
