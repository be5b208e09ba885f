/**
 * The pure meter in running time, and the file that keeps it.
 * @module
 */
import type { Disk, Ports } from '../ports/index.ts'
import { OperatorError } from '../ports/operatorError.ts'
import { type MeterSimConfig, meterSetup } from './config.ts'
import { advance, type MeterState, newMeter } from './meter.ts'
import { restoreMeter, savedText } from './saved.ts'

/** A machine that slept did not supply: longer gaps count as this long. */
const stepMsMax = 600_000

export type RunningMeter = {
  /** The meter brought up to this moment. */
  readonly now: () => MeterState
  readonly change: (change: (state: MeterState) => MeterState) => void
  /** Resolves when what `now` showed at the call is on disk; false when it could not be written. */
  readonly keep: () => Promise<boolean>
}

/** @throws OperatorError when the state file is damaged or cannot be read */
export async function runningMeter(
  config: MeterSimConfig,
  ports: Ports,
  disk: Disk | undefined,
): Promise<RunningMeter> {
  let state = await firstState(config, ports, disk)
  let lastMs = Math.floor(ports.clock.monotonicMs())
  let kept = ''
  let writing = Promise.resolve(true)
  let next: Promise<boolean> | undefined

  const now = () => {
    const nowMs = Math.floor(ports.clock.monotonicMs())
    state = advance(state, Math.min(nowMs - lastMs, stepMsMax))
    lastMs = nowMs
    return state
  }
  const write = async (): Promise<boolean> => {
    next = undefined
    const current = now()
    const mark = `${current.supplied} ${current.hidden} ${current.frozen}`
    if (disk === undefined || config.stateFile === undefined || mark === kept) return true
    try {
      await disk.replace(config.stateFile, new TextEncoder().encode(savedText(current)))
      kept = mark
      return true
    } catch (error) {
      ports.log('error', error instanceof Error ? error.message : String(error))
      return false
    }
  }
  return {
    now,
    change: (change) => {
      state = change(now())
    },
    keep: () => {
      // All who ask while a write runs share the next one.
      next ??= writing.then(write)
      writing = next
      return next
    },
  }
}

async function firstState(
  config: MeterSimConfig,
  ports: Ports,
  disk: Disk | undefined,
): Promise<MeterState> {
  const setup = meterSetup(config, drawBootId(ports))
  if (disk === undefined || config.stateFile === undefined) return newMeter(setup)
  const bytes = await disk.read(config.stateFile)
  if (bytes === undefined) return newMeter(setup)
  const restored = restoreMeter(new TextDecoder().decode(bytes), setup)
  if (restored !== undefined) return restored
  throw new OperatorError(
    `meter simulator: ${config.stateFile} holds no register of this version; ` +
      `restore it, or remove it to start at ${config.initialRegister}`,
  )
}

export function drawBootId(ports: Ports): number {
  const bytes = ports.random.bytes(4)
  return new DataView(bytes.buffer, bytes.byteOffset).getUint32(0)
}
