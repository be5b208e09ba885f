/**
 * Statements as the fleet's service sees them: it listens to what devices say of themselves, and
 * looks at what waits to be co-signed when the gateway tells of it and again until it fits or ends.
 * @module
 */
import * as v from 'valibot'
import type { Cancel, Ports, Transport } from '../ports/index.ts'
import { OperatorError } from '../ports/operatorError.ts'
import { parseUint64 } from '../protocol/amount.ts'
import { bytesToHex } from '../protocol/bytes.ts'
import { parseTopic, TOPIC_ROOT } from '../protocol/topics.ts'
import type { CosignMode, CosignResult } from './cosigner.ts'
import { cosignWaiting, DIFFERENCES_SHOWN_MAX } from './cosigner.ts'
import type { FleetIdentity } from './login.ts'
import type { ChannelReport, DeviceReport } from './reports.ts'
import { readDeviceReport, readJson } from './reports.ts'
import { createRequests } from './requests.ts'
import type { SignedStatements } from './signedStatements.ts'
import type { Tolerances } from './statementCheck.ts'
import { describeDifference } from './statementCheck.ts'

const RETRY_MS = 2_000
/** Devices tell their readings every ten seconds: what differs for longer is no delay. */
const PATIENCE_MS = 15_000
/** Channels that are remembered; those of a fleet's devices and their predecessors. */
const CHANNELS_MAX = 1 << 20
const NAME_BYTES = 6

export type StatementOptions = {
  readonly identity: FleetIdentity
  readonly tolerances: Tolerances
  readonly signed: SignedStatements
}

export type StatementWatch = {
  /** What has to be subscribed to. */
  readonly topics: readonly string[]
  /** Takes in a message of one of these topics, or of a device report. */
  readonly take: (topic: string, payload: Uint8Array) => void
  /** The subscriptions of this connection are there. */
  readonly connected: (transport: Transport) => void
  readonly disconnected: () => void
  /** Deals with what waits now, once; rejects with what goes wrong. */
  readonly lookThrough: (transport: Transport, mode: CosignMode) => Promise<CosignResult>
  readonly stop: Cancel
}

type Meter = { readonly device: string; readonly meter: string }
const meterKey = ({ device, meter }: Meter) => `${device}/${meter}`

const stateSchema = v.object({
  meters: v.array(
    v.object({
      meter: v.string(),
      unitsPaid: v.nullable(v.string()),
      amount: v.optional(v.string()),
    }),
  ),
})

export function watchStatements(options: StatementOptions, ports: Ports): StatementWatch {
  const { identity, tolerances, signed } = options
  const { fleet, domain, signerKey, gateway } = identity
  const name = bytesToHex(ports.random.bytes(NAME_BYTES))
  const requests = createRequests(ports.timers, fleet, name)
  const channels = new Map<string, ChannelReport>()
  const readings = new Map<string, bigint>()
  const latest = new Map<string, bigint>()
  const amounts = new Map<string, bigint>()
  let transport: Transport | undefined
  const known = () => ({
    nowSeconds: Math.floor(ports.clock.nowMs() / 1_000),
    channels,
    paidReadings: readingsByChannel(channels, readings),
    paidAmounts: amountsByChannel({ channels, latest, amounts }),
    tolerances,
  })
  const lookThrough = async (through: Transport, mode: CosignMode) => {
    const ask = (verb: string, fields: Readonly<Record<string, unknown>>) =>
      requests.ask(through, verb, fields)
    const { log } = ports
    return cosignWaiting(
      { domain, signerKey, gatewayKey: gateway.key, signed, log, known, ask },
      mode,
    )
  }
  const rounds = createLooks(ports, async () => {
    if (transport) return lookThrough(transport, 'sign')
    throw new OperatorError('not connected')
  })
  const end = () => {
    transport = undefined
    rounds.stop()
    requests.drop()
  }
  return {
    topics: topicsOf(fleet),
    take: (topic, payload) => {
      const parsed = parseTopic(topic)
      if (parsed?.kind === 'response') requests.take(payload)
      else if (parsed?.kind === 'deviceState')
        learnState({ readings, latest }, parsed.device, payload)
      else if (parsed?.kind === 'fleet') rounds.begin()
      else if (parsed?.kind === 'deviceReport') learnReport(channels, readDeviceReport(payload))
    },
    connected: (one) => {
      transport = one
      rounds.begin()
    },
    disconnected: end,
    lookThrough,
    stop: end,
  }
}

function topicsOf(fleet: string): readonly string[] {
  const own = `${TOPIC_ROOT}/${fleet}`
  const answers = ['statement', 'statement-leaves', 'cosign', 'statement-known'].map(
    (one) => `${own}/_/response/${one}`,
  )
  return [`${own}/+/state`, `${own}/_/statement`, ...answers]
}

function learnReport(channels: Map<string, ChannelReport>, report: DeviceReport | undefined): void {
  for (const one of report?.channels ?? []) {
    const id = one.channelId.replace(/^0x/, '')
    if (channels.has(id) || channels.size < CHANNELS_MAX) channels.set(id, one)
  }
}

type Owed = {
  readonly channels: ReadonlyMap<string, ChannelReport>
  /** What each meter's device said last, whatever channel that was about. */
  readonly latest: ReadonlyMap<string, bigint>
  readonly amounts: Map<string, bigint>
}

/**
 * What devices say that they owe, by channel: of each meter the one that was reported last. What
 * was said of a channel counts on when another takes its place.
 */
function amountsByChannel({ channels, latest, amounts }: Owed): ReadonlyMap<string, bigint> {
  const newest = new Map([...channels].map(([id, report]) => [meterKey(report), id]))
  for (const [meter, id] of newest) {
    const amount = latest.get(meter)
    if (amount !== undefined && amount >= (amounts.get(id) ?? 0n)) amounts.set(id, amount)
  }
  return amounts
}

type Said = { readonly readings: Map<string, bigint>; readonly latest: Map<string, bigint> }

/** A device that is gone leaves no readings; what it said last still counts. */
function learnState({ readings, latest }: Said, device: string, payload: Uint8Array): void {
  const parsed = v.safeParse(stateSchema, readJson(payload))
  if (!parsed.success) return
  for (const { meter, unitsPaid, amount } of parsed.output.meters) {
    const key = meterKey({ device, meter })
    if (!readings.has(key) && readings.size >= CHANNELS_MAX) continue
    const paid = unitsPaid === null ? undefined : parseUint64(unitsPaid)
    if (paid !== undefined) readings.set(key, paid)
    const owed = amount === undefined ? undefined : parseUint64(amount)
    if (owed !== undefined) latest.set(key, owed)
  }
}

function readingsByChannel(
  channels: ReadonlyMap<string, ChannelReport>,
  readings: ReadonlyMap<string, bigint>,
): ReadonlyMap<string, bigint> {
  const found = new Map<string, bigint>()
  for (const [id, report] of channels) {
    const reading = readings.get(meterKey(report))
    if (reading !== undefined) found.set(id, reading)
  }
  return found
}

/** One look at a time; while something differs, another one after a while. */
function createLooks(ports: Ports, look: () => Promise<CosignResult>) {
  const { clock, timers, log } = ports
  let running = false
  let again = false
  let differs = { sequence: 0, sinceMs: 0, told: false }
  let stopped = false
  let cancel: Cancel = () => {}
  const finish = (delayMs: number | undefined) => {
    running = false
    if (stopped) return
    if (again) begin()
    else if (delayMs !== undefined) cancel = timers.after(delayMs, begin)
  }
  const hear = (result: CosignResult) => {
    if (result.outcome !== 'differs') {
      tell(result, log)
      return
    }
    const nowMs = clock.monotonicMs()
    const { sequence } = result
    if (differs.sequence !== sequence) differs = { sequence, sinceMs: nowMs, told: false }
    if (differs.told || nowMs - differs.sinceMs < PATIENCE_MS) return
    differs.told = true
    tell(result, log)
  }
  const begin = (): void => {
    cancel()
    stopped = false
    if (running) {
      again = true
      return
    }
    running = true
    again = false
    look().then(
      (result) => {
        hear(result)
        finish(result.outcome === 'differs' ? RETRY_MS : undefined)
      },
      (error: unknown) => {
        const reason = error instanceof Error ? error.message : String(error)
        log('warn', 'a statement could not be looked at', { reason })
        finish(RETRY_MS)
      },
    )
  }
  const stop = () => {
    cancel()
    stopped = true
    again = false
  }
  return { begin, stop }
}

function tell(result: CosignResult, log: Ports['log']): void {
  const { outcome, sequence, total, differences, status } = result
  if (outcome === 'gave_back') {
    log('warn', 'the gateway had lost what it stated; it was given back', { status: status ?? '' })
  }
  if (outcome === 'cosigned') {
    log('info', 'a statement was co-signed', { sequence, total: `${total}`, status: status ?? '' })
  }
  for (const one of differences.slice(0, DIFFERENCES_SHOWN_MAX)) {
    log('warn', 'a statement differs from what is known', {
      sequence,
      difference: describeDifference(one),
    })
  }
  if (differences.length > DIFFERENCES_SHOWN_MAX) {
    log('warn', 'a statement differs in more', { sequence, differences: differences.length })
  }
}
