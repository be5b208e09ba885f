/**
 * Driver of Eastron SDM120 and SDM630 meters with a relay board as second unit on the bus.
 *
 * The energy register is float32 kWh. Rounded to Wh it is exact up to 16,384 kWh; beyond, the
 * meter itself moves in steps of 2, 4, ... Wh. It still never goes back, so what the payer counts
 * only becomes coarser, by less than a tick.
 *
 * While the driver runs, the only function-4 replies of four registers are those of energy, so
 * that an answer that arrives after its time-out can be taken for nothing but an older energy.
 *
 * A Modbus meter cannot open a relay at a register. The order is kept by the poll: read, then
 * close or open the coil. Only a successful read lets the coil stay closed, and only a poll feeds
 * the board's watchdog, so a dead agent, a dead meter and a cut line all open the relay.
 * @module
 */
import type { Ports, Serial } from '../../ports/index.ts'
import { hostSilenceMs } from '../../protocol/frameMessages.ts'
import type { ModbusAnswer, ModbusMaster, OpenModbus } from './modbusMaster.ts'
import type { DriverOptions, Meter, MeterKind, PollOutcome, SupplyOrder } from './types.ts'

export type EastronModel = Exclude<MeterKind, 'firmware-link'>

/** Import and export kWh: two floats in one read. */
const energyAddress = 0x0048
const energyRegisters = 4
const serialNumberAddress = 0xfc00
/** Total power: the only phase of an SDM120, the sum of three of an SDM630. */
const powerAddress = { sdm120: 0x000c, sdm630: 0x0034 } as const
/** Less is the meter's own noise. */
const flowingWatts = 10

const relayCoil = 0
/** Holding register of the board: its watchdog in tenths of a second. */
const watchdogRegister = 0
const watchdogSteps = hostSilenceMs / 100

/** What no Eastron meter tells. */
const toldByNone = {
  modulus: undefined,
  bootId: undefined,
  uptimeMs: undefined,
  unit: 'Wh',
  faults: [],
} as const

/** Takes over an open line. */
export function eastronMeter(
  model: EastronModel,
  openModbus: OpenModbus,
  serial: Serial,
  ports: Ports,
  options: DriverOptions,
): Meter {
  const master = openModbus(serial, ports.timers, options.timeoutMs)
  const { unitId, relayUnitId } = options
  let meterNumber: string | undefined
  let asked = false
  let watchdogSet = false
  let maybeClosed = true

  /** Whether supply can flow after the order was given. */
  const obey = async (order: SupplyOrder, register: bigint): Promise<ModbusAnswer<boolean>> => {
    if (relayUnitId === undefined) return { ok: true, value: true }
    if (order.kind === 'query') return readRelay(master, relayUnitId)
    if (!watchdogSet) {
      const set = await master.writeRegister(relayUnitId, watchdogRegister, watchdogSteps)
      if (!set.ok) return set
    }
    const closed = order.kind === 'on_until' && register < order.register
    const written = await master.writeCoil(relayUnitId, relayCoil, closed)
    // A board that missed a command may have started anew.
    watchdogSet = written.ok
    return written.ok ? { ok: true, value: closed } : written
  }

  const askNumber = async () => {
    if (asked) return
    const number = await readMeterNumber(master, unitId)
    meterNumber = number.ok ? number.value : undefined
    asked = number.ok || number.reason === 'refused'
  }

  /** The register as it is with the relay as it is: what flowed until it opened counts. */
  const exchange = async (order: SupplyOrder) => {
    const before = await readEnergy(master, unitId)
    if (!before.ok) return before
    const relay = await obey(order, before.value)
    if (!relay.ok) return relay
    const opened = maybeClosed && !relay.value
    const energy = opened ? await readEnergy(master, unitId) : before
    if (!energy.ok) return energy
    maybeClosed = relay.value
    return { ok: true, register: energy.value, relayClosed: relay.value } as const
  }

  const poll = async (order: SupplyOrder): Promise<PollOutcome> => {
    const exchanged = await exchange(order)
    if (!exchanged.ok) return exchanged
    const { register, relayClosed } = exchanged
    const watts = await readFloat(master, unitId, powerAddress[model])
    await askNumber()
    const flowing = watts.ok ? watts.value >= flowingWatts : undefined
    const reading = { register, meterNumber, relayClosed, flowing }
    return { ok: true, reading: { ...toldByNone, ...reading } }
  }
  return { poll, close: () => serial.close() }
}

async function readRelay(
  master: ModbusMaster,
  relayUnitId: number,
): Promise<ModbusAnswer<boolean>> {
  const coils = await master.readCoil(relayUnitId, relayCoil)
  return coils.ok ? { ok: true, value: ((coils.value[0] ?? 0) & 1) === 1 } : coils
}

/** Imported energy in Wh. */
export async function readEnergy(
  master: ModbusMaster,
  unitId: number,
): Promise<ModbusAnswer<bigint>> {
  const answer = await master.readInput(unitId, energyAddress, energyRegisters)
  if (!answer.ok) return answer
  return wattHours(floatOf(answer.value))
}

function wattHours(kilowattHours: number): ModbusAnswer<bigint> {
  const valid = Number.isFinite(kilowattHours) && kilowattHours >= 0 && kilowattHours < 1e9
  if (!valid) return { ok: false, reason: 'bad_answer' }
  return { ok: true, value: BigInt(Math.round(kilowattHours * 1000)) }
}

async function readFloat(
  master: ModbusMaster,
  unitId: number,
  address: number,
): Promise<ModbusAnswer<number>> {
  const answer = await master.readInput(unitId, address, 2)
  return answer.ok ? { ok: true, value: floatOf(answer.value) } : answer
}

/** The number printed on the meter; `refused` where a model does not tell. */
export async function readMeterNumber(
  master: ModbusMaster,
  unitId: number,
): Promise<ModbusAnswer<string>> {
  const answer = await master.readHolding(unitId, serialNumberAddress, 2)
  if (!answer.ok) return answer
  return { ok: true, value: String(new DataView(answer.value.buffer).getUint32(0)) }
}

function floatOf(bytes: Uint8Array): number {
  return new DataView(bytes.buffer, bytes.byteOffset).getFloat32(0)
}
