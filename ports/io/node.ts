/**
 * The real clock, timers and random generator of this process.
 * @module
 */
import { randomBytes } from 'node:crypto'
import type { Cancel, Clock, Log, Ports, Random, Timers } from '../index.ts'

/** setTimeout fires at once for anything longer, so longer waits are made of several. */
const longestDelayMs = 2 ** 31 - 1

export const nodeClock: Clock = {
  nowMs: () => Date.now(),
  monotonicMs: () => performance.now(),
}

export const nodeTimers: Timers = {
  after: waitThenRun,
  every: (periodMs, run) => {
    const timer = setInterval(run, Math.min(periodMs, longestDelayMs))
    return () => clearInterval(timer)
  },
  soon: (run) => {
    setImmediate(run)
  },
}

export const nodeRandom: Random = { bytes: (length) => new Uint8Array(randomBytes(length)) }

/** All ports of a real process, writing its log lines through `log`. */
export function nodePorts(log: Log): Ports {
  return { clock: nodeClock, timers: nodeTimers, random: nodeRandom, log }
}

function waitThenRun(delayMs: number, run: () => void): Cancel {
  let timer: NodeJS.Timeout
  const wait = (leftMs: number) => {
    const stepMs = Math.min(leftMs, longestDelayMs)
    timer = setTimeout(() => (leftMs > stepMs ? wait(leftMs - stepMs) : run()), stepMs)
  }
  wait(delayMs)
  return () => clearTimeout(timer)
}
