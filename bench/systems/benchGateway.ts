/**
 * A gateway with enrolled devices as a system to measure, and the proof afterwards that it holds
 * what it has acknowledged.
 * @module
 */
import { atPuback } from './brokers.ts'
import { enrol } from './enrol.ts'
import {
  acceptedInStore,
  acceptedNow,
  type GatewayDoor,
  type GatewayProcess,
  makeGateway,
  type RaisedLimits,
  startGateway,
} from './gateway.ts'
import type { System } from './system.ts'

export type BenchGateway = {
  readonly system: System
  /** The one that runs now. */
  readonly process: () => GatewayProcess
  /** Ends it with `signal` and starts it again on the same store and port. */
  readonly restart: (signal: 'SIGTERM' | 'SIGKILL') => Promise<void>
  /**
   * Compares the gateway's accepted counter with what was acknowledged, kills it, and compares
   * again with what its store holds.
   */
  readonly verify: (acknowledged: number) => Promise<void>
}

/** Starts a gateway in `folder` and enrols devices for a shape of load. */
export async function openBenchGateway(
  folder: string,
  shape: { readonly connections: number; readonly channels: number },
  limits: RaisedLimits,
  { profile }: { readonly profile: string | undefined },
  door: GatewayDoor = 'embedded',
): Promise<BenchGateway> {
  const place = await makeGateway(folder, limits, profile, door)
  let running = await startGateway(place)
  const { devices, plan } = await enrol(running.lanes, shape.connections, shape.channels)
  const system: System = {
    name: 'gateway',
    port: running.port,
    processes: [{ name: 'gateway', pid: running.child.pid }],
    devices,
    gateway: { ...plan, door: door === 'embedded' ? door : 'attached' },
    ...atPuback,
    stop: () => running.child.stop('SIGKILL'),
  }
  const restart = async (signal: 'SIGTERM' | 'SIGKILL') => {
    await running.child.stop(signal)
    running = await startGateway(place)
  }
  const verify = async (acknowledged: number) => {
    mustBe(acknowledged, await acceptedNow(running), 'the gateway says it accepted')
    await running.calls.close()
    // A profile is only written by a process that ends by itself.
    await running.child.stop(profile === undefined ? 'SIGKILL' : 'SIGTERM')
    mustBe(acknowledged, await acceptedInStore(place), 'its store holds')
  }
  return { system, process: () => running, restart, verify }
}

function mustBe(acknowledged: number, found: number, what: string): void {
  if (acknowledged === found) return
  throw new Error(`${acknowledged} ticks were acknowledged, but ${what} ${found}`)
}
