/**
 * Keeps one meter in service: opens its line, polls it, reopens it with back-off, and says what it
 * sees. It never throws and never gives up. An order to supply stands until it is changed and goes
 * out with every poll; while the meter is away its relay opens by itself.
 * @module
 */
import type { Ports, Serial, SerialOpener } from '../../ports/index.ts'
import { assert } from '../../protocol/assert.ts'
import type { LinkUnit } from '../../protocol/frameMessages.ts'
import { meterDrivers } from './drivers.ts'
import {
  type Reader,
  type ReaderNote,
  type ReaderRules,
  raiseFloor,
  readSample,
  registerAt,
  type SavedReader,
  startReader,
} from './reader.ts'
import type {
  DriverOptions,
  Meter,
  MeterFault,
  MeterKind,
  PollFailure,
  RawReading,
  SupplyOrder,
} from './types.ts'

export type MeterConfig = DriverOptions & {
  /** `serial:///dev/...?baud=9600` or `tcp://host:port`. */
  readonly source: string
  readonly kind: MeterKind
  readonly pollMs: number
  readonly rules: ReaderRules
}

export type MeterReading = {
  readonly state: 'reading'
  /** Base units; never less than in any reading before. */
  readonly units: bigint
  /** What the register counts, where the meter tells. */
  readonly unit: LinkUnit | undefined
  readonly relayClosed: boolean
  readonly flowing: boolean | undefined
  readonly faults: readonly MeterFault[]
  readonly meterNumber: string | undefined
  /** What the reader's rules did to this reading, if anything. */
  readonly note: ReaderNote | undefined
}

export type MeterEvent = MeterReading | { readonly state: 'away'; readonly reason: string }

export type MeterWorld = {
  readonly ports: Ports
  readonly openSerial: SerialOpener
  /** What `save` was given last, perhaps in an earlier run. */
  readonly saved: SavedReader | undefined
  /** Makes the reader's state durable; called when a rule moved the offset, never per reading. */
  readonly save: (saved: SavedReader) => Promise<void>
  readonly onEvent: (event: MeterEvent) => void
}

export type MeterLink = {
  /** Supply may flow until `units`; the order goes out at once. */
  readonly supplyOnUntil: (units: bigint) => void
  readonly supplyOff: () => void
  /** Units that a proof shows were counted before: readings never fall below them. */
  readonly raiseFloor: (units: bigint) => void
  /** Orders the relay open, then closes the line. */
  readonly close: () => Promise<void>
}

/** Silence after which the meter counts as away. */
export const awayAfterMs = 5_000
/** Silence after which the line is closed and opened again: an unplugged port may not tell. */
const reopenAfterMs = 10_000
const backOffFirstMs = 500
const backOffMaxMs = 30_000
/** Supply waits so long for the offset to be durable; a disk that stays broken costs no more. */
const unsavedPatienceMs = 10_000

type Running = {
  readonly config: MeterConfig
  readonly world: MeterWorld
  reader: Reader
  /** Units up to which supply is ordered; undefined: off. */
  until: bigint | undefined
  meter: Meter | undefined
  lastGoodMs: number
  /** Since when the disk has not taken the reader's state. */
  unsavedSinceMs: number | undefined
  away: string | undefined
  relayClosed: boolean
  /** The meter has answered since its line was opened or it was silent: it is the one we knew. */
  isSeen: boolean
  stopped: boolean
  failedOpens: number
  /** An order that cannot wait for the next poll. */
  urgent: boolean
  wake: () => void
}

/** Starts at once; the first event tells whether the meter is there. */
export function startMeter(config: MeterConfig, world: MeterWorld): MeterLink {
  const running: Running = {
    config,
    world,
    reader: startReader(config.rules, world.saved),
    until: undefined,
    meter: undefined,
    lastGoodMs: world.ports.clock.monotonicMs(),
    unsavedSinceMs: undefined,
    away: undefined,
    relayClosed: false,
    isSeen: false,
    stopped: false,
    failedOpens: 0,
    urgent: false,
    wake: () => undefined,
  }
  const finished = run(running)
  const order = (until: bigint | undefined) => {
    if (isUrgent(running, until)) {
      running.urgent = true
      running.wake()
    }
    running.until = until
  }
  return {
    supplyOnUntil: (units) => order(units),
    supplyOff: () => order(undefined),
    raiseFloor: (units) => {
      const before = orderOf(running)
      running.reader = raiseFloor(running.reader, units)
      if (orderOf(running).kind === before.kind) return
      running.urgent = true
      running.wake()
    },
    close: async () => {
      running.stopped = true
      running.until = undefined
      running.wake()
      await finished
    },
  }
}

/**
 * A limit that only moves on can wait for the next poll; otherwise every tick would cause a poll,
 * and every poll a tick.
 */
function isUrgent(running: Running, until: bigint | undefined): boolean {
  if (until === undefined || running.until === undefined) return until !== running.until
  return until < running.until || (until > running.until && !running.relayClosed)
}

async function run(running: Running): Promise<void> {
  while (!running.stopped) {
    const meter = await openMeter(running)
    if (meter !== undefined) await serve(running, meter)
    if (!running.stopped) await backOff(running)
  }
}

async function openMeter(running: Running): Promise<Meter | undefined> {
  const { config, world } = running
  let serial: Serial | undefined
  try {
    serial = await world.openSerial(config.source)
    return await meterDrivers[config.kind](serial, world.ports, config)
  } catch (error) {
    await serial?.close().catch(() => undefined)
    running.failedOpens++
    tellAway(running, error instanceof Error ? error.message : String(error))
    return undefined
  }
}

/** Polls until the line is gone, silent for too long, or no longer wanted. */
async function serve(running: Running, meter: Meter): Promise<void> {
  const { clock } = running.world.ports
  running.meter = meter
  running.isSeen = false
  const openedMs = clock.monotonicMs()
  while (!running.stopped) {
    const startedMs = clock.monotonicMs()
    const failure = await pollOnce(running, meter)
    const silentMs = clock.monotonicMs() - Math.max(running.lastGoodMs, openedMs)
    if (failure !== undefined && silentMs >= awayAfterMs) tellAway(running, failureText[failure])
    if (failure === 'line_closed' || silentMs >= reopenAfterMs) break
    await idle(running, nextPollMs(running.config.pollMs, startedMs) - clock.monotonicMs())
  }
  if (running.stopped) await meter.poll({ kind: 'off' })
  else tellAway(running, running.away ?? failureText.line_closed)
  running.failedOpens++
  running.meter = undefined
  await meter.close().catch(() => undefined)
}

const failureText: Readonly<Record<PollFailure, string>> = {
  no_answer: 'the meter does not answer: check its cable, power, address and baud rate',
  bad_answer: 'only noise comes from the meter: check its cable and baud rate',
  refused: 'the meter or its relay board refuses the request: check its kind and addresses',
  line_closed: 'the line was closed: it is opened again',
}

async function pollOnce(running: Running, meter: Meter): Promise<PollFailure | undefined> {
  const { world } = running
  const isCorrection = running.urgent
  running.urgent = false
  const order = orderOf(running)
  const outcome = await meter.poll(order)
  running.isSeen = outcome.ok
  if (!outcome.ok) return outcome.reason
  running.lastGoodMs = world.ports.clock.monotonicMs()
  running.failedOpens = 0
  running.relayClosed = outcome.reading.relayClosed
  await takeReading(running, outcome.reading)
  // What was ordered in ignorance of this answer is put right at once, once a poll.
  if (!isCorrection && orderOf(running).kind !== order.kind) running.urgent = true
  return undefined
}

/**
 * A meter that was away may have started again, and another may stand there: its register has to be
 * seen before an order names a place on it.
 */
function orderOf(running: Running): SupplyOrder {
  if (running.until === undefined || awaitsDisk(running)) return { kind: 'off' }
  if (!running.isSeen) return { kind: 'query' }
  const register = registerAt(running.reader, running.until)
  return register === undefined ? { kind: 'off' } : { kind: 'on_until', register }
}

function awaitsDisk({ unsavedSinceMs, world }: Running): boolean {
  if (unsavedSinceMs === undefined) return false
  return world.ports.clock.monotonicMs() - unsavedSinceMs < unsavedPatienceMs
}

async function takeReading(running: Running, reading: RawReading): Promise<void> {
  const { world } = running
  const savedBefore = running.reader.saved
  const outcome = readSample(running.reader, { ...reading, atMs: running.lastGoodMs })
  running.reader = outcome.reader
  if (outcome.kind === 'waiting') return
  const { saved } = outcome.reader
  const isNew = saved !== savedBefore || running.unsavedSinceMs !== undefined
  if (saved !== undefined && isNew) await save(running, saved)
  running.away = undefined
  const faults = new Set(reading.faults)
  if (outcome.stuck) faults.add('stuck')
  if (outcome.note === 'jump') faults.add('implausible_step')
  const { unit, relayClosed, flowing, meterNumber } = reading
  const { units, note } = outcome
  world.onEvent({
    state: 'reading',
    units,
    unit,
    relayClosed,
    flowing,
    faults: [...faults],
    meterNumber,
    note,
  })
}

/**
 * An offset that is lost takes with it what flowed since it moved, so supply waits for the disk for
 * a while, and every poll tries again.
 */
async function save(running: Running, saved: SavedReader): Promise<void> {
  const { world } = running
  try {
    await world.save(saved)
    running.unsavedSinceMs = undefined
  } catch (error) {
    if (running.unsavedSinceMs !== undefined) return
    running.unsavedSinceMs = world.ports.clock.monotonicMs()
    const reason = error instanceof Error ? error.message : String(error)
    world.ports.log('warn', `the meter's offset was not saved: ${reason}`)
  }
}

/** One event when the meter goes away, another only for another reason. */
function tellAway(running: Running, reason: string): void {
  if (running.away === reason) return
  running.away = reason
  running.world.onEvent({ state: 'away', reason })
}

function backOffMs(running: Running): number {
  const { random } = running.world.ports
  const step = Math.min(running.failedOpens, 10)
  const fullMs = Math.min(backOffMaxMs, backOffFirstMs * 2 ** Math.max(0, step - 1))
  const [byte = 0] = random.bytes(1)
  const waitMs = Math.round(fullMs * (0.5 + byte / 512))
  assert(waitMs <= backOffMaxMs, 'back-off is bounded')
  return waitMs
}

/**
 * Polls fall on whole multiples of their period, so that meters are read together: the processor
 * wakes up once for all of them, and their ticks leave in one message.
 */
function nextPollMs(pollMs: number, startedMs: number): number {
  return (Math.floor(startedMs / pollMs) + 1) * pollMs
}

/** Waits for the next poll, which an urgent order brings forward. */
async function idle(running: Running, ms: number): Promise<void> {
  if (!running.urgent && !running.stopped) await pause(running, ms)
}

/** Waits before the line is opened again; only the end of service cuts it short. */
async function backOff(running: Running): Promise<void> {
  const { clock } = running.world.ports
  const untilMs = clock.monotonicMs() + backOffMs(running)
  while (!running.stopped && clock.monotonicMs() < untilMs) {
    await pause(running, untilMs - clock.monotonicMs())
  }
}

/** Waits, or returns as soon as someone wakes it. */
function pause(running: Running, ms: number): Promise<void> {
  return new Promise((done) => {
    const cancel = running.world.ports.timers.after(Math.max(0, ms), () => running.wake())
    running.wake = () => {
      cancel()
      running.wake = () => undefined
      done()
    }
  })
}
