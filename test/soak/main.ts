/**
 * `npm run soak -- --minutes 60`: a whole site runs for that long while faults strike at random,
 * and afterwards every book must agree. docs/soak.md says what is measured.
 * @module
 */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { type Collected, collect } from '../../bench/collections.ts'
import { anonymousBytes } from '../../bench/measure.ts'
import { diceFrom } from '../../firmware-sim/dice.ts'
import { brokenEquations } from '../support/siteFigures.ts'
import { bundleProgram } from '../support/siteProgram.ts'
import { booksOf } from '../support/siteReal.ts'
import { isMortal, keepRunning, pause, strikeUntil, usedBytes } from './faults.ts'
import { medianSlopePerHour, type Point, type Slope, slopePerHour } from './lines.ts'
import { type OpenSoakSite, openSoakSite } from './site.ts'

const MINUTE_MS = 60_000
const HOUR_MS = 3_600_000
const SAMPLE_MS = 5_000
const WELL_TIMEOUT_MS = 600_000
/** Faults that end the gateway strike in this part of the time; then it has to get warm. */
const RESTARTS_SHARE = 0.25
const WARM_SHARE = 0.4
/** Snapshots come every five minutes and drop what nobody needs: the least of each counts. */
const DISK_WINDOW_HOURS = 1 / 10

type Sample = {
  readonly hours: number
  readonly gateway: number
  readonly herds: readonly number[]
  readonly disk: number
  readonly online: number
  /** Bytes that the agents of each herd have written. */
  readonly written: readonly number[]
}

type CollectedAt = Collected & { readonly hours: number }

const { values } = parseArgs({
  options: {
    minutes: { type: 'string', default: '60' },
    devices: { type: 'string', default: '200' },
    herds: { type: 'string', default: '8' },
    seed: { type: 'string', default: String(Date.now() % 1_000_000) },
    'collect-minutes': { type: 'string', default: '3' },
    out: { type: 'string' },
    herd: { type: 'string', default: '' },
    collector: { type: 'string', default: '' },
  },
})

function say(line: string): void {
  process.stdout.write(`${new Date().toISOString().slice(11, 19)} ${line}\n`)
}

/** The process whose words contain `text`. */
function pidWith(text: string): number {
  for (const name of readdirSync('/proc')) {
    if (!/^\d+$/.test(name) || Number(name) === process.pid) continue
    try {
      if (readFileSync(`/proc/${name}/cmdline`, 'utf8').includes(text)) return Number(name)
    } catch {
      // It has ended.
    }
  }
  return 0
}

function memoryOf(pid: number): number {
  try {
    return pid === 0 ? Number.NaN : anonymousBytes(pid)
  } catch {
    return Number.NaN
  }
}

async function lookAt(site: OpenSoakSite, startMs: number): Promise<Sample> {
  const views = await Promise.all(site.herds.map((herd) => herd.ask({ do: 'look' })))
  const devices = views.flatMap((view) => view?.devices ?? [])
  return {
    hours: (performance.now() - startMs) / HOUR_MS,
    gateway: memoryOf(pidWith(site.config)),
    herds: site.herds.map((herd) => memoryOf(herd.pid())),
    disk: usedBytes(site),
    online: devices.filter(({ isOnline, relayClosed }) => isOnline && relayClosed).length,
    written: site.herds.map((herd) => herd.written().bytes),
  }
}

/** Until every agent is online and supplied again, by itself. */
async function allWell(site: OpenSoakSite): Promise<void> {
  const endMs = performance.now() + WELL_TIMEOUT_MS
  for (;;) {
    const { online } = await lookAt(site, 0)
    if (online === site.devices.length) return
    if (performance.now() > endMs) {
      const views = await Promise.all(site.herds.map((herd) => herd.ask({ do: 'look' })))
      const ill = views.flatMap((view) => view?.devices ?? []).filter((one) => !one.relayClosed)
      const some = JSON.stringify(ill.slice(0, 3))
      throw new Error(`${online} of ${site.devices.length} devices are well; ${some}`)
    }
    await pause(1_000)
  }
}

function points<T extends { readonly hours: number }>(
  samples: readonly T[],
  of: (sample: T) => number,
): readonly Point[] {
  return samples
    .map((sample) => ({ hours: sample.hours, value: of(sample) }))
    .filter(({ value }) => Number.isFinite(value))
}

/** The least of each window. */
function lowest(all: readonly Point[], windowHours: number): readonly Point[] {
  const windows = new Map<number, Point>()
  for (const point of all) {
    const window = Math.floor(point.hours / windowHours)
    const known = windows.get(window)
    if (!known || point.value < known.value) windows.set(window, point)
  }
  return [...windows.values()]
}

function megabytes({ median, low, high }: Slope) {
  return { median: median / 1e6, low: low / 1e6, high: high / 1e6 }
}

function collectedFigures(collected: readonly CollectedAt[]) {
  const slope = (of: (one: CollectedAt) => number) =>
    megabytes(medianSlopePerHour(points(collected, of)))
  return {
    gatewayCollectedMegabytesPerHour: slope(({ anonymous }) => anonymous),
    gatewayUsedMegabytesPerHour: slope(({ heapUsed, external }) => heapUsed + external),
    collected: collected.map(({ hours, ...bytes }) => {
      const rounded = Object.entries(bytes).map(([name, all]) => [
        name,
        Math.round(all / 1e4) / 100,
      ])
      return { minute: Math.round(hours * 600) / 10, ...Object.fromEntries(rounded) }
    }),
  }
}

function figuresOf(site: OpenSoakSite, samples: readonly Sample[], hours: number) {
  const warm = samples.filter((sample) => sample.hours >= hours * WARM_SHARE)
  const steady = site.herds.map((_, place) => place).filter((place) => !isMortal(site, place))
  const disk = points(warm, ({ disk }) => disk)
  const perDay = (places: readonly number[]) => {
    const slope = (place: number) => slopePerHour(points(warm, (one) => one.written[place] ?? 0))
    const sum = places.reduce((all, place) => all + slope(place), 0)
    return ((sum / (places.length * site.devicesEach)) * 24) / 1e6
  }
  return {
    gatewayMegabytesPerHour: slopePerHour(points(warm, ({ gateway }) => gateway)) / 1e6,
    gatewayMedianMegabytesPerHour: megabytes(
      medianSlopePerHour(points(warm, ({ gateway }) => gateway)),
    ).median,
    gatewayMegabytes: (warm.at(-1)?.gateway ?? 0) / 1e6,
    herdMegabytesPerHour: steady.map(
      (place) => slopePerHour(points(warm, ({ herds }) => herds[place] ?? Number.NaN)) / 1e6,
    ),
    diskMegabytesPerHour: slopePerHour(lowest(disk, DISK_WINDOW_HOURS)) / 1e6,
    diskMegabytesFirst: (disk[0]?.value ?? 0) / 1e6,
    diskMegabytesLast: (disk.at(-1)?.value ?? 0) / 1e6,
    agentMegabytesPerDay: perDay(steady),
    agentMegabytesPerDayWithKills: perDay(site.herds.map((_, place) => place)),
  }
}

/**
 * What is left after a collection, every so often from the end of the warm-up on: before that
 * the gateway may be one that has just been started.
 */
async function collectUntil(
  site: OpenSoakSite,
  startMs: number,
  endMs: number,
): Promise<readonly CollectedAt[]> {
  const periodMs = Number(values['collect-minutes']) * MINUTE_MS
  const collected: CollectedAt[] = []
  if (periodMs === 0) return collected
  let nextMs = startMs + (endMs - startMs) * WARM_SHARE
  while (nextMs < endMs) {
    await pause(nextMs - performance.now())
    const hours = (performance.now() - startMs) / HOUR_MS
    collected.push({ hours, ...(await collect(pidWith(site.config), site.collectedFile)) })
    nextMs += periodMs
  }
  return collected
}

async function soak(site: OpenSoakSite): Promise<object> {
  const lengthMs = Number(values.minutes) * MINUTE_MS
  await allWell(site)
  say(`${site.devices.length} devices are well; ${values.minutes} minutes, seed ${values.seed}`)
  const startMs = performance.now()
  const endMs = startMs + lengthMs
  const samples: Sample[] = []
  let isOver = false
  const kept = keepRunning(site.gateway, () => isOver)
  const watching = (async () => {
    while (performance.now() < endMs) {
      const sample = await lookAt(site, startMs)
      samples.push(sample)
      if (samples.length % 12 === 1) say(JSON.stringify(sample))
      await pause(SAMPLE_MS)
    }
  })()
  const collecting = collectUntil(site, startMs, endMs)
  const calmMs = startMs + lengthMs * RESTARTS_SHARE
  const faults = await strikeUntil(site, diceFrom(Number(values.seed)), calmMs, endMs)
  await watching
  const collected = await collecting
  const hours = (performance.now() - startMs) / HOUR_MS
  await allWell(site)
  isOver = true
  const gatewayStarts = await kept
  for (const herd of site.herds) await herd.ask({ do: 'close' })
  const code = await site.gateway.stop()
  const books = await booksOf(join(site.folder, 'agents'), site.devices, site.config)
  const broken = brokenEquations(books)
  const paid = books.devices.reduce((sum, { unitsPaid }) => sum + unitsPaid, 0n)
  return {
    minutes: Number(values.minutes),
    devices: site.devices.length,
    seed: Number(values.seed),
    faults,
    gatewayStarts,
    gatewayExit: code,
    unitsPaid: `${paid}`,
    /** One line for each unit that is lost, doubled or in the wrong book. */
    broken,
    ...figuresOf(site, samples, hours),
    ...collectedFigures(collected),
    samples,
  }
}

const program = await bundleProgram()
const files = { herd: values.herd, collector: values.collector }
const site = await openSoakSite(program, files, Number(values.devices), Number(values.herds))
let code = 1
try {
  const { samples, ...result } = (await soak(site)) as { samples: unknown; broken: unknown[] }
  say(JSON.stringify(result, undefined, 1))
  if (values.out) writeFileSync(values.out, JSON.stringify({ ...result, samples }, undefined, 1))
  code = result.broken.length === 0 ? 0 : 1
} catch (error) {
  say(error instanceof Error ? (error.stack ?? error.message) : String(error))
} finally {
  await site.remove()
  await program.remove()
}
process.exit(code)
