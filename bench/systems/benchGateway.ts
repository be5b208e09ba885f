/**
 * A gateway with enrolled devices as a system to measure, and the proof afterwards that it holds
 * what it has acknowledged.
 * @module
 */
import { rm } from 'node:fs/promises'
import { atPuback } from './brokers.ts'
import { type Enrolled, enrol } from './enrol.ts'
import {
  acceptedInStore,
  acceptedNow,
  type GatewayDoor,
  type GatewayFolder,
  type GatewayProcess,
  importFile,
  makeGateway,
  type RaisedLimits,
  startGateway,
} from './gateway.ts'
import { writeImportFile } from './importFile.ts'
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
  const running = await startGateway(place)
  const enrolled = await enrol(running.lanes, shape.connections, shape.channels)
  return benchGatewayOf(place, running, enrolled, door)
}

/** Enrolled and mandated through the control socket, and not imported. */
const ENROLLED_DEVICES = 1

/** Seconds that the parts of opening channels by an import took. */
export type ImportSeconds = { readonly writing: number; readonly importing: number }

/**
 * Starts a gateway in `folder` with one device that is enrolled in the usual way and `devices` that
 * come in by `tickpay channels import`.
 */
export async function openImportedGateway(
  folder: string,
  shape: { readonly devices: number; readonly channels: number; readonly length: number },
  limits: RaisedLimits,
  { profile }: { readonly profile: string | undefined },
): Promise<{ readonly gateway: BenchGateway; readonly seconds: ImportSeconds }> {
  const place = await makeGateway(folder, limits, profile)
  const before = await startGateway(place)
  const enrolled = await enrol(before.lanes, ENROLLED_DEVICES, shape.channels)
  await before.child.stop('SIGTERM')
  const startMs = performance.now()
  const { file, devices } = await writeImportFile(folder, enrolled.plan, {
    devices: shape.devices,
    channelsPerDevice: shape.channels,
    position: ENROLLED_DEVICES * shape.channels,
    length: shape.length,
  })
  const writtenMs = performance.now()
  await importFile(place, file)
  const importedMs = performance.now()
  await rm(file)
  const all = { devices: [...enrolled.devices, ...devices], plan: enrolled.plan }
  const gateway = benchGatewayOf(place, await startGateway(place), all, 'embedded')
  const writing = (writtenMs - startMs) / 1_000
  return { gateway, seconds: { writing, importing: (importedMs - writtenMs) / 1_000 } }
}

function benchGatewayOf(
  place: GatewayFolder,
  first: GatewayProcess,
  { devices, plan }: Enrolled,
  door: GatewayDoor,
): BenchGateway {
  const { profile } = place
  let running = first
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
