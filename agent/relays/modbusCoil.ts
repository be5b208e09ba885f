/**
 * A relay that is a coil of a Modbus unit on a line of its own. It is written with every reading,
 * so that a unit with a watchdog stays fed by live readings alone.
 * @module
 */
import type { SerialOpener, Timers } from '../../ports/index.ts'
import { OperatorError } from '../../ports/operatorError.ts'
import type { ModbusMaster, OpenModbus } from '../meters/modbusMaster.ts'
import type { Relay, RelayConfig } from './types.ts'

const ANSWER_MS = 1_000

export function modbusCoilRelay(
  { coil, source, unitId }: RelayConfig & { kind: 'modbus-coil' },
  openSerial: SerialOpener,
  openModbus: OpenModbus,
  timers: Timers,
): Relay {
  let line: { readonly master: ModbusMaster; readonly close: () => Promise<void> } | undefined
  const open = async () => {
    const serial = await openSerial(source)
    line = { master: openModbus(serial, timers, ANSWER_MS), close: () => serial.close() }
    return line
  }
  const close = async () => {
    const old = line
    line = undefined
    await old?.close().catch(() => undefined)
  }
  return {
    set: async (closed) => {
      const { master } = line ?? (await open())
      const answer = await master.writeCoil(unitId, coil, closed)
      if (answer.ok) return
      await close()
      throw new OperatorError(`coil ${coil} of unit ${unitId} at ${source}: ${answer.reason}`)
    },
    close,
  }
}
