/**
 * Makes an observation of a device from what the gateway holds: columns of its channels, and what
 * its session knows. It is lent until the next one is made, so that a look leaves nothing behind.
 * @module
 */
import { CHANNELS_PER_DEVICE_MAX } from '../../protocol/limits.ts'
import type { Core } from '../core.ts'
import type { Session } from '../intake/session.ts'
import { wholeAt } from '../state/hotChannels.ts'
import type { FraudConfig } from './config.ts'
import type { Watches } from './deviceWatch.ts'
import {
  type DeviceObservation,
  type MeterObservation,
  noSigns,
  type ProviderReading,
} from './observation.ts'
import { at, put } from './rows.ts'

export type ProviderReadings = ReadonlyMap<string, ProviderReading>

export function providerKey(fleet: string, device: string, meter: string): string {
  return `${fleet}/${device}/${meter}`
}

type Lent<T> = { -readonly [Name in keyof T]: T[Name] }
type LentMeter = Lent<Omit<MeterObservation, 'price'>> & {
  readonly price: Lent<MeterObservation['price']>
}
type Tariff = MeterObservation['tariff']

/** What was observed, and the rows of the meters in it. */
export type Observed = { readonly seen: DeviceObservation; readonly rows: readonly number[] }
/** Looks at `fleet/device`, whose row is `device`. */
export type Observe = (name: string, device: number) => Observed

export function createObserver(
  core: Core,
  watches: Watches,
  { providerMeters }: Pick<FraudConfig, 'providerMeters'>,
  readings: ProviderReadings,
): Observe {
  const rowsOf = createRowsOf(core, watches)
  const about = createMeterFacts(core, watches, providerMeters)
  const tariffOf = createTariffs(core)
  const lent = Array.from({ length: CHANNELS_PER_DEVICE_MAX }, noMeter)
  const meters: LentMeter[] = []
  const seen = {
    ...{ atSeconds: 0, online: false, cloneSuspected: false },
    signs: noSigns(),
    meters,
  }
  return (name, device) => {
    const session = core.sessions.get(name)
    const rows = rowsOf(name, device, session)
    const atSeconds = core.writer.seconds()
    seen.atSeconds = atSeconds
    seen.online = session !== undefined
    seen.cloneSuspected = session?.identified === 'by_login' && session.cloneSuspected.size > 0
    seen.signs = core.signs.of(name)
    meters.length = 0
    for (const [slot, row] of rows.entries()) {
      const meter = lent[slot] ?? noMeter()
      const unit = about.unitOf(name, row)
      observeMeter(core, watches.channelOf(row), session?.registers.get(slot), meter)
      meter.unit = unit
      meter.tariff = tariffOf(unit, atSeconds)
      const key = about.providerOf(row)
      meter.provider = key === undefined ? undefined : readings.get(key)
      meters.push(meter)
    }
    return { seen, rows }
  }
}

/** As long as no session says otherwise its channels are those of the last one. */
function createRowsOf(core: Core, watches: Watches) {
  const known = watches.devices.column(0)
  return (name: string, device: number, session: Session | undefined): readonly number[] => {
    if (session?.greeted) {
      put(known, device, 1)
      return watches.metersOf(device, session.channels)
    }
    if (at(known, device) === 1) return watches.lastMetersOf(device)
    put(known, device, 1)
    const [fleet = '', id = ''] = name.split('/')
    return watches.metersOf(device, core.state.cold.device(fleet, id)?.channels ?? [])
  }
}

/** What of a meter never changes, so that a look at it reads no database. */
function createMeterFacts(
  { state }: Core,
  { meters, channelOf }: Watches,
  listed: FraudConfig['providerMeters'],
) {
  const attached = new Set(listed.map((one) => providerKey(one.fleet, one.device, one.meter)))
  const units: string[] = []
  const unitNumbers = meters.column(-1)
  const keys = new Map<number, string>()
  meters.onForget((row) => {
    keys.delete(row)
  })
  const learn = (name: string, row: number) => {
    const { unit, channel } = state.cold.channel(channelOf(row))
    if (!units.includes(unit)) units.push(unit)
    put(unitNumbers, row, units.indexOf(unit))
    const key = `${name}/${channel.meter}`
    if (attached.has(key)) keys.set(row, key)
  }
  return {
    unitOf: (name: string, row: number): string => {
      if (at(unitNumbers, row) < 0) learn(name, row)
      return units[at(unitNumbers, row)] ?? ''
    },
    providerOf: (row: number) => keys.get(row),
  }
}

/** What is in force, looked up once a second for each unit. */
function createTariffs({ tariffs }: Core) {
  const known = new Map<string, { readonly atSeconds: number; readonly tariff: Tariff }>()
  return (unit: string, atSeconds: number): Tariff => {
    const last = known.get(unit)
    if (last?.atSeconds === atSeconds) return last.tariff
    const found = tariffs.inForce(unit, atSeconds)
    const tariff = found && {
      unitsPerTick: Number(found.unitsPerTick),
      pricePerTick: Number(found.pricePerTick),
      validFrom: found.validFrom,
    }
    known.set(unit, { atSeconds, tariff })
    return tariff
  }
}

function observeMeter(
  { state }: Core,
  channel: number,
  register: bigint | undefined,
  meter: LentMeter,
): void {
  const { columns, columns32 } = state.hot
  const unitsPerTick = wholeAt(columns32.unitsPerTick, channel)
  const index = columns.index[channel] ?? 0
  meter.channel = channel
  meter.epoch = columns.epoch[channel] ?? 0
  meter.index = index
  meter.paidReading = wholeAt(columns32.startReading, channel) + index * unitsPerTick
  meter.register = register === undefined ? undefined : Number(register)
  meter.price.unitsPerTick = unitsPerTick
  meter.price.pricePerTick = wholeAt(columns32.pricePerTick, channel)
  meter.creditTicks = columns.creditTicks[channel] ?? 0
}

function noMeter(): LentMeter {
  return {
    channel: 0,
    unit: '',
    epoch: 0,
    index: 0,
    paidReading: 0,
    register: undefined,
    price: { unitsPerTick: 0, pricePerTick: 0 },
    creditTicks: 0,
    tariff: undefined,
    provider: undefined,
  }
}
