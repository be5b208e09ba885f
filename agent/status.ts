/**
 * What an agent says of itself, to its operator and, shorter, on its `state` topic. Amounts and
 * units are decimal strings.
 * @module
 */

import type { Asset } from '../protocol/amount.ts'
import { assert } from '../protocol/assert.ts'
import { amountAt, worstCase } from '../protocol/channel.ts'
import { PACKET_BYTES_MAX, TOPIC_BYTES_MAX, WILL_BYTES_MAX } from '../protocol/limits.ts'
import type { Account, Signatures } from './account.ts'
import type { MeterEvent } from './meters/supervisor.ts'
import type { Payer } from './payerState.ts'
import { creditUnits, paidReading } from './payerState.ts'
import type { ReceiptBook, ReceiptStatus } from './receipts.ts'
import type { SessionStatus } from './session.ts'
import type { DeviceSupplyReason } from './supplyRule.ts'

export type MeterStatus = {
  readonly meter: string
  readonly unit: string
  /** `starting`: no event of the meter yet. */
  readonly state: 'starting' | 'reading' | 'away'
  /** Why the meter is away, or what else needs a person. */
  readonly problem: string | null
  readonly faults: readonly string[]
  readonly relayClosed: boolean | null
  /** The meter's reading. */
  readonly units: string | null
  /** The reading up to which payment is acknowledged. */
  readonly unitsPaid: string | null
  /** Whole ticks metered and not acknowledged, in units. */
  readonly unitsUnpaid: string
  /** Less than one tick. */
  readonly remainder: string
  readonly creditUnits: string
  readonly supply: 'on' | 'off'
  readonly supplyReason: DeviceSupplyReason
  readonly supplyUntilUnits: string | null
  readonly asset: Asset | null
  /** Acknowledged and committed cumulative amounts, in minor units. */
  readonly amount: string
  readonly reserved: string
  readonly epoch: number
  readonly index: number
  readonly length: number
  readonly commitments: Readonly<Signatures>
  /** The newest one, signed by the gateway. */
  readonly receipt: ReceiptStatus | null
  /** The last refusal that nothing has made up for. */
  readonly refusal: string | null
}

export type AgentStatus = {
  readonly version: string
  readonly fleet: string
  readonly device: string
  readonly gateway: string
  readonly timeSeconds: number
  readonly connection: 'connecting' | 'online' | 'waiting' | 'closed'
  readonly connectionReason: string | null
  readonly signatures: { readonly commitments: Readonly<Signatures>; readonly connects: number }
  readonly problems: readonly string[]
  readonly meters: readonly MeterStatus[]
}

/** What the meter's last event said. */
export type MeterView = {
  readonly event: MeterEvent | undefined
  readonly units: bigint | undefined
  readonly relayClosed: boolean | undefined
  readonly problem: string | undefined
}

export function meterStatus(
  account: Account,
  view: MeterView,
  receipts: Pick<ReceiptBook, 'problem' | 'status'>,
): MeterStatus {
  const payer = account.payer()
  const { event } = view
  const away = event?.state === 'away' ? event.reason : undefined
  const channel = account.channel()
  const { meter } = account.config
  return {
    meter,
    unit: account.config.unit,
    state: event?.state ?? 'starting',
    problem: away ?? view.problem ?? account.problem() ?? receipts.problem(meter) ?? null,
    faults: event?.state === 'reading' ? event.faults : [],
    relayClosed: view.relayClosed ?? null,
    ...unitsOf(payer),
    ...supplyOf(payer),
    asset: channel ? { code: channel.assetCode, scale: channel.assetScale } : null,
    ...epochOf(payer),
    commitments: { ...account.signatures() },
    receipt: receipts.status(meter),
    refusal: payer.refusal ? `${payer.refusal.refused}: ${payer.refusal.reason}` : null,
  }
}

function unitsOf(payer: Payer) {
  const { reading, running } = payer
  const paid = paidReading(payer)
  const open = reading !== undefined && paid !== undefined && reading > paid ? reading - paid : 0n
  const remainder = running ? open % running.terms.unitsPerTick : 0n
  return {
    units: reading?.toString() ?? null,
    unitsPaid: paid?.toString() ?? null,
    unitsUnpaid: String(open - remainder),
    remainder: String(remainder),
    creditUnits: String(creditUnits(payer)),
  }
}

function supplyOf({ order }: Payer) {
  const on = order.kind === 'on_until'
  return {
    supply: on ? 'on' : 'off',
    supplyReason: order.reason,
    supplyUntilUnits: on ? String(order.units) : null,
  } as const
}

function epochOf({ acked, next, running }: Payer) {
  if (!running) return { amount: '0', reserved: '0', epoch: 0, index: 0, length: 0 }
  const { terms } = running
  const committed = worstCase(next?.terms ?? terms)
  const amount = amountAt(terms, acked)
  return {
    amount: String(amount),
    reserved: String(committed - amount),
    epoch: terms.epoch,
    index: acked,
    length: terms.length,
  }
}

export function sumSignatures(meters: readonly MeterStatus[]): Signatures {
  const sum = { opened: 0, renewals: 0, checkpoints: 0 }
  for (const { commitments } of meters) {
    sum.opened += commitments.opened
    sum.renewals += commitments.renewals
    sum.checkpoints += commitments.checkpoints
  }
  return sum
}

export function connectionOf(session: SessionStatus) {
  return { connection: session.state, connectionReason: session.reason ?? null } as const
}

/** What the packet leaves beside topic and headers. */
const STATE_BYTES_MAX = PACKET_BYTES_MAX - TOPIC_BYTES_MAX - 16

/** The retained `state`: as many meters as one packet holds. */
export function encodeState(status: AgentStatus): Uint8Array {
  const { device, version, connection, problems, signatures } = status
  const meters = status.meters.map((one) => ({
    meter: one.meter,
    unit: one.unit,
    state: one.state,
    units: one.units,
    unitsPaid: one.unitsPaid,
    unitsUnpaid: one.unitsUnpaid,
    amount: one.amount,
    supply: one.supply,
    supplyReason: one.supplyReason,
    problem: one.problem,
  }))
  const head = { device, version, connection, signatures, problems: problems.slice(0, 4) }
  for (let count = meters.length; count >= 0; count--) {
    const metersOmitted = meters.length - count
    const state = { ...head, meters: meters.slice(0, count), metersOmitted }
    const payload = new TextEncoder().encode(JSON.stringify(state))
    if (payload.length <= STATE_BYTES_MAX) return payload
  }
  return encodeOffline(device, version)
}

/** What the broker publishes when the connection breaks, and the agent itself when it stops. */
export function encodeOffline(device: string, version: string): Uint8Array {
  const payload = new TextEncoder().encode(
    JSON.stringify({ device, version, connection: 'offline' }),
  )
  assert(payload.length <= WILL_BYTES_MAX, 'a will is short')
  return payload
}
