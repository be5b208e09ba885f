/**
 * Do four books that were kept apart say the same? The meters' own registers, the gateway's store,
 * the agents and the ledger's entries go in; the equations between them, and every line that does
 * not hold, come out.
 * @module
 */
import { type Asset, formatAmount } from '../../protocol/amount.ts'
import { grouped, left, right, tableLines } from '../table.ts'

export type DeviceFigures = {
  readonly device: string
  readonly kind: string
  readonly link: string
  readonly unit: string
  /** From the meter's own register: what flowed since its channel began. */
  readonly units: bigint
  /** From the gateway's store, opened again after the gateway ended. */
  readonly unitsPaid: bigint
  /** From the agent: whole ticks that it measured and knows to be unpaid, in units. */
  readonly unitsUnpaid: bigint
  readonly creditUnits: bigint
  readonly unitsPerTick: bigint
}

export type Figures = {
  readonly asset: Asset
  readonly devices: readonly DeviceFigures[]
  readonly ticks: number
  /** From the gateway's store. */
  readonly accepted: bigint
  readonly refused: Readonly<Record<string, number>>
  /** From the ledger's entries. */
  readonly settled: bigint
  /** From the gateway's store: what it believes is still to be settled. */
  readonly unsettled: bigint
  readonly settlements: number
  /** Sum over all accounts of the ledger. */
  readonly ledgerSum: bigint
  readonly signatures: Readonly<Record<string, unknown>>
}

/** Fewer would not show that settling goes on. */
const settlementsMin = 2

/** What flowed and is less than one tick, so nobody owes it yet. */
export function remainderOf(device: DeviceFigures): bigint {
  return device.units - device.unitsPaid - device.unitsUnpaid
}

/** One line for each equation that does not hold; empty when all books agree. */
export function differences(figures: Figures): readonly string[] {
  return [...figures.devices.flatMap(deviceDifferences), ...moneyDifferences(figures)]
}

function deviceDifferences(one: DeviceFigures): readonly string[] {
  const { device, unit, units, unitsPaid, unitsUnpaid, creditUnits, unitsPerTick } = one
  const remainder = remainderOf(one)
  const lines: string[] = []
  if (remainder < 0n || remainder >= unitsPerTick) {
    lines.push(
      `${device}: ${units} ${unit} (meter) are not ${unitsPaid} paid (gateway) + ` +
        `${unitsUnpaid} unpaid (agent) + less than one tick of ${unitsPerTick}; ` +
        `${remainder} ${unit} are left over`,
    )
  }
  if (unitsUnpaid > creditUnits) {
    lines.push(`${device}: ${unitsUnpaid} ${unit} unpaid exceed the credit of ${creditUnits}`)
  }
  return lines
}

function moneyDifferences(figures: Figures): readonly string[] {
  const { accepted, settled, unsettled, settlements, ledgerSum } = figures
  const lines: string[] = []
  if (settled + unsettled !== accepted) {
    lines.push(
      `money: ${settled} settled (ledger) + ${unsettled} unsettled (gateway) are not ` +
        `${accepted} accepted (gateway)`,
    )
  }
  if (settlements < settlementsMin) {
    lines.push(`settlements: ${settlements} (ledger), at least ${settlementsMin} are expected`)
  }
  if (ledgerSum !== 0n) lines.push(`ledger: its accounts add up to ${ledgerSum}, not to 0`)
  return lines
}

/** The figures as programs read them: amounts and units are decimal strings. */
export function figuresJson(figures: Figures): Readonly<Record<string, unknown>> {
  return {
    devices: figures.devices.map((one) => ({
      device: one.device,
      kind: one.kind,
      link: one.link,
      units: `${one.units}`,
      unitsPaid: `${one.unitsPaid}`,
      unitsUnpaid: `${one.unitsUnpaid}`,
      remainder: `${remainderOf(one)}`,
      creditUnits: `${one.creditUnits}`,
    })),
    ticks: figures.ticks,
    accepted: `${figures.accepted}`,
    refused: figures.refused,
    settled: `${figures.settled}`,
    unsettled: `${figures.unsettled}`,
    settlements: figures.settlements,
    ledgerSum: `${figures.ledgerSum}`,
    signatures: figures.signatures,
  }
}

const columns = [
  left('device'),
  left('meter'),
  right('units (meter)'),
  right('= paid (gateway)'),
  right('+ unpaid (agent)'),
  right('+ remainder'),
  right('credit'),
]

/** The reconciliation for people. */
export function figuresLines(figures: Figures): readonly string[] {
  const { asset, accepted, settled, unsettled, settlements, ledgerSum, ticks } = figures
  const rows = figures.devices.map((one) => [
    one.device,
    `${one.kind}, ${one.link}`,
    `${grouped(one.units)} ${one.unit}`,
    grouped(one.unitsPaid),
    grouped(one.unitsUnpaid),
    grouped(remainderOf(one)),
    grouped(one.creditUnits),
  ])
  const refused = Object.values(figures.refused).reduce((sum, count) => sum + count, 0)
  return [
    ...tableLines(columns, rows),
    '',
    `accepted ${formatAmount(accepted, asset)} (gateway) in ${grouped(ticks)} ticks, ` +
      `${refused} messages refused`,
    `  = settled ${formatAmount(settled, asset)} (ledger, ${settlements} settlements) ` +
      `+ unsettled ${formatAmount(unsettled, asset)} (gateway)`,
    `ledger: all accounts together ${ledgerSum}`,
  ]
}
