/**
 * Everything the pages know: devices by name, the sums over them kept as they change, and what
 * happened. Pure; the time is passed in.
 * @module
 */
import type { Asset } from '../../protocol/amount.ts'
import type { AlarmBook } from './alarms.ts'
import { createAlarmBook, noteAlarms } from './alarms.ts'
import type { Findings } from './findings.ts'
import { sweepFindings } from './findings.ts'
import type { DeviceReport, Health } from './reports.ts'
import type { Series } from './series.ts'
import { addPoint, createSeries, ratePerHour } from './series.ts'

export type Sums = {
  readonly paid: bigint
  readonly reserved: bigint
  readonly settled: bigint
  readonly exposure: bigint
  readonly channels: number
}

export type State = 'on' | 'limited' | 'off' | 'offline'

export type Device = {
  readonly name: string
  report: DeviceReport
  sums: Sums
  state: State
  /** Why supply is not `on`; empty when it is. */
  reason: string
  asset: Asset
  /** Units of each kind, most first. */
  units: readonly (readonly [string, bigint])[]
  /** Minor units an hour. */
  spendPerHour: number
  /** Paid, and units of the first channel. */
  readonly series: Series
}

export type Happening = {
  readonly timeSeconds: number
  readonly device: string
  readonly text: string
  readonly isBad: boolean
}

export type Fleet = {
  readonly devices: Map<string, Device>
  readonly health: Map<string, Health>
  /** States that gateways say of themselves. */
  readonly gateways: Map<string, string>
  sums: Sums
  online: number
  /** Minor units an hour, of all devices that are online. */
  spendPerHour: number
  readonly alarms: AlarmBook
  readonly findings: Findings
  /** Devices whose alarms are still to be looked at anew, by the clock. */
  swept: Iterator<Device>
  asset: Asset
  /** Newest first. */
  readonly happenings: Happening[]
  /** Paid and exposure of the whole fleet. */
  series: Series
  /** Rises with every change. */
  revision: number
  /** Rises when a device comes or goes. */
  membership: number
  /** As it was at the last point of `series`. */
  sampledMembership: number
}

const DEVICE_POINTS_MAX = 180
const FLEET_POINTS_MAX = 900
const HAPPENINGS_MAX = 500
/** Reports come every ten seconds by default. */
const RATE_SECONDS = 20
/** Rates are whole multiples of this part, so that a sum kept by differences does not drift. */
const RATE_STEPS = 1_024
/** All of ten thousand devices in twenty seconds. */
const SWEEP_DEVICES = 500
const noSums: Sums = { paid: 0n, reserved: 0n, settled: 0n, exposure: 0n, channels: 0 }

export function createFleet(): Fleet {
  return {
    devices: new Map(),
    health: new Map(),
    gateways: new Map(),
    sums: noSums,
    online: 0,
    spendPerHour: 0,
    alarms: createAlarmBook(),
    findings: new Map(),
    swept: [].values(),
    asset: { code: 'EUR', scale: 2 },
    happenings: [],
    series: createSeries(2),
    revision: 0,
    membership: 0,
    sampledMembership: 0,
  }
}

export function takeReport(fleet: Fleet, report: DeviceReport): void {
  const known = fleet.devices.get(report.device)
  const sums = sumsOf(report)
  const { state, reason } = stateOf(report)
  fleet.sums = exchange(fleet.sums, known?.sums ?? noSums, sums)
  fleet.online += Number(report.isOnline) - Number(known?.report.isOnline ?? false)
  fleet.revision += 1
  const asset = report.channels[0]?.asset ?? known?.asset ?? fleet.asset
  fleet.asset = asset
  const device = known ?? newDevice(report, asset)
  if (!known) {
    fleet.devices.set(report.device, device)
    fleet.membership += 1
  } else if (known.state !== state || known.reason !== reason) {
    note(fleet, {
      timeSeconds: report.timeSeconds,
      device: report.device,
      text: describe(state, reason),
      isBad: state === 'off' || state === 'offline',
    })
  }
  Object.assign(device, { report, sums, state, reason, asset, units: unitsOf(report) })
  const figures = [Number(sums.paid), Number(report.channels[0]?.units ?? 0n)]
  addPoint(device.series, report.timeSeconds, figures, DEVICE_POINTS_MAX)
  const rate = report.isOnline ? ratePerHour(device.series, 0, RATE_SECONDS) : 0
  const before = device.spendPerHour
  device.spendPerHour = Math.round(rate * RATE_STEPS) / RATE_STEPS
  const steps = (device.spendPerHour - before) * RATE_STEPS
  fleet.spendPerHour =
    (Math.round(fleet.spendPerHour * RATE_STEPS) + Math.round(steps)) / RATE_STEPS
  noteAlarms(fleet.alarms, device, report.timeSeconds)
}

function newDevice(report: DeviceReport, asset: Asset): Device {
  return {
    name: report.device,
    report,
    sums: noSums,
    state: 'offline',
    reason: '',
    asset,
    units: [],
    spendPerHour: 0,
    series: createSeries(2),
  }
}

export function takeHealth(fleet: Fleet, health: Health): void {
  fleet.health.set(health.gateway, health)
  fleet.revision += 1
}

export function takeGatewayState(fleet: Fleet, gateway: string, state: string, nowSeconds: number) {
  const before = fleet.gateways.get(gateway)
  fleet.gateways.set(gateway, state)
  fleet.revision += 1
  if (before === undefined || before === state) return
  const text = `gateway is ${state}`
  note(fleet, { timeSeconds: nowSeconds, device: gateway, text, isBad: state !== 'online' })
}

/** Remembers something that happened. */
export function note(fleet: Fleet, happening: Happening): void {
  fleet.happenings.unshift(happening)
  if (fleet.happenings.length > HAPPENINGS_MAX) fleet.happenings.pop()
  fleet.revision += 1
}

/** A point for the plots of the whole fleet. */
export function samplePoint(fleet: Fleet, nowSeconds: number): void {
  const { paid, exposure } = fleet.sums
  // What a device owed before it was heard of here did not flow now.
  if (fleet.sampledMembership !== fleet.membership) fleet.series = createSeries(2)
  fleet.sampledMembership = fleet.membership
  if (fleet.devices.size === 0) return
  addPoint(fleet.series, nowSeconds, [Number(paid), Number(exposure)], FLEET_POINTS_MAX)
  fleet.revision += 1
}

/** Looks at some devices anew whose alarms come with time alone, such as a mandate that ends. */
export function sweepAlarms(fleet: Fleet, nowSeconds: number): void {
  sweepFindings(fleet, nowSeconds)
  for (let looked = 0; looked < SWEEP_DEVICES; looked++) {
    const next = fleet.swept.next()
    if (next.done) {
      fleet.swept = fleet.devices.values()
      return
    }
    if (noteAlarms(fleet.alarms, next.value, nowSeconds)) fleet.revision += 1
  }
}

function sumsOf(report: DeviceReport): Sums {
  return report.channels.reduce<Sums>(
    (sum, { paid, reserved, settled, exposure }) => ({
      paid: sum.paid + paid,
      reserved: sum.reserved + reserved,
      settled: sum.settled + settled,
      exposure: sum.exposure + exposure,
      channels: sum.channels + 1,
    }),
    noSums,
  )
}

function exchange(total: Sums, before: Sums, after: Sums): Sums {
  return {
    paid: total.paid - before.paid + after.paid,
    reserved: total.reserved - before.reserved + after.reserved,
    settled: total.settled - before.settled + after.settled,
    exposure: total.exposure - before.exposure + after.exposure,
    channels: total.channels - before.channels + after.channels,
  }
}

/** The worst of its open channels speaks for a device. */
function stateOf(report: DeviceReport): { readonly state: State; readonly reason: string } {
  if (!report.isOnline) return { state: 'offline', reason: '' }
  const open = report.channels.filter(({ isClosed }) => !isClosed)
  for (const level of ['off', 'limited'] as const) {
    const found = open.find(({ supply }) => supply === level)
    if (found) return { state: level, reason: found.reason }
  }
  return { state: 'on', reason: '' }
}

function describe(state: State, reason: string): string {
  if (state === 'offline') return 'went offline'
  if (state === 'on') return 'supply is on'
  return `supply is ${state}: ${reason.replaceAll('_', ' ')}`
}

function unitsOf(report: DeviceReport): Device['units'] {
  const sums = new Map<string, bigint>()
  for (const { unit, units } of report.channels) sums.set(unit, (sums.get(unit) ?? 0n) + units)
  return [...sums]
}
