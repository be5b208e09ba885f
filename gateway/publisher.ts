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
import type { Core } from './core.ts'
import { reportDevice, reportStatus, sessionOf } from './reports.ts'

export type Publisher = {
  readonly start: () => void
  /** Devices whose debt was settled have something new to report, and so has the gateway. */
  readonly settled: () => void
  readonly retire: () => void
  readonly close: Cancel
}

const HEALTH_PERIOD_MS = 30_000
/** How many channels a round looks at that nothing has touched since the start. */
const CHANNELS_PER_ROUND = 1_000
/** A report takes some 50 us for each channel, and ticks wait meanwhile. */
const CHANNELS_PER_TURN = 16

export function createPublisher(core: Core): Publisher {
  const cancels: Cancel[] = []
  let unseen = 0
  let round: Round | undefined
  const flush = () => {
    // The broker forgets with the gateway: reports of devices that stay away are made again.
    const end = Math.min(unseen + CHANNELS_PER_ROUND, core.state.hot.count())
    for (; unseen < end; unseen++) touchChannel(core, unseen)
    if (round && round.left > 0) return
    round = { left: core.touched.size }
    publishTurn(core, round)
  }
  return {
    start: () => {
      publishAbout(core)
      cancels.push(
        core.ports.timers.every(core.config.reportSeconds * 1_000, flush),
        core.ports.timers.every(HEALTH_PERIOD_MS, () => publishHealth(core)),
      )
    },
    settled: () => publishHealth(core),
    retire: () => publishOwn(core, 'state', { state: 'offline' }),
    close: () => {
      for (const cancel of cancels) cancel()
      if (round) round.left = 0
    },
  }
}

/** Devices that are still to be reported on. */
type Round = { left: number }

function touchChannel(core: Core, channel: number): void {
  const { fleet, device } = core.state.cold.channel(channel)
  core.touch(fleet, device)
}

/**
 * Reports of the devices that were touched first, some in each turn of the event loop. What is
 * touched meanwhile belongs to the next round.
 */
function publishTurn(core: Core, round: Round): void {
  let channels = 0
  for (const [name, { fleet, device }] of core.touched) {
    if (round.left === 0 || channels >= CHANNELS_PER_TURN) break
    round.left -= 1
    core.touched.delete(name)
    const session = sessionOf(core, fleet, device)
    if (session) session.touched = false
    channels += publishDevice(core, fleet, device)
  }
  if (round.left > 0) core.ports.timers.soon(() => publishTurn(core, round))
}

/** Returns how many channels the report speaks of. */
function publishDevice(core: Core, fleet: string, device: string): number {
  const topic = formatTopic({ kind: 'deviceReport', fleet, device })
  const report = reportDevice(core, fleet, device)
  publishJson(core, topic, report)
  return report.channels.length
}

function publishOwn(core: Core, name: GatewayName, value: unknown): void {
  publishJson(core, formatTopic({ kind: 'gateway', gateway: core.config.gateway, name }), value)
}

function publishJson(core: Core, topic: string, value: unknown): void {
  const payload = utf8ToBytes(JSON.stringify(value))
  core.writer.whenDurable(() => core.link.publish(topic, payload, { retain: true }))
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
