/**
 * What the gateway keeps retained on its broker for people: a report per device on change, and its
 * own state, limits, health and prices.
 * @module
 */
import type { Cancel } from '../ports/index.ts'
import { bytesToHex, utf8ToBytes } from '../protocol/bytes.ts'
import { encodeCbor } from '../protocol/cbor.ts'
import * as limits from '../protocol/limits.ts'
import { signedToWire, tariffStructure } from '../protocol/structures.ts'
import type { GatewayName } from '../protocol/topics.ts'
import { formatTopic } from '../protocol/topics.ts'
import type { Core, DeviceName } from './core.ts'
import { reportDevice, reportStatus, sessionOf } from './reports.ts'
import { createRounds } from './rounds.ts'
import { publishStatuses } from './verbs/fleetStatus.ts'

export type Publisher = {
  readonly start: () => void
  /** Devices whose debt was settled have something new to report, and so has the gateway. */
  readonly settled: () => void
  readonly retire: () => void
  readonly close: Cancel
}

const HEALTH_PERIOD_MS = 30_000
/** Channels that nothing has touched since the start: 40 us each to read who they belong to. */
const UNSEEN_BOUNDS = { perTurn: 32, perRound: 1_000 }
/** Channels: a report takes some 50 us for each, and ticks wait meanwhile. A round takes all. */
const REPORT_BOUNDS = { perTurn: 16, perRound: Number.MAX_SAFE_INTEGER }

export function createPublisher(core: Core): Publisher {
  const cancels: Cancel[] = []
  const { timers } = core.ports
  const channels = channelsOnce(core)
  // The broker forgets with the gateway: reports of devices that stay away are made again.
  const unseen = createRounds(timers, UNSEEN_BOUNDS, channels, (channel) => {
    const { fleet, device } = core.state.cold.channel(channel)
    core.touch(fleet, device)
    return 1
  })
  const reports = createRounds(
    timers,
    REPORT_BOUNDS,
    () => takeTouched(core),
    ({ fleet, device }) => publishDevice(core, fleet, device),
  )
  const flush = () => {
    unseen.begin()
    publishStatuses(core, new Set([...core.touched.values()].map(({ fleet }) => fleet)))
    reports.begin()
  }
  return {
    start: () => {
      publishAbout(core)
      cancels.push(
        timers.every(core.config.reportSeconds * 1_000, flush),
        timers.every(HEALTH_PERIOD_MS, () => publishHealth(core)),
      )
    },
    settled: () => publishHealth(core),
    retire: () => publishOwn(core, 'state', { state: 'offline' }),
    close: () => {
      for (const cancel of cancels) cancel()
      unseen.stop()
      reports.stop()
    },
  }
}

/** The devices of one round; what is touched from here on belongs to the next. */
function takeTouched(core: Core): Iterator<DeviceName> {
  const devices = [...core.touched.values()]
  core.touched.clear()
  for (const { fleet, device } of devices) {
    const session = sessionOf(core, fleet, device)
    if (session) session.touched = false
  }
  return devices.values()
}

/** All channels, each once however often it is asked; those that are opened later come later. */
function channelsOnce({ state }: Core): () => Iterator<number> {
  let next = 0
  return function* channels() {
    while (next < state.hot.count()) yield next++
  }
}

/**
 * Returns how many channels the report speaks of. Where nobody reads it, it is not made: at 50 us
 * a channel, a round over a million that all tick would take the event loop 50 s.
 */
function publishDevice(core: Core, fleet: string, device: string): number {
  const topic = formatTopic({ kind: 'deviceReport', fleet, device })
  if (core.link.offer) {
    let channels = 1
    core.link.offer(topic, (hand) => {
      const report = reportDevice(core, fleet, device)
      channels = Math.max(1, report.channels.length)
      const payload = jsonOf(report)
      core.writer.whenDurable(() => hand(payload))
    })
    return channels
  }
  const report = reportDevice(core, fleet, device)
  publishJson(core, topic, report)
  return report.channels.length
}

function publishOwn(core: Core, name: GatewayName, value: unknown): void {
  publishJson(core, formatTopic({ kind: 'gateway', gateway: core.config.gateway, name }), value)
}

function publishJson(core: Core, topic: string, value: unknown): void {
  const payload = jsonOf(value)
  core.writer.whenDurable(() => core.link.publish(topic, payload, { retain: true }))
}

function jsonOf(value: unknown): Uint8Array {
  return utf8ToBytes(JSON.stringify(value))
}

function publishAbout(core: Core): void {
  publishOwn(core, 'state', { state: 'online' })
  publishOwn(core, 'info', aboutGateway(core))
  publishOwn(core, 'tariff', {
    tariffs: core.tariffs.all.map((signed) => ({
      unit: signed.value.unit,
      unitsPerTick: signed.value.unitsPerTick.toString(),
      pricePerTick: signed.value.pricePerTick.toString(),
      creditTicks: signed.value.creditTicks,
      validFrom: signed.value.validFrom,
      validUntil: signed.value.validUntil,
      signed: bytesToHex(encodeCbor(signedToWire(tariffStructure, signed))),
    })),
  })
  publishHealth(core)
}

/** The limits in force: those of the protocol, and those that the configuration raised. */
function aboutGateway(core: Core) {
  const { state, config } = core
  return {
    gateway: config.gateway,
    wireVersion: limits.WIRE_VERSION,
    asset: config.asset,
    feeBasisPoints: config.feeBasisPoints,
    ledger: {
      chainId: state.domain.chainId.toString(),
      contract: `0x${bytesToHex(state.domain.verifyingContract)}`,
      maxTail: core.ledger.maxTail,
    },
    limits: {
      epochLengthTicks: limits.EPOCH_LENGTH_TICKS_MAX,
      jumpTicks: limits.JUMP_TICKS_MAX,
      hashesPerSecond: config.limits.hashRate.perSecond,
      hashesBurst: config.limits.hashRate.burst,
      messagesPerSecond: config.limits.messagesPerSecond,
      messagesBurst: config.limits.messagesBurst,
      channelsPerDevice: config.limits.channelsPerDevice,
      packetBytes: limits.PACKET_BYTES_MAX,
      inFlight: config.limits.inFlight,
      clockToleranceSeconds: limits.CLOCK_TOLERANCE_SECONDS,
    },
  }
}

function publishHealth(core: Core): void {
  const { settled, unsettled, ...status } = reportStatus(core, null)
  publishOwn(core, 'health', { settled, unsettled, ...status })
}
