/**
 * A simulated meter in this process, over TCP, and how an agent is told of it.
 * @module
 */
import { parseMeterSimConfig } from '../../firmware-sim/config.ts'
import { openLines } from '../../firmware-sim/io/lines.ts'
import { startMeterSim } from '../../firmware-sim/simulator.ts'
import { nodePorts } from '../../ports/io/node.ts'

export type TcpMeter = {
  /** For `meters` in the configuration of an agent. */
  readonly meters: readonly Readonly<Record<string, unknown>>[]
  readonly close: () => Promise<void>
}

/** Named `main`; counts 20 Wh a second. */
export async function startTcpMeter(): Promise<TcpMeter> {
  const load = { profile: 'steady', unit: 'Wh', ratePerHour: 72_000, initialRegister: 5_000 }
  const line = 'tcp-listen://127.0.0.1:0'
  const settings = parseMeterSimConfig({ ...load, kind: 'firmware-link', line })
  const ports = nodePorts(() => {})
  const meter = await startMeterSim(settings, ports, { openLines, disk: undefined })
  const source = meter.where().replace('tcp-listen:', 'tcp:')
  return {
    meters: [{ name: 'main', unit: 'Wh', driver: 'firmware-link', source, pollMs: 100 }],
    close: meter.close,
  }
}
