/**
 * A simulated meter and the agent's side of it, joined by a cable in memory on virtual time.
 * @module
 */
import { meterDefaults, usualUnitsPerSecondMax } from '../../agent/meters/drivers.ts'
import { loadModbus } from '../../agent/meters/modbusMaster.ts'
import { defaultReaderRules, type SavedReader } from '../../agent/meters/reader.ts'
import {
  type MeterConfig,
  type MeterEvent,
  type MeterLink,
  type MeterReading,
  startMeter,
} from '../../agent/meters/supervisor.ts'
import { parseMeterSimConfig } from '../../firmware-sim/config.ts'
import { type MeterSim, type OpenLines, startMeterSim } from '../../firmware-sim/simulator.ts'
import type { Disk, Log, Ports, Serial, SerialOpener } from '../../ports/index.ts'
import { type Cable, virtualCable } from './virtualSerial.ts'
import { type VirtualTime, virtualTime } from './virtualTime.ts'

export type Bench = {
  readonly time: VirtualTime
  readonly ports: Ports
  readonly sim: MeterSim
  readonly link: MeterLink
  readonly events: MeterEvent[]
  readonly saved: SavedReader[]
  /** Units of the last reading. */
  readonly units: () => bigint
  readonly readings: () => MeterReading[]
  /** Pulls the cable out; the next opening plugs in a new one. */
  readonly cut: () => void
  /** The adapter hangs: the line stays open and carries nothing, until it is opened again. */
  readonly hang: () => void
  /** While true, opening the source fails. */
  missing: boolean
  /** While true, the disk takes nothing. */
  diskFails: boolean
}

type SimFields = Parameters<typeof parseMeterSimConfig>[0]

/** Ports on `time`, with a random generator that repeats. */
export function virtualPorts(time: VirtualTime, log: Log = () => undefined): Ports {
  let drawn = 0
  const bytes = (length: number) =>
    Uint8Array.from({ length }, () => (drawn = (drawn * 73 + 41) & 0xff))
  return { clock: time.clock, timers: time.timers, random: { bytes }, log }
}

/** Lines and opener of one plug: every opening is a new cable. */
export function virtualPlug(time: Pick<VirtualTime, 'timers'>): {
  readonly openLines: OpenLines
  readonly openSerial: SerialOpener
  readonly cut: () => void
  readonly hang: () => void
} {
  let attend: ((line: Serial) => void) | undefined
  let cable: Cable | undefined
  return {
    openLines: async (source, onLine) => {
      attend = onLine
      const close = async () => {
        attend = undefined
        cable?.cut('unplugged')
      }
      return { where: source, close }
    },
    openSerial: async (source) => {
      if (attend === undefined) throw new Error(`serial port ${source} is not there`)
      cable = virtualCable(time.timers, 1)
      attend(cable.right)
      return cable.left
    },
    cut: () => cable?.cut('unplugged'),
    hang: () => cable?.mute(),
  }
}

/** Starts both sides. A steady load of one unit a second unless `sim` says otherwise. */
export async function meterBench(
  sim: SimFields,
  agent: Partial<MeterConfig> = {},
  saved?: SavedReader,
  disk?: Disk,
): Promise<Bench> {
  // Loading a module takes real time, which virtual time would not wait for.
  await loadModbus()
  const time = virtualTime(1_750_000_000_000)
  const ports = virtualPorts(time)
  const plug = virtualPlug(time)
  const steady = { profile: 'steady', ratePerHour: 3_600, line: 'serial:///dev/meter' }
  const config = parseMeterSimConfig({ ...steady, ...sim })
  const meter = await startMeterSim(config, ports, { openLines: plug.openLines, disk })
  const events: MeterEvent[] = []
  const saves: SavedReader[] = []
  const readings = () => events.filter((event) => event.state === 'reading')
  const bench: Omit<Bench, 'link'> = {
    time,
    ports,
    sim: meter,
    events,
    saved: saves,
    readings,
    units: () => readings().at(-1)?.units ?? -1n,
    cut: plug.cut,
    hang: plug.hang,
    missing: false,
    diskFails: false,
  }
  const link = startMeter(
    {
      ...meterDefaults[config.kind],
      source: 'serial:///dev/meter',
      kind: config.kind,
      rules: { ...defaultReaderRules, unitsPerSecondMax: usualUnitsPerSecondMax.Wh },
      ...agent,
    },
    {
      ports,
      openSerial: (source) => {
        if (bench.missing) return Promise.reject(new Error('serial port /dev/meter is not there'))
        return plug.openSerial(source)
      },
      saved,
      save: async (state) => {
        if (bench.diskFails) throw new Error('EIO: the disk takes nothing')
        saves.push(state)
      },
      onEvent: (event) => events.push(event),
    },
  )
  return Object.assign(bench, { link })
}
