/**
 * A relay board as second unit on the bus: coil 0 is the relay, holding register 0 its watchdog in
 * tenths of a second. It opens by itself when no valid frame addressed to it arrives for that
 * long, and the watchdog cannot be switched off.
 * @module
 */
import type { Answer } from './firmwareLink.ts'
import { closeRelay, heard, type MeterState, withRelayOpen } from './meter.ts'
import {
  addressAndCount,
  illegalAddress,
  illegalFunction,
  illegalValue,
  type ModbusRequest,
  modbusException,
  modbusReply,
} from './modbus.ts'

const watchdogStepMs = 100
/** Longest watchdog the board takes: one minute. */
const watchdogStepsMax = 600

const coilOn = 0xff00
const coilOff = 0x0000

/** Obeys and answers a request addressed to the board. */
export function answerRelayBoard(state: MeterState, request: ModbusRequest): Answer {
  const awake = heard(state)
  switch (request.functionCode) {
    case 1:
      return { state: awake, reply: readCoil(awake, request) }
    case 3:
      return { state: awake, reply: readWatchdog(awake, request) }
    case 5:
      return writeCoil(awake, request)
    case 6:
      return writeWatchdog(awake, request, addressAndCount(request)[1], request.data)
    case 15:
      return writeCoils(awake, request)
    case 16:
      return writeRegisters(awake, request)
    default:
      return refused(awake, request, illegalFunction)
  }
}

function readCoil(state: MeterState, request: ModbusRequest): Uint8Array {
  const [address, count] = addressAndCount(request)
  if (address !== 0 || count !== 1) return modbusException(request, illegalAddress)
  return modbusReply(request.unitId, 1, Uint8Array.of(1, state.relay.closed ? 1 : 0))
}

function readWatchdog(state: MeterState, request: ModbusRequest): Uint8Array {
  const [address, count] = addressAndCount(request)
  if (address !== 0 || count !== 1) return modbusException(request, illegalAddress)
  const steps = Math.round(state.relay.watchdogMs / watchdogStepMs)
  return modbusReply(request.unitId, 3, Uint8Array.of(2, steps >> 8, steps & 0xff))
}

function writeCoil(state: MeterState, request: ModbusRequest): Answer {
  const [address, value] = addressAndCount(request)
  if (address !== 0) return refused(state, request, illegalAddress)
  if (value !== coilOn && value !== coilOff) return refused(state, request, illegalValue)
  const next = value === coilOn ? closeRelay(state) : withRelayOpen(state)
  return { state: next, reply: modbusReply(request.unitId, 5, request.data) }
}

function writeCoils(state: MeterState, request: ModbusRequest): Answer {
  const [address, count] = addressAndCount(request)
  if (address !== 0 || count !== 1) return refused(state, request, illegalAddress)
  const on = ((request.data[5] ?? 0) & 1) === 1
  const next = on ? closeRelay(state) : withRelayOpen(state)
  return { state: next, reply: modbusReply(request.unitId, 15, request.data.slice(0, 4)) }
}

function writeRegisters(state: MeterState, request: ModbusRequest): Answer {
  const [, count] = addressAndCount(request)
  if (count !== 1 || request.data.length !== 7) return refused(state, request, illegalAddress)
  const value = ((request.data[5] ?? 0) << 8) | (request.data[6] ?? 0)
  return writeWatchdog(state, request, value, request.data.slice(0, 4))
}

function writeWatchdog(
  state: MeterState,
  request: ModbusRequest,
  steps: number,
  echo: Uint8Array,
): Answer {
  if (addressAndCount(request)[0] !== 0) return refused(state, request, illegalAddress)
  if (steps < 1 || steps > watchdogStepsMax) return refused(state, request, illegalValue)
  const relay = { ...state.relay, watchdogMs: steps * watchdogStepMs }
  const reply = modbusReply(request.unitId, request.functionCode, echo)
  return { state: { ...state, relay }, reply }
}

function refused(state: MeterState, request: ModbusRequest, code: number): Answer {
  return { state, reply: modbusException(request, code) }
}
