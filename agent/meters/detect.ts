/**
 * Finds out what is connected: tries each kind of meter at its usual rates on each port, and reads
 * one meter once.
 * @module
 */
import type { Ports, Serial, SerialOpener } from '../../ports/index.ts'
import { OperatorError } from '../../ports/operatorError.ts'
import { meterDrivers } from './drivers.ts'
import { readEnergy, readMeterNumber } from './eastron.ts'
import { firmwareLinkMeter } from './firmwareLink.ts'
import { loadModbus, type ModbusMaster } from './modbusMaster.ts'
import { parseSource } from './source.ts'
import type { MeterConfig } from './supervisor.ts'
import type { MeterKind, RawReading } from './types.ts'

export type Finding = {
  /** What to put into the configuration as `source`. */
  readonly source: string
  readonly kind: MeterKind
  readonly register: bigint
  readonly unit: string | undefined
  readonly unitId: number
  /** Whether a relay board answers at the address after the meter's. */
  readonly relayUnitId: number | undefined
  readonly meterNumber: string | undefined
}

export type DetectWorld = {
  readonly ports: Ports
  readonly openSerial: SerialOpener
  /** Told what is tried next, for a person who waits. */
  readonly onProgress: (source: string, kind: string) => void
}

/** Rates at which each kind is found in the field, the usual one first. */
const linkRates = [115_200, 57_600, 9_600]
const eastronRates = [9_600, 2_400, 19_200, 38_400, 4_800, 1_200]
/** A 2,400 baud answer of 13 bytes takes 55 ms, and slow adapters add 16 ms twice. */
const probeTimeoutMs = 300
/** Noise may cost one answer. */
const probeTries = 2
const meterUnitId = 1
const boardUnitId = 2

/**
 * Probes each source: a path of a serial port is tried at all usual rates, a whole source
 * (`serial:///...?baud=`, `tcp://...`) as it is. Ports that cannot be opened are told as problems.
 */
export async function detectMeters(
  places: readonly string[],
  world: DetectWorld,
): Promise<{ readonly findings: readonly Finding[]; readonly problems: readonly string[] }> {
  const findings: Finding[] = []
  const problems: string[] = []
  for (const place of places) {
    const found = await probePlace(place, world, problems)
    if (found !== undefined) findings.push(found)
  }
  return { findings, problems: [...new Set(problems)] }
}

async function probePlace(
  place: string,
  world: DetectWorld,
  problems: string[],
): Promise<Finding | undefined> {
  const probes: readonly [Probe, string, readonly string[]][] = [
    [probeLink, 'firmware link', sourcesOf(place, linkRates)],
    [probeEastron, 'Eastron Modbus', sourcesOf(place, eastronRates)],
  ]
  for (const [probe, name, sources] of probes) {
    for (const source of sources) {
      world.onProgress(source, name)
      const found = await probeSource(source, probe, world, problems)
      if (found === 'unusable') return undefined
      if (found !== undefined) return found
    }
  }
  return undefined
}

function sourcesOf(place: string, rates: readonly number[]): readonly string[] {
  if (place.includes('://')) return [place]
  return rates.map((rate) => `serial://${encodeURI(place)}?baud=${rate}`)
}

type Probe = (serial: Serial, source: string, ports: Ports) => Promise<Finding | undefined>

async function probeSource(
  source: string,
  probe: Probe,
  world: DetectWorld,
  problems: string[],
): Promise<Finding | 'unusable' | undefined> {
  let serial: Serial
  try {
    serial = await world.openSerial(source)
  } catch (error) {
    problems.push(error instanceof Error ? error.message : String(error))
    return 'unusable'
  }
  try {
    return await probe(serial, source, world.ports)
  } finally {
    await serial.close()
  }
}

async function probeLink(
  serial: Serial,
  source: string,
  ports: Ports,
): Promise<Finding | undefined> {
  const options = { timeoutMs: probeTimeoutMs, unitId: meterUnitId, relayUnitId: undefined }
  const meter = firmwareLinkMeter(serial, ports, options)
  for (let tries = 0; tries < probeTries; tries++) {
    const outcome = await meter.poll({ kind: 'query' })
    if (!outcome.ok) continue
    const { register, unit, meterNumber } = outcome.reading
    const none = { unitId: meterUnitId, relayUnitId: undefined }
    return { source, kind: 'firmware-link', register, unit, meterNumber, ...none }
  }
  return undefined
}

async function probeEastron(
  serial: Serial,
  source: string,
  ports: Ports,
): Promise<Finding | undefined> {
  const openModbus = await loadModbus()
  const master = openModbus(serial, ports.timers, probeTimeoutMs)
  for (let tries = 0; tries < probeTries; tries++) {
    const energy = await readEnergy(master, meterUnitId)
    if (!energy.ok) continue
    const kind = await eastronModel(master)
    const number = await readMeterNumber(master, meterUnitId)
    const board = await master.readCoil(boardUnitId, 0)
    return {
      source,
      kind,
      register: energy.value,
      unit: 'Wh',
      unitId: meterUnitId,
      relayUnitId: board.ok ? boardUnitId : undefined,
      meterNumber: number.ok ? number.value : undefined,
    }
  }
  return undefined
}

const meterCodeAddress = 0xfc02
const meterCodes: Readonly<Record<number, MeterKind>> = { 32: 'sdm120', 112: 'sdm630' }
/** Volts of the second phase, which only a three-phase meter has. */
const secondPhaseAddress = 0x0002

async function eastronModel(master: ModbusMaster): Promise<MeterKind> {
  const code = await master.readHolding(meterUnitId, meterCodeAddress, 1)
  const number = code.ok ? new DataView(code.value.buffer).getUint16(0) : undefined
  const known = number === undefined ? undefined : meterCodes[number]
  if (known !== undefined) return known
  const second = await master.readInput(meterUnitId, secondPhaseAddress, 2)
  return second.ok ? 'sdm630' : 'sdm120'
}

/** Reads of one meter before giving up. */
const readTries = 3

/**
 * Reads a meter once and leaves its relay as it is.
 * @throws OperatorError when it cannot be opened or does not answer
 */
export async function readMeterOnce(
  config: Pick<MeterConfig, 'source' | 'kind' | 'timeoutMs' | 'unitId' | 'relayUnitId'>,
  world: Omit<DetectWorld, 'onProgress'>,
): Promise<RawReading> {
  parseSource(config.source)
  const serial = await world.openSerial(config.source)
  try {
    const meter = await meterDrivers[config.kind](serial, world.ports, config)
    for (let tries = 0; tries < readTries; tries++) {
      const outcome = await meter.poll({ kind: 'query' })
      if (outcome.ok) return outcome.reading
    }
  } finally {
    await serial.close()
  }
  throw new OperatorError(
    `the meter at ${config.source} does not answer as ${config.kind}: check its cable, power, ` +
      'address and baud rate; tickpay detect tries all of them',
  )
}
