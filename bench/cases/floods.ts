/**
 * What honest devices notice of floods from outside and from within, and what the gateway's memory
 * keeps of them.
 * @module
 */
import { join } from 'node:path'
import { credentialAnswer, readAnswer } from '../../cli/answers.ts'
import { present } from '../../protocol/assert.ts'
import { createAsk, startTold } from '../children.ts'
import { collect } from '../collections.ts'
import {
  type FloodCommand,
  type FloodKind,
  type FloodStatus,
  floodKinds,
  type Login,
} from '../load/floodMessages.ts'
import { anonymousBytes, cpuMicros } from '../measure.ts'
import { figure, spreadText } from '../report/tables.ts'
import { ratioSpread, type Spread, spread } from '../statistics.ts'
import { type BenchGateway, openBenchGateway } from '../systems/benchGateway.ts'
import { benchFleet } from '../systems/system.ts'
import { atLeast, atMost, type Case, type CaseOptions, eachPart, type Target } from './case.ts'
import {
  type Contender,
  connectTo,
  type OpenRound,
  openRound,
  runRound,
  type Shape,
} from './compare.ts'
import { shapes } from './ingest.ts'

const HONEST = 1_000
/** Of what the gateway carries in a closed loop: the floods need a core as well. */
const HONEST_SHARE = 0.5
/** The attacker's own devices, and one that only logs in. */
const OWN_DEVICES = 10_000
const CREDENTIALS = 4
const SETTLE_SECONDS = 3
const MEMORY_AFTER_SECONDS = 60
const CALM_SECONDS = 2
/** From the end of a crowd until the gateway has collected what it left, and some more. */
const TIDY_SECONDS = 60
const honestShape: Shape = { ...shapes.a, connections: HONEST }
/** Several messages a second are more than a socket's power; alarms would be memory, too. */
const floodLimits = { 'fraud.rules.impossible_power.whPerSecond': 1_000_000_000 }

/** Clients, or new connections a second. */
const sizes: Readonly<Record<FloodKind, number>> = {
  'slow-connect': 5_000,
  'slow-publish': 5_000,
  connects: 1_000,
  'bad-connects': 1_000,
  'bad-passwords': 1_000,
  'bad-secrets': 200,
  subscribes: 200,
  frozen: 64,
  abandoned: 10_000,
}
const kinds = Object.keys(floodKinds) as FloodKind[]

type Flooder = {
  readonly ask: (command: FloodCommand) => Promise<FloodStatus>
  readonly stop: () => Promise<void>
}

type Site = {
  readonly gateway: BenchGateway
  readonly honest: Contender
  readonly flooder: Flooder
  readonly messagesPerSecond: number
  /** What the first login of each device since the start took. */
  readonly firstLoginBytes: number
}
/** Before all devices have been there. */
type NewSite = Omit<Site, 'firstLoginBytes'>

type Measured = {
  readonly kind: FloodKind
  /** Messages a second without the flood and with it. */
  readonly peaceful: readonly number[]
  readonly flooded: readonly number[]
  readonly peacefulP99: readonly number[]
  readonly floodedP99: readonly number[]
  readonly bytesBefore: number
  readonly bytesFlooded: number
  readonly bytesAfter: number
  /** Connections tried, and packets sent, a second. */
  readonly openedPerSecond: number
  readonly packetsPerSecond: number
  readonly open: number
  /** Cores of the gateway while flooded, and of the flooding process. */
  readonly gatewayCores: number
  readonly flooderCores: number
  readonly loginMs: number
  readonly logins: number
  readonly loginsRefused: number
}

const pause = (seconds: number) => new Promise<void>((end) => setTimeout(end, seconds * 1_000))

async function openSite(options: CaseOptions): Promise<Site> {
  const folder = join(options.folder, 'gateway')
  const shape = { connections: HONEST + OWN_DEVICES + 1, channels: 1 }
  const gateway = await openBenchGateway(folder, shape, floodLimits, options)
  const { system } = gateway
  // Enrolling has made it larger than devices that pay would, which would hide what floods leave.
  await gateway.restart('SIGTERM')
  const processes = [{ name: 'gateway', pid: gateway.process().child.pid }]
  const half = { ...system, processes, devices: system.devices.slice(0, HONEST) }
  const honest = await connectTo(half, honestShape)
  const child = startTold('load/floodProgram', [])
  const flooder: Flooder = {
    ask: createAsk<FloodCommand, FloodStatus>(child),
    stop: () => child.stop('SIGKILL'),
  }
  await flooder.ask({
    do: 'ready',
    port: system.port,
    gateway: present(system.gateway, 'a gateway'),
    devices: system.devices.slice(HONEST, HONEST + OWN_DEVICES),
    logins: await makeLogins(gateway),
    honest: present(system.devices.at(-1), 'one more device'),
  })
  await runRound(honest, honestShape, 1)
  const { ticksPerSecond } = await runRound(honest, honestShape, Math.min(3, options.seconds))
  const messagesPerSecond = ticksPerSecond * HONEST_SHARE
  const site = { gateway, honest, flooder, messagesPerSecond }
  return { ...site, firstLoginBytes: await letAllLogIn(site, options) }
}

/**
 * Every device has been there once, as on a site that has run for a while: the broker keeps its
 * status and its key from then on. Returns the bytes that this took of each.
 */
async function letAllLogIn(site: NewSite, options: CaseOptions): Promise<number> {
  const { flooder } = site
  await pause(TIDY_SECONDS)
  await window(site, options.seconds)
  const bytesBefore = await memoryOf(site)
  await flooder.ask({ do: 'flood', kind: 'abandoned', size: OWN_DEVICES })
  await flooder.ask({ do: 'calm' })
  await pause(TIDY_SECONDS)
  await window(site, options.seconds)
  return ((await memoryOf(site)) - bytesBefore) / OWN_DEVICES
}

async function makeLogins(gateway: BenchGateway): Promise<readonly Login[]> {
  const { calls } = gateway.process()
  const logins: Login[] = []
  for (let number = 0; number < CREDENTIALS; number++) {
    const wanted = { fleet: benchFleet, name: `tool-${number}`, rights: ['read'] }
    logins.push(readAnswer(credentialAnswer, await calls.call('credential_add', wanted)))
  }
  return logins
}

/** Anonymous memory after a collection: when V8 did the last one says nothing of a flood. */
async function memoryOf({ gateway }: NewSite): Promise<number> {
  const { child, collected } = gateway.process()
  return (await collect(child.pid, collected)).anonymous
}

/** One window at the honest devices' rate. */
function window(site: NewSite, seconds: number) {
  return openRound(site.honest, honestShape, seconds, site.messagesPerSecond)
}

async function measureKind(site: Site, kind: FloodKind, options: CaseOptions): Promise<Measured> {
  const { flooder } = site
  const { rounds, seconds } = options
  const peaceful: OpenRound[] = []
  const flooded: OpenRound[] = []
  const starts: Flooded[] = []
  await window(site, seconds)
  const bytesBefore = await memoryOf(site)
  for (let round = 0; round < rounds; round++) {
    peaceful.push(await window(site, seconds))
    await flooder.ask({ do: 'flood', kind, size: sizes[kind] })
    await pause(SETTLE_SECONDS)
    const flood = await underFlood(site, seconds)
    flooded.push(flood.window)
    starts.push(flood)
    await flooder.ask({ do: 'calm' })
    if (round < rounds - 1) await pause(CALM_SECONDS)
  }
  const endedMs = performance.now()
  await pause(MEMORY_AFTER_SECONDS - seconds - CALM_SECONDS)
  await window(site, seconds)
  await pause(Math.max(0, MEMORY_AFTER_SECONDS - (performance.now() - endedMs) / 1_000))
  const rates = (all: readonly OpenRound[]) => all.map(({ messagesPerSecond }) => messagesPerSecond)
  const tails = (all: readonly OpenRound[]) => all.map(({ latencies }) => latencies.p99 / 1_000)
  const measured: Measured = {
    kind,
    peaceful: rates(peaceful),
    flooded: rates(flooded),
    peacefulP99: tails(peaceful),
    floodedP99: tails(flooded),
    bytesBefore,
    bytesAfter: await memoryOf(site),
    ...summary(starts),
  }
  options.onProgress(progressLine(measured))
  return measured
}

type Flooded = {
  readonly window: OpenRound
  readonly status: FloodStatus
  readonly opened: number
  readonly packets: number
  readonly seconds: number
  readonly gatewayMicros: number
  readonly flooderMicros: number
  readonly bytes: number
}

async function underFlood(site: Site, seconds: number): Promise<Flooded> {
  const { gateway, flooder } = site
  const pid = gateway.process().child.pid
  const before = await flooder.ask({ do: 'status' })
  const cpuBefore = cpuMicros(pid)
  const startMs = performance.now()
  const measured = await window(site, seconds)
  const status = await flooder.ask({ do: 'status' })
  return {
    window: measured,
    status,
    opened: status.opened - before.opened,
    packets: status.packets - before.packets,
    seconds: (performance.now() - startMs) / 1_000,
    gatewayMicros: cpuMicros(pid) - cpuBefore,
    flooderMicros: status.ownCpuMicros - before.ownCpuMicros,
    bytes: anonymousBytes(pid),
  }
}

function summary(floods: readonly Flooded[]) {
  const sum = (of: (one: Flooded) => number) => floods.reduce((all, one) => all + of(one), 0)
  const seconds = sum((one) => one.seconds)
  const loginsMs = floods.flatMap(({ status }) => status.loginsMs)
  return {
    bytesFlooded: Math.max(...floods.map(({ bytes }) => bytes)),
    openedPerSecond: sum(({ opened }) => opened) / seconds,
    packetsPerSecond: sum(({ packets }) => packets) / seconds,
    open: Math.max(...floods.map(({ status }) => status.open)),
    gatewayCores: sum(({ gatewayMicros }) => gatewayMicros) / 1e6 / seconds,
    flooderCores: sum(({ flooderMicros }) => flooderMicros) / 1e6 / seconds,
    loginMs: loginsMs.length > 0 ? spread(loginsMs).median : Number.NaN,
    logins: loginsMs.length,
    loginsRefused: sum(({ status }) => status.loginsRefused),
  }
}

function progressLine(one: Measured): string {
  const share = figure(ratioSpread(one.flooded, one.peaceful).median)
  const megabytes = [one.bytesBefore, one.bytesFlooded, one.bytesAfter]
    .map((bytes) => figure(bytes / 1e6))
    .join(' -> ')
  return (
    `floods: ${one.kind}: throughput ${share}, ${megabytes} MB, gateway ` +
    `${figure(one.gatewayCores)} cores, flooder ${figure(one.flooderCores)}, ` +
    `${figure(one.openedPerSecond)} connections/s, ${figure(one.packetsPerSecond)} packets/s, ` +
    `${one.open} open, login ${figure(one.loginMs)} ms, ` +
    `${one.loginsRefused} of ${one.logins + one.loginsRefused} refused`
  )
}

function targetsOf(measured: readonly Measured[]): readonly Target[] {
  return measured.flatMap((one) => [
    atLeast(
      `${one.kind}: honest throughput, share of peace`,
      0.95,
      ratioSpread(one.flooded, one.peaceful).median,
    ),
    atMost(
      `${one.kind}: memory 60 s after, share of before`,
      1.05,
      one.bytesAfter / one.bytesBefore,
    ),
  ])
}

function rowOf(one: Measured): readonly string[] {
  const p99 = `${figure(spread(one.peacefulP99).median)} / ${figure(spread(one.floodedP99).median)}`
  const bytes = [one.bytesBefore, one.bytesFlooded, one.bytesAfter]
  return [
    `${one.kind} (${sizes[one.kind].toLocaleString('en')})`,
    spreadText(shareOf(one)),
    p99,
    bytes.map((each) => figure(each / 1e6)).join(' / '),
    figure(one.openedPerSecond),
    figure(one.packetsPerSecond),
    `${figure(one.gatewayCores)} / ${figure(one.flooderCores)}`,
    `${figure(one.loginMs)}; ${one.loginsRefused} of ${one.logins + one.loginsRefused}`,
  ]
}

function shareOf(one: Measured): Spread {
  return ratioSpread(one.flooded, one.peaceful)
}

function notesOf({ messagesPerSecond, firstLoginBytes }: Site): readonly string[] {
  return [
    `No limit of messages is raised. ${HONEST} honest devices send ${figure(messagesPerSecond)} ` +
      'messages a second, half of what the gateway carries in a closed loop, by turns in peace ' +
      'and beside each flood; devices, gateway and flood share the two cores.',
    ...kinds.map((kind) => `\`${kind}\`: ${floodKinds[kind]}.`),
    'The flood comes from eight addresses, honest devices from another. Whoever is thrown ' +
      'out comes back after two seconds. Twice a second an honest device logs in beside the ' +
      'flood; the time until its CONNACK is that of the flooding process too.',
    'Memory is anonymous (RssAnon) and of a gateway that was restarted after enrolling and ' +
      `where all ${OWN_DEVICES.toLocaleString('en')} devices have logged in once since: before ` +
      'the flood, while it lasts, and 60 s after its end, when the honest devices have sent as ' +
      'before; before and after are read when the gateway has been made to collect. ' +
      `The first logins took ${figure(firstLoginBytes)} bytes each.`,
  ]
}

export const floods: Case = {
  name: 'floods',
  about: 'honest throughput and memory beside floods of strangers, devices and tools',
  run: async (options) => {
    const wanted = kinds.filter(
      (kind) => options.parts.length === 0 || options.parts.includes(kind),
    )
    const site = await openSite(options)
    const { messagesPerSecond, firstLoginBytes } = site
    let result: Awaited<ReturnType<typeof eachPart<FloodKind, Measured>>>
    try {
      result = await eachPart(
        wanted,
        (kind) => kind,
        (kind) => measureKind(site, kind, options),
      )
    } finally {
      await site.flooder.stop()
      await site.honest.generator.stop()
      await site.gateway.system.stop()
    }
    const { measured, failures } = result
    return {
      targets: targetsOf(measured),
      limits: floodLimits,
      failures,
      tables: [
        {
          title: 'Honest devices beside floods',
          columns: [
            'flood (clients, or connections a second)',
            'throughput, share of peace',
            'p99 in peace / flooded, ms',
            'memory before / meanwhile / 60 s after, MB',
            'connections/s',
            'packets/s',
            'cores of gateway / flooder',
            'honest login, ms; refused',
          ],
          rows: measured.map(rowOf),
        },
      ],
      charts: [
        {
          kind: 'bars',
          name: 'floods',
          unit: 'share of the throughput in peace',
          groups: [
            {
              title: 'Honest devices while flooded',
              bars: measured.map((one) => {
                const { median, min, max } = shareOf(one)
                return { label: one.kind, value: median, low: min, high: max, isOwn: true }
              }),
            },
          ],
        },
      ],
      notes: notesOf(site),
      figures: { messagesPerSecond, firstLoginBytes, measured },
    }
  },
}
