/**
 * What the Modbus drivers need of a master. The implementation is agent/io/modbus.ts, which is
 * loaded only when a Modbus meter is configured.
 * @module
 */
import type { Serial, Timers } from '../../ports/index.ts'
import type { PollFailure } from './types.ts'

export type ModbusAnswer<T> =
  | { readonly ok: true; readonly value: T }
  /** `refused`: the unit answered with a Modbus exception. */
  | { readonly ok: false; readonly reason: PollFailure }

/** Registers come as their bytes, big-endian. One request at a time. */
export type ModbusMaster = {
  readonly readInput: (
    unit: number,
    address: number,
    count: number,
  ) => Promise<ModbusAnswer<Uint8Array>>
  readonly readHolding: (
    unit: number,
    address: number,
    count: number,
  ) => Promise<ModbusAnswer<Uint8Array>>
  readonly readCoil: (unit: number, address: number) => Promise<ModbusAnswer<Uint8Array>>
  readonly writeCoil: (unit: number, address: number, on: boolean) => Promise<ModbusAnswer<unknown>>
  readonly writeRegister: (
    unit: number,
    address: number,
    value: number,
  ) => Promise<ModbusAnswer<unknown>>
}

export type OpenModbus = (serial: Serial, timers: Timers, timeoutMs: number) => ModbusMaster

/** Loads the master. */
export async function loadModbus(): Promise<OpenModbus> {
  const { openModbus } = await import('../io/modbus.ts')
  return openModbus
}
