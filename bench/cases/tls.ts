/**
 * TLS 1.3 with client certificates: what it takes of the tick rate, and ten thousand devices that
 * come back with a handshake each after the gateway was killed.
 * @module
 */
import { join } from 'node:path'
import type { ComebackStatus } from '../load/messages.ts'
import { cpuMicros } from '../measure.ts'
import { figure, spreadText } from '../report/tables.ts'
import { spread } from '../statistics.ts'
import { openTlsBench, type TlsBench } from '../systems/tlsGateway.ts'
import { atLeast, atMost, type Case, type CaseOptions, type Target } from './case.ts'
import { alternate, connectTo, type Row, rowOf, type Shape, shareOf, shareText } from './compare.ts'
import { ingestLimits, shapes } from './ingest.ts'

const DEVICES = 10_000
const TICKS_PER_SECOND = DEVICES / 5
const RETURN_TIMEOUT_SECONDS = 180
const POLL_MS = 250
const parts = ['ingest', 'reconnects'] as const

const manyShape: Shape = {
  name: '10,000 devices',
  connections: DEVICES,
  channels: 1,
  inFlight: 1,
  guess: TICKS_PER_SECOND,
}

type Ingest = { readonly rows: readonly Row[]; readonly share: ReturnType<typeof shareOf> }

async function measureIngest(options: CaseOptions): Promise<Ingest> {
  const { rounds, seconds, onProgress } = options
  const shape: Shape = shapes.c
  const folder = join(options.folder, 'ingest')
  const bench = await openTlsBench(folder, 2 * shape.connections, ingestLimits, options)
  const { plain, tls } = bench
  const from = shape.connections
  try {
    const first = await connectTo({ ...plain, devices: plain.devices.slice(0, from) }, shape)
    const second = await connectTo(halfOf(tls, from), shape)
    await alternate([first, second], shape, rounds, seconds, ({ system }, round) => {
      onProgress(`tls: ${system.name}: ${figure(round.ticksPerSecond)} ticks/s`)
    })
    await first.generator.stop()
    await second.generator.stop()
    return {
      rows: [rowOf(first, shape), rowOf(second, shape)],
      share: shareOf(second, first),
    }
  } finally {
    await bench.stop()
  }
}

function halfOf(system: TlsBench['tls'], from: number): TlsBench['tls'] {
  const { tls, devices } = system
  const certificates = tls?.certificates.slice(from) ?? []
  return { ...system, devices: devices.slice(from), tls: tls && { ...tls, certificates } }
}

type Logins = {
  readonly seconds: number
  readonly gatewayMicros: number
  readonly generatorCores: number
}

type Reconnects = {
  readonly plain: Logins
  readonly tls: Logins
  readonly returns: readonly Return[]
}

type Return = {
  readonly listeningSeconds: number
  readonly allBackSeconds: number
  readonly gatewayCores: number
  readonly generatorCores: number
  readonly lost: number
}

/** Connects all devices, and says what a login has cost. */
async function logAllIn(bench: TlsBench, system: TlsBench['tls']) {
  const { pid } = bench.process().child
  const startMs = performance.now()
  const before = cpuMicros(pid)
  const own = await connectTo(system, manyShape)
  const seconds = (performance.now() - startMs) / 1_000
  const logins: Logins = {
    seconds,
    gatewayMicros: (cpuMicros(pid) - before) / DEVICES,
    generatorCores: cpuMicros(own.generator.pid) / 1e6 / seconds,
  }
  return { own, logins }
}

async function measureReconnects(options: CaseOptions): Promise<Reconnects> {
  const { rounds, seconds, onProgress } = options
  const bench = await openTlsBench(join(options.folder, 'many'), DEVICES, {}, options)
  try {
    const first = await logAllIn(bench, bench.plain)
    await first.own.generator.stop()
    const second = await logAllIn(bench, bench.tls)
    onProgress(
      `tls: CPU of the gateway a login ${figure(first.logins.gatewayMicros)} us plain, ` +
        `${figure(second.logins.gatewayMicros)} us TLS`,
    )
    const { generator } = second.own
    const life = (rounds + 1) * (RETURN_TIMEOUT_SECONDS + seconds)
    const messages = Math.ceil((life * TICKS_PER_SECOND) / DEVICES)
    await generator.ask({ do: 'prepare', messages, windows: 1, jump: 1 })
    await generator.ask({ do: 'comeback', messagesPerSecond: TICKS_PER_SECOND })
    const returns: Return[] = []
    for (let round = 0; round < rounds; round++) {
      await pause(seconds * 1_000)
      const one = await killAndWait(bench, generator)
      returns.push(one)
      onProgress(
        `tls: all back after ${figure(one.allBackSeconds)} s, gateway ` +
          `${figure(one.gatewayCores)} cores, generator ${figure(one.generatorCores)}`,
      )
    }
    await generator.stop()
    return { plain: first.logins, tls: second.logins, returns }
  } finally {
    await bench.stop()
  }
}

type Generator = Awaited<ReturnType<typeof connectTo>>['generator']

async function killAndWait(bench: TlsBench, generator: Generator): Promise<Return> {
  const status = async () => (await generator.ask({ do: 'status' })) as ComebackStatus
  const before = await status()
  const killedAtMs = Date.now()
  await bench.restart()
  const { pid } = bench.process().child
  const listeningSeconds = (Date.now() - killedAtMs) / 1_000
  const own = cpuMicros(generator.pid)
  const gateway = cpuMicros(pid)
  const deadlineMs = killedAtMs + RETURN_TIMEOUT_SECONDS * 1_000
  for (;;) {
    await pause(POLL_MS)
    const now = await status()
    if (now.away > 0 && Date.now() <= deadlineMs) continue
    const sinceMs = Date.now() - killedAtMs - listeningSeconds * 1_000
    const cores = (micros: number) => micros / 1_000 / sinceMs
    const isBack = now.away === 0
    return {
      listeningSeconds,
      allBackSeconds: isBack ? (now.lastBackAtMs - killedAtMs) / 1_000 : Number.POSITIVE_INFINITY,
      gatewayCores: cores(cpuMicros(pid) - gateway),
      generatorCores: cores(cpuMicros(generator.pid) - own),
      lost: now.lost - before.lost,
    }
  }
}

function pause(delayMs: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, delayMs))
}

function targetsOf(ingest: Ingest | undefined, many: Reconnects | undefined): readonly Target[] {
  const ofIngest = ingest ? [atLeast('(c) rate of plain', 0.6, ingest.share.median)] : []
  if (!many) return ofIngest
  const back = spread(many.returns.map(({ allBackSeconds }) => allBackSeconds)).median
  const lost = many.returns.reduce((sum, one) => sum + one.lost, 0)
  return [
    ...ofIngest,
    atMost('10,000 devices paying again with a full handshake each, seconds', 60, back),
    atMost('devices of which something acknowledged was lost', 0, lost),
  ]
}

function ingestTable({ rows, share }: Ingest) {
  return {
    title: 'Ticks acknowledged a second',
    columns: ['listener', 'ticks/s', 'CPU us a tick', 'generator, cores'],
    rows: [
      ...rows.map((row) => [
        row.system === 'tls' ? 'TLS 1.3' : 'plain',
        spreadText(row.ticksPerSecond),
        spreadText(row.cpuMicrosPerTick),
        shareText(row.generatorShare.median),
      ]),
      ['TLS, share of plain', spreadText(share), '', ''],
    ],
  }
}

function reconnectTable({ plain, tls, returns }: Reconnects) {
  const of = (one: (each: Return) => number) => spreadText(spread(returns.map(one)))
  return {
    title: 'Ten thousand devices with certificates',
    columns: ['what', 'figure'],
    rows: [
      ['CPU us of the gateway a login, plain', figure(plain.gatewayMicros)],
      ['CPU us of the gateway a login, TLS', figure(tls.gatewayMicros)],
      ['of that the handshake', figure(tls.gatewayMicros - plain.gatewayMicros)],
      ['first login of all, plain, s', figure(plain.seconds)],
      ['first login of all, TLS, s', figure(tls.seconds)],
      ['after the kill: listening again, s', of(({ listeningSeconds }) => listeningSeconds)],
      ['all paying again, s', of(({ allBackSeconds }) => allBackSeconds)],
      ['cores of the gateway meanwhile', of(({ gatewayCores }) => gatewayCores)],
      ['cores of the generator meanwhile', of(({ generatorCores }) => generatorCores)],
    ],
  }
}

export const tls: Case = {
  name: 'tls',
  about: 'TLS 1.3 with client certificates: tick rate, and ten thousand handshakes at once',
  run: async (options) => {
    const wanted = parts.filter((one) => options.parts.length === 0 || options.parts.includes(one))
    const ingest = wanted.includes('ingest') ? await measureIngest(options) : undefined
    const many = wanted.includes('reconnects') ? await measureReconnects(options) : undefined
    const bars = ingest?.rows.map(({ system, ticksPerSecond: { median, min, max } }) => {
      const label = system === 'tls' ? 'TLS 1.3' : 'plain'
      return { label, value: median, low: min, high: max, isOwn: true }
    })
    return {
      targets: targetsOf(ingest, many),
      limits: ingest ? ingestLimits : {},
      tables: [...(ingest ? [ingestTable(ingest)] : []), ...(many ? [reconnectTable(many)] : [])],
      charts: bars
        ? [{ kind: 'bars', name: 'tls', unit: 'ticks/s', groups: [{ title: shapes.c.name, bars }] }]
        : [],
      notes: [
        'Both listeners are of one gateway and take turns. Keys of the authority, the server and ' +
          'the devices are P-256; 10,000 other certificates are revoked, and each login looks ' +
          'for its own among them.',
        'Tickets of an earlier process resume nothing: after the kill each device makes a full ' +
          'handshake with its certificate, and then logs in with a signed token as always. The ' +
          'generator does the other half of each handshake on the same machine.',
      ],
      figures: { ingest, many },
    }
  },
}
