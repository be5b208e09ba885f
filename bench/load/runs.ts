/**
 * Closed and open loops over prepared packets, and what is counted between two moments.
 * @module
 */
import { cpuMicros } from '../measure.ts'
import { createHistogram, type Histogram } from '../statistics.ts'
import type { LoadConnection } from './connection.ts'
import type {
  ClosedCommand,
  Latencies,
  OpenCommand,
  RotatingCommand,
  WindowResult,
} from './messages.ts'

const DRAIN_TIMEOUT_MS = 30_000
const POLL_MS = 1

type Counted = Omit<WindowResult, 'downs'>

/** Keeps `inFlight` messages of every connection on their way. */
export async function runClosed(
  connections: readonly LoadConnection[],
  command: ClosedCommand,
): Promise<Counted> {
  let isRunning = true
  let total = 0
  const exhausted = new Set<LoadConnection>()
  for (const connection of connections) {
    connection.onAcknowledged = (one, count) => {
      total += count
      if (isRunning && one.sendNext(count) < count) exhausted.add(one)
    }
  }
  for (const connection of connections) connection.sendNext(command.inFlight)
  const window = await countWindow(command, () => total)
  const early = exhausted.size
  isRunning = false
  await drain(connections)
  return { ...window, acknowledged: total, exhausted: early, latencies: undefined }
}

/** Keeps `inFlight` messages on their way in all, the connections taking turns. */
export async function runRotating(
  connections: readonly LoadConnection[],
  command: RotatingCommand,
): Promise<Counted> {
  let isRunning = true
  let total = 0
  let turn = 0
  let exhausted = 0
  const next = () => {
    const connection = connections[turn++ % connections.length]
    if (connection?.sendNext(1) === 0) exhausted += 1
  }
  for (const connection of connections) {
    connection.onAcknowledged = (_, count) => {
      total += count
      for (let left = count; left > 0 && isRunning; left--) next()
    }
  }
  for (let left = command.inFlight; left > 0; left--) next()
  const window = await countWindow(command, () => total)
  const early = exhausted
  isRunning = false
  await drain(connections)
  return { ...window, acknowledged: total, exhausted: early, latencies: undefined }
}

/** Sends at a fixed rate, whatever comes back, one message of each connection in turn. */
export async function runOpen(
  connections: readonly LoadConnection[],
  command: OpenCommand,
): Promise<Counted> {
  const { messagesPerSecond, warmMs, windowMs } = command
  const startMs = performance.now()
  const dueMs = (message: number) => startMs + (message * 1_000) / messagesPerSecond
  const histogram = createHistogram()
  const place = new Map(connections.map((connection, index) => [connection, index]))
  const counts = { total: 0, next: 0, exhausted: 0 }
  const windowStartMs = startMs + warmMs
  const windowEndMs = windowStartMs + windowMs
  for (const connection of connections) {
    const index = place.get(connection) ?? 0
    connection.onAcknowledged = (one, count) => {
      const nowMs = performance.now()
      counts.total += count
      for (let turn = one.acknowledged - count; turn < one.acknowledged; turn++) {
        const due = dueMs(turn * connections.length + index)
        if (due >= windowStartMs && due < windowEndMs) histogram.add((nowMs - due) * 1_000)
      }
    }
  }
  const sendDue = (untilMs: number) => {
    const due = Math.ceil(((untilMs - startMs) * messagesPerSecond) / 1_000)
    for (; counts.next < due; counts.next++) {
      const connection = connections[counts.next % connections.length]
      if (connection && connection.sendNext(1) === 0) counts.exhausted += 1
    }
  }
  const timer = setInterval(() => sendDue(performance.now()), POLL_MS)
  const window = await countWindow(command, () => counts.total)
  clearInterval(timer)
  // Whatever was due within the window counts, however late this process is.
  sendDue(windowEndMs)
  await drain(connections)
  return { ...window, ...latencyCounts(counts, histogram) }
}

function latencyCounts(
  counts: { readonly total: number; readonly exhausted: number },
  histogram: Histogram,
) {
  const latencies: Latencies = {
    p50: histogram.at(0.5),
    p90: histogram.at(0.9),
    p99: histogram.at(0.99),
    p999: histogram.at(0.999),
    highest: histogram.highest(),
    count: histogram.count(),
  }
  return { acknowledged: counts.total, exhausted: counts.exhausted, latencies }
}

type Sample = {
  readonly wallMs: number
  readonly monotonicMs: number
  readonly own: number
  readonly watched: readonly number[]
  readonly total: number
}

async function countWindow(
  { warmMs, windowMs, watch }: ClosedCommand | RotatingCommand | OpenCommand,
  total: () => number,
) {
  const sample = (): Sample => {
    const { user, system } = process.cpuUsage()
    return {
      wallMs: Date.now(),
      monotonicMs: performance.now(),
      own: user + system,
      watched: watch.map(cpuMicros),
      total: total(),
    }
  }
  await pause(warmMs)
  const began = sample()
  await pause(windowMs)
  const ended = sample()
  return {
    messages: ended.total - began.total,
    seconds: (ended.monotonicMs - began.monotonicMs) / 1_000,
    beganAtMs: began.wallMs,
    endedAtMs: ended.wallMs,
    ownCpuMicros: ended.own - began.own,
    cpuMicros: ended.watched.map((micros, index) => micros - (began.watched[index] ?? 0)),
  }
}

/** Until every message that was sent is acknowledged. */
async function drain(connections: readonly LoadConnection[]): Promise<void> {
  const deadlineMs = performance.now() + DRAIN_TIMEOUT_MS
  for (const connection of connections) {
    while (connection.inFlight > 0) {
      if (performance.now() > deadlineMs) {
        throw new Error(`${connection.name}: ${connection.inFlight} messages stay unacknowledged`)
      }
      await pause(POLL_MS)
    }
  }
}

function pause(delayMs: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, delayMs))
}
