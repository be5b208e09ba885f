/**
 * The table of meter drivers.
 * @module
 */
import type { Ports, Serial } from '../../ports/index.ts'
import type { LinkUnit } from '../../protocol/frameMessages.ts'
import { type EastronModel, eastronMeter } from './eastron.ts'
import { firmwareLinkMeter } from './firmwareLink.ts'
import { loadModbus } from './modbusMaster.ts'
import type { DriverOptions, Meter, MeterKind } from './types.ts'

/** Makes a meter of an open line; loads what its protocol needs. */
export type MeterDriver = (serial: Serial, ports: Ports, options: DriverOptions) => Promise<Meter>

export const meterDrivers: Readonly<Record<MeterKind, MeterDriver>> = {
  'firmware-link': async (serial, ports, options) => firmwareLinkMeter(serial, ports, options),
  sdm120: eastronDriver('sdm120'),
  sdm630: eastronDriver('sdm630'),
}

export const meterKinds: readonly MeterKind[] = ['firmware-link', 'sdm120', 'sdm630']

function eastronDriver(model: EastronModel): MeterDriver {
  return async (serial, ports, options) =>
    eastronMeter(model, await loadModbus(), serial, ports, options)
}

/** What a meter of this kind needs when nothing else is configured. */
export type MeterDefaults = DriverOptions & {
  readonly pollMs: number
  readonly baudRate: number
}

/** A Modbus poll is up to four exchanges; at 2,400 baud they take half a second. */
export const meterDefaults: Readonly<Record<MeterKind, MeterDefaults>> = {
  'firmware-link': {
    pollMs: 250,
    timeoutMs: 500,
    unitId: 1,
    relayUnitId: undefined,
    baudRate: 115_200,
  },
  sdm120: { pollMs: 1_000, timeoutMs: 1_000, unitId: 1, relayUnitId: 2, baudRate: 2_400 },
  sdm630: { pollMs: 500, timeoutMs: 500, unitId: 1, relayUnitId: 2, baudRate: 9_600 },
}

/** More than any usual meter supplies: 180 kW, 5 litres a second, 1 Gbit/s. */
export const usualUnitsPerSecondMax: Readonly<Record<LinkUnit, bigint>> = {
  Wh: 50n,
  mL: 5_000n,
  s: 2n,
  kB: 125_000n,
}
