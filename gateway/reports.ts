/**
 * What the gateway knows of its channels, as JSON for people: amounts and units as decimal strings,
 * times in seconds since 1970.
 * @module
 */
import type { Asset } from '../protocol/amount.ts'
import { bytesToHex } from '../protocol/bytes.ts'
import type { SupplyLevel, SupplyReason } from '../protocol/reasons.ts'
import type { Core } from './core.ts'
import type { Session } from './intake/session.ts'
import { supplyOf } from './intake/sessionSupply.ts'
import { heldAmount, heldReading, isClosed, reservedAmount } from './state/hotChannels.ts'

export type MandateReport = {
  readonly sequence: number
  readonly limit: string
  readonly limitPerDay: string
  readonly expiry: number
  readonly claimUntil: number
}

export type ChannelReport = {
  readonly fleet: string
  readonly device: string
  readonly slot: number
  readonly channelId: string
  readonly meter: string
  readonly unit: string
  readonly asset: Asset
  readonly epoch: number
  readonly index: number
  /** Register at which the channel's first unit begins; 0 before it is opened. */
  readonly startReading: string
  /** Units from there to the register that the held word has reached. */
  readonly unitsPaid: string
  /** Register that the device reported last; null when it has not in this session. */
  readonly register: string | null
  readonly paid: string
  readonly reserved: string
  readonly settled: string
  /** Accepted and not yet settled. */
  readonly exposure: string
  readonly creditUnits: string
  readonly supply: SupplyLevel
  readonly reason: SupplyReason
  readonly mandate: MandateReport | null
  readonly state: 'open' | 'closed'
}

export type DeviceReport = {
  readonly device: string
  readonly online: boolean
  readonly timeSeconds: number
  readonly channels: readonly ChannelReport[]
}

export function reportChannel(core: Core, channel: number): ChannelReport {
  const { hot, cold } = core.state
  const { columns } = hot
  const record = cold.channel(channel)
  const session = sessionOf(core, record.fleet, record.device)
  const supply = supplyOf(core, session, record.slot, channel)
  const paid = heldAmount(hot, channel)
  const settled = columns.paid[channel] ?? 0n
  const first = columns.firstReading[channel] ?? 0n
  const credit = BigInt(columns.creditTicks[channel] ?? 0) * (columns.unitsPerTick[channel] ?? 0n)
  return {
    fleet: record.fleet,
    device: record.device,
    slot: record.slot,
    channelId: bytesToHex(record.channelId),
    meter: record.channel.meter,
    unit: record.unit,
    asset: { code: record.channel.assetCode, scale: record.channel.assetScale },
    epoch: columns.epoch[channel] ?? 0,
    index: columns.index[channel] ?? 0,
    startReading: first.toString(),
    unitsPaid: (heldReading(hot, channel) - first).toString(),
    register: registerOf(core, channel, session)?.toString() ?? null,
    paid: paid.toString(),
    reserved: reservedAmount(hot, channel).toString(),
    settled: settled.toString(),
    exposure: exposureOf(paid, settled).toString(),
    creditUnits: credit.toString(),
    supply: supply.level,
    reason: supply.reason,
    mandate: reportMandate(core, channel),
    state: isClosed(hot, channel) ? 'closed' : 'open',
  }
}

/** A restored store may know of less than the ledger has paid. */
function exposureOf(held: bigint, settled: bigint): bigint {
  return held > settled ? held - settled : 0n
}

/** A slot that was given again says nothing of the channel that had it before. */
function registerOf(core: Core, channel: number, session: Session | undefined) {
  const { slot } = core.state.cold.channel(channel)
  return session?.channels[slot] === channel ? session.registers.get(slot) : undefined
}

function reportMandate(core: Core, channel: number): MandateReport | null {
  const mandate = core.state.cold.mandate(channel)?.value
  if (!mandate) return null
  return {
    sequence: mandate.sequence,
    limit: mandate.limit.toString(),
    limitPerDay: mandate.limitPerDay.toString(),
    expiry: mandate.expiry,
    claimUntil: mandate.claimUntil,
  }
}

export function reportDevice(core: Core, fleet: string, device: string): DeviceReport {
  const channels = core.state.cold.device(fleet, device)?.channels ?? []
  return {
    device,
    online: sessionOf(core, fleet, device) !== undefined,
    timeSeconds: Math.floor(core.ports.clock.nowMs() / 1_000),
    channels: channels.map((channel) => reportChannel(core, channel)),
  }
}

export function sessionOf(core: Core, fleet: string, device: string): Session | undefined {
  return core.sessions.get(`${fleet}/${device}`)
}

/** The gateway as a whole. */
export function reportStatus(core: Core, ledgerSum: string | null) {
  const { state } = core
  const totals = totalAmounts(core)
  return {
    gateway: core.config.gateway,
    life: bytesToHex(state.lives.at(-1)?.life ?? new Uint8Array()),
    position: core.writer.position(),
    journal: reportHead(core),
    sessions: core.sessions.size,
    channels: state.hot.count(),
    accepted: state.acceptedTicks,
    acceptedAmount: totals.accepted.toString(),
    settled: totals.settled.toString(),
    unsettled: totals.unsettled.toString(),
    refused: Object.fromEntries(core.counters.refused),
    settlements: state.settlements,
    lastSettlementAtSeconds: state.lastSettlementSeconds || null,
    ledgerSum,
    signatures: {
      connects: core.counters.connects,
      times: core.counters.timesSigned,
      tariffs: core.tariffs.all.length,
      commitments: { ...state.commitments },
    },
    ledger: {
      chainId: state.domain.chainId.toString(),
      contract: `0x${bytesToHex(state.domain.verifyingContract)}`,
    },
    quarantined: state.quarantine.size,
    spaceLow: core.spaceLow(),
    ...(core.link.report ? { broker: core.link.report() } : {}),
  }
}

/** Kept by anybody, it proves later that the journal up to there was not altered. */
function reportHead(core: Core) {
  const { position, hash } = core.journal.head()
  return { position: Number(position), hash: bytesToHex(hash) }
}

function totalAmounts(core: Core) {
  const { hot } = core.state
  let accepted = 0n
  let settled = 0n
  let unsettled = 0n
  for (let channel = 0; channel < hot.count(); channel++) {
    const held = heldAmount(hot, channel)
    const paid = hot.columns.paid[channel] ?? 0n
    accepted += held
    settled += paid
    unsettled += exposureOf(held, paid)
  }
  return { accepted, settled, unsettled }
}
