/**
 * The registers of an Eastron SDM120 (one phase) and SDM630 (three phases): measured values are
 * float32, big-endian, two registers each, read with function 4; settings with function 3.
 * @module
 */
import { concatBytes } from '../protocol/bytes.ts'
import { rateNow } from './load.ts'
import { type MeterState, register } from './meter.ts'
import {
  addressAndCount,
  illegalAddress,
  illegalFunction,
  illegalValue,
  type ModbusRequest,
  modbusException,
  modbusReply,
} from './modbus.ts'

export type EastronModel = 'sdm120' | 'sdm630'

/** The display ends at 99,999.999 kWh, and so does the register. */
export const eastronModulus = 100_000_000n

/** Registers in one request; the manuals allow 80. */
const registersMax = 80
const volts = 230

type Floats = ReadonlyMap<number, number>

/** Answers a request to the meter; reading changes nothing. */
export function answerEastron(
  model: EastronModel,
  state: MeterState,
  request: ModbusRequest,
): Uint8Array {
  if (request.functionCode === 4) return readFloats(request, measured(model, state))
  if (request.functionCode === 3) return readSettings(model, state, request)
  return modbusException(request, illegalFunction)
}

function readFloats(request: ModbusRequest, floats: Floats): Uint8Array {
  const [address, count] = addressAndCount(request)
  if (count < 1 || count > registersMax || count % 2 === 1) {
    return modbusException(request, illegalValue)
  }
  if (!floats.has(address)) return modbusException(request, illegalAddress)
  const out = new Uint8Array(1 + 2 * count)
  const view = new DataView(out.buffer)
  view.setUint8(0, 2 * count)
  for (let i = 0; i < count; i += 2) view.setFloat32(1 + 2 * i, floats.get(address + i) ?? 0)
  return modbusReply(request.unitId, request.functionCode, out)
}

/** Input registers; what flows is shared evenly by the phases. */
function measured(model: EastronModel, state: MeterState): Floats {
  const importKwh = Number(register(state)) / 1000
  const watts = state.relay.closed ? rateNow(state.load) : 0
  const energy: [number, number][] = [
    [0x0046, 50],
    [0x0048, importKwh],
    [0x004a, 0],
    [0x004c, 0],
    [0x004e, 0],
    [0x0156, importKwh],
    [0x0158, 0],
  ]
  const phases = model === 'sdm120' ? 1 : 3
  const each: [number, number][] = []
  for (let phase = 0; phase < phases; phase++) {
    each.push([2 * phase, volts], [6 + 2 * phase, watts / phases / volts])
    each.push([0x0c + 2 * phase, watts / phases], [0x12 + 2 * phase, watts / phases])
    each.push([0x1e + 2 * phase, 1])
  }
  const total: [number, number][] = [
    [0x0030, watts / volts],
    [0x0034, watts],
    [0x0038, watts],
    [0x003e, 1],
  ]
  return new Map(model === 'sdm120' ? [...each, ...energy] : [...each, ...total, ...energy])
}

/** What the makers print on the two models, as a number. */
const meterCodes = { sdm120: 0x0020, sdm630: 0x0070 } as const

/** Holding registers: serial settings as floats, serial number and meter code as whole numbers. */
function readSettings(model: EastronModel, state: MeterState, request: ModbusRequest): Uint8Array {
  const [address, count] = addressAndCount(request)
  if (address === 0xfc00 && count >= 1 && count <= 3) {
    const block = new Uint8Array(6)
    const view = new DataView(block.buffer)
    view.setUint32(0, Number(state.deviceId & 0xffffffffn))
    view.setUint16(4, meterCodes[model])
    return wordsReply(request, block.subarray(0, 2 * count))
  }
  if (address === 0xfc02 && count === 1) {
    return wordsReply(request, Uint8Array.of(meterCodes[model] >> 8, meterCodes[model] & 0xff))
  }
  const baudCode = model === 'sdm120' ? 0 : 2
  return readFloats(
    request,
    new Map([
      [0x0012, 0],
      [0x0014, request.unitId],
      [0x001c, baudCode],
    ]),
  )
}

function wordsReply(request: ModbusRequest, words: Uint8Array): Uint8Array {
  const data = concatBytes(Uint8Array.of(words.length), words)
  return modbusReply(request.unitId, request.functionCode, data)
}
