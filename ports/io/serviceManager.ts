/**
 * What systemd is told of this process: sd_notify(3). Node has no Unix datagram socket, so the
 * messages go through `systemd-notify`, which comes with systemd itself; the unit needs
 * `NotifyAccess=all`. Without a NOTIFY_SOCKET nothing happens.
 *
 * The watchdog is fed from the event loop: a process that hangs starts no more children and is
 * started anew.
 * @module
 */
import { execFile } from 'node:child_process'
import type { Timers } from '../index.ts'
import { commandFailure } from './commandFailure.ts'

type Environment = Readonly<Record<string, string | undefined>>

export type ServiceManager = {
  /** The program does its work now; the watchdog is fed from here on. Never rejects. */
  readonly ready: () => Promise<void>
  /** The program has begun to end. Never rejects. */
  readonly stopping: () => Promise<void>
}

const PROGRAM = 'systemd-notify'
/** The manager answers within milliseconds; a machine that swaps takes longer. */
const NOTIFY_TIMEOUT_MS = 10_000
const OUTPUT_BYTES_MAX = 4_096
/** Two messages may be lost before the manager loses its patience. */
const FEEDS_PER_WATCHDOG = 3

/** `onFailure` is told once, in one line: after that the manager will end this process. */
export function serviceManager(
  environment: Environment,
  timers: Timers,
  onFailure: (line: string) => void,
): ServiceManager {
  if (!environment['NOTIFY_SOCKET']) return { ready: nothing, stopping: nothing }
  let failed = false
  const tell = async (...states: readonly string[]) => {
    const failure = await notify(states, environment)
    if (failure === undefined || failed) return
    failed = true
    onFailure(`${PROGRAM}: ${failure}; the unit needs NotifyAccess=all`)
  }
  let stopFeeding = () => {}
  return {
    ready: async () => {
      const periodMs = feedPeriodMs(environment, process.pid)
      if (periodMs !== undefined) stopFeeding = timers.every(periodMs, () => void tell(WATCHDOG))
      await tell('READY=1', WATCHDOG)
    },
    // The last feed outlasts what an end may take, and a timer would keep the process alive.
    stopping: async () => {
      stopFeeding()
      await tell('STOPPING=1', WATCHDOG)
    },
  }
}

const WATCHDOG = 'WATCHDOG=1'

async function nothing(): Promise<void> {}

/** How often to feed the watchdog; undefined when there is none for process `pid`. */
export function feedPeriodMs(environment: Environment, pid: number): number | undefined {
  const limitMs = Number(environment['WATCHDOG_USEC']) / 1_000
  const forPid = environment['WATCHDOG_PID']
  if (forPid !== undefined && forPid !== String(pid)) return undefined
  return limitMs >= 1 ? Math.max(1, Math.floor(limitMs / FEEDS_PER_WATCHDOG)) : undefined
}

function notify(states: readonly string[], environment: Environment): Promise<string | undefined> {
  const { NOTIFY_SOCKET, PATH } = environment
  const options = {
    env: { NOTIFY_SOCKET, PATH },
    timeout: NOTIFY_TIMEOUT_MS,
    killSignal: 'SIGKILL',
    maxBuffer: OUTPUT_BYTES_MAX,
  } as const
  return new Promise((resolve) => {
    execFile(PROGRAM, [...states], options, (error) => {
      resolve(error ? commandFailure(error, NOTIFY_TIMEOUT_MS, 'more than it should') : undefined)
    })
  })
}
