/**
 * A gateway that is a client of Mosquitto. A PUBACK is the broker's there, so what the gateway has
 * accepted is asked of it ten times a second.
 * @module
 */
import type { BenchGateway } from './benchGateway.ts'
import { openBenchGateway } from './benchGateway.ts'
import { startMosquitto } from './brokers.ts'
import { acceptedNow, type RaisedLimits } from './gateway.ts'
import { createSamples } from './samples.ts'
import { catchUp, type System } from './system.ts'

const SAMPLE_PERIOD_MS = 100

export type AttachedGateway = {
  readonly system: System
  readonly verify: BenchGateway['verify']
}

/** Starts Mosquitto and a gateway behind it, and enrols devices for a shape of load. */
export async function openAttachedGateway(
  folder: string,
  shape: { readonly connections: number; readonly channels: number },
  limits: RaisedLimits,
  options: { readonly profile: string | undefined },
): Promise<AttachedGateway> {
  const { child, port } = await startMosquitto(folder, 'attached')
  const door = { broker: `mqtt://127.0.0.1:${port}` }
  const gateway = await openBenchGateway(folder, shape, limits, options, door)
  const samples = createSamples()
  const messages = async () => (await acceptedNow(gateway.process())) / shape.channels
  const stopSampling = every(SAMPLE_PERIOD_MS, async () => {
    const count = await messages()
    samples.add(Date.now(), count)
  })
  const system: System = {
    ...gateway.system,
    name: 'attached',
    processes: [...gateway.system.processes, { name: 'mosquitto', pid: child.pid }],
    messagesOf: async ({ beganAtMs, endedAtMs }) => samples.between(beganAtMs, endedAtMs),
    caughtUp: (sent) => catchUp(sent, messages),
    stop: async () => {
      await stopSampling()
      await gateway.system.stop()
      await child.stop('SIGKILL')
    },
  }
  const verify = async (acknowledged: number) => {
    await stopSampling()
    await gateway.verify(acknowledged)
  }
  return { system, verify }
}

/** Repeats `work` until the returned function is called; a failure ends it too. */
function every(periodMs: number, work: () => Promise<void>): () => Promise<void> {
  let isRunning = true
  const loop = async () => {
    while (isRunning) {
      await work()
      await new Promise((resolve) => setTimeout(resolve, periodMs))
    }
  }
  const finished = loop().catch(() => {})
  return async () => {
    isRunning = false
    await finished
  }
}
