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
import { reportDevice, reportStatus } from './reports.ts'
import type { SettlementSummary } from './settle/settler.ts'

export type Publisher = {
  readonly start: () => void
  /** Something about this device changed; its report goes out with the next round. */
  readonly touch: (fleet: string, device: string) => void
  readonly settled: (summary: SettlementSummary) => void
  readonly close: Cancel
}

const HEALTH_PERIOD_MS = 30_000

export function createPublisher(core: Core): Publisher {
  const touched = new Map<string, { readonly fleet: string; readonly device: string }>()
  const cancels: Cancel[] = []
  const flush = () => {
    const round = [...touched.values()]
    touched.clear()
    core.writer.whenDurable(() => {
      for (const { fleet, device } of round) publishDevice(core, fleet, device)
    })
  }
  return {
    start: () => {
      publishAbout(core)
      cancels.push(
        core.ports.timers.every(core.config.reportSeconds * 1_000, flush),
        core.ports.timers.every(HEALTH_PERIOD_MS, () => publishHealth(core)),
      )
    },
    touch: (fleet, device) => {
      touched.set(`${fleet}/${device}`, { fleet, device })
    },
    settled: () => {
      for (const { fleet, device } of core.sessions.values()) {
        touched.set(`${fleet}/${device}`, { fleet, device })
      }
      publishHealth(core)
    },
    close: () => {
      for (const cancel of cancels) cancel()
      publishOwn(core, 'state', { state: 'offline' })
    },
  }
}

function publishDevice(core: Core, fleet: string, device: string): void {
  const topic = formatTopic({ kind: 'deviceReport', fleet, device })
  publishJson(core, topic, reportDevice(core, fleet, device))
}

function publishOwn(core: Core, name: GatewayName, value: unknown): void {
  publishJson(core, formatTopic({ kind: 'gateway', gateway: core.config.gateway, name }), value)
}

function publishJson(core: Core, topic: string, value: unknown): void {
  core.link.publish(topic, utf8ToBytes(JSON.stringify(value)), { retain: true })
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
      inFlight: limits.IN_FLIGHT_MAX,
      clockToleranceSeconds: limits.CLOCK_TOLERANCE_SECONDS,
    },
  }
}

function publishHealth(core: Core): void {
  const { settled, unsettled, ...status } = reportStatus(core, null)
  publishOwn(core, 'health', { settled, unsettled, ...status })
}
