/**
 * Does a statement say what the fleet knows? Every difference is named line by line. Pure: what is
 * known comes from the devices themselves, the gateway's retained reports and what was signed last.
 * @module
 */
import { bytesToHex } from '../protocol/bytes.ts'
import { CLOCK_TOLERANCE_SECONDS, POSITIONS_MAX } from '../protocol/limits.ts'
import type { StatementLeaf } from '../protocol/merkle.ts'
import { merkleRoot, statementLeaf } from '../protocol/merkle.ts'
import type { Statement } from '../protocol/structures.ts'
import type { ChannelReport } from './reports.ts'

/** What a statement may differ by. */
export type Tolerances = {
  /** By unit: how far a device's own reading may be behind what is stated, in units. */
  readonly toleranceUnits: ReadonlyMap<string, bigint>
  /** Minor units by which what a device says that it owes may be behind what is stated. */
  readonly toleranceAmount: bigint
  /** Minor units by which a channel may grow that no device tells a reading of. */
  readonly unreadAmountMax: bigint
}

/** The last statement that the fleet signed for this allocation. */
export type SignedBefore = {
  readonly sequence: number
  readonly evidencePaid: bigint
  /** By position. */
  readonly leaves: ReadonlyMap<number, { readonly channelId: string; readonly amount: bigint }>
}

export type Known = {
  readonly nowSeconds: number
  readonly before: SignedBefore | undefined
  /** What the gateway says of each channel, by hex id. */
  readonly channels: ReadonlyMap<string, ChannelReport>
  /** Register up to which the device itself says that it has paid, by hex id of the channel. */
  readonly paidReadings: ReadonlyMap<string, bigint>
  /** What the device itself says that it owes, since the channel was opened, by its hex id. */
  readonly paidAmounts: ReadonlyMap<string, bigint>
  readonly tolerances: Tolerances
}

/** In the order in which they are looked for. */
export const differenceReasons = [
  'bad_time',
  'old_sequence',
  'evidence_fell',
  'wrong_total',
  'wrong_root',
  'wrong_positions',
  'repeated_position',
  'other_channel',
  'amount_fell',
  'leaf_missing',
  'unknown_channel',
  'under_settled',
  'over_report',
  'over_mandate',
  'no_reading',
  'over_reading',
  'over_amount',
] as const
export type DifferenceReason = (typeof differenceReasons)[number]

/** One thing that does not fit. */
export type Difference = {
  readonly reason: DifferenceReason
  /** Absent where it concerns the statement as a whole. */
  readonly position?: number
  readonly device?: string
  readonly stated: string
  readonly known: string
}

/** Everything that does not fit; empty for a statement to be signed. */
export function differencesOf(
  statement: Statement,
  leaves: readonly StatementLeaf[],
  known: Known,
): readonly Difference[] {
  const whole = wholeDifferences(statement, leaves, known)
  const missing = missingLeaves(leaves, known.before)
  return [...whole, ...missing, ...leaves.flatMap((leaf) => leafDifferences(leaf, known))]
}

function wholeDifferences(
  statement: Statement,
  leaves: readonly StatementLeaf[],
  { nowSeconds, before }: Known,
): readonly Difference[] {
  const { issuedAt, expiry, sequence, evidencePaid, total, root, positions } = statement
  const found: Difference[] = []
  const add = (reason: DifferenceReason, stated: unknown, known: unknown) =>
    found.push({ reason, stated: String(stated), known: String(known) })
  if (issuedAt > nowSeconds + CLOCK_TOLERANCE_SECONDS) add('bad_time', issuedAt, nowSeconds)
  if (expiry < nowSeconds) add('bad_time', expiry, nowSeconds)
  if (before && sequence <= before.sequence) add('old_sequence', sequence, before.sequence)
  if (before && evidencePaid < before.evidencePaid) {
    add('evidence_fell', evidencePaid, before.evidencePaid)
  }
  const sum = leaves.reduce((all, { amount }) => all + amount, 0n)
  if (sum !== total) add('wrong_total', total, sum)
  const computed = rootOf(leaves)
  if (computed !== bytesToHex(root)) add('wrong_root', bytesToHex(root), computed)
  const last = leaves.reduce((most, { position }) => Math.max(most, position + 1), 0)
  if (last !== positions) add('wrong_positions', positions, last)
  const different = new Set(leaves.map(({ position }) => position)).size
  if (different !== leaves.length) add('repeated_position', leaves.length, different)
  return found
}

function rootOf(leaves: readonly StatementLeaf[]): string {
  if (leaves.some(({ position }) => position >= POSITIONS_MAX)) return 'none'
  return bytesToHex(merkleRoot(new Map(leaves.map((one) => [one.position, statementLeaf(one)]))))
}

/** What was stated once does not go away. */
function missingLeaves(
  leaves: readonly StatementLeaf[],
  before: SignedBefore | undefined,
): readonly Difference[] {
  if (!before) return []
  const stated = new Set(leaves.map(({ position }) => position))
  return [...before.leaves]
    .filter(([position]) => !stated.has(position))
    .map(([position, { amount }]) => ({
      reason: 'leaf_missing',
      position,
      stated: '0',
      known: amount.toString(),
    }))
}

function leafDifferences(leaf: StatementLeaf, known: Known): readonly Difference[] {
  const { position, amount } = leaf
  const id = bytesToHex(leaf.channelId)
  const before = known.before?.leaves.get(position)
  const stated = amount.toString()
  if (before && before.channelId !== id) {
    return [{ reason: 'other_channel', position, stated: id, known: before.channelId }]
  }
  const floor = before?.amount ?? 0n
  if (amount < floor) {
    return [{ reason: 'amount_fell', position, stated, known: floor.toString() }]
  }
  if (amount === floor) return []
  const growth = amount - floor
  const report = known.channels.get(id)
  if (!report) {
    if (growth <= known.tolerances.unreadAmountMax) return []
    return [{ reason: 'unknown_channel', position, stated, known: floor.toString() }]
  }
  const place = { position, device: report.device }
  const said = { reading: known.paidReadings.get(id), amount: known.paidAmounts.get(id) }
  return grownDifferences(amount, growth, report, said, known.tolerances).map((one) => ({
    ...one,
    ...place,
  }))
}

type GrownDifference = Pick<Difference, 'reason' | 'stated' | 'known'>

/** What a device says of itself. */
type Said = { readonly reading: bigint | undefined; readonly amount: bigint | undefined }

/** A leaf that grew, against the gateway's own report, our mandate and the device's own words. */
function grownDifferences(
  amount: bigint,
  growth: bigint,
  report: ChannelReport,
  said: Said,
  { toleranceUnits, toleranceAmount, unreadAmountMax }: Tolerances,
): readonly GrownDifference[] {
  const found: GrownDifference[] = []
  const add = (reason: DifferenceReason, stated: unknown, known: unknown) =>
    found.push({ reason, stated: String(stated), known: String(known) })
  if (amount < report.settled) add('under_settled', amount, report.settled)
  if (amount > report.paid) add('over_report', amount, report.paid)
  if (report.mandate && amount > report.mandate.limit) {
    add('over_mandate', amount, report.mandate.limit)
  }
  const reached = report.startReading + report.unitsPaid
  if (said.reading === undefined || said.amount === undefined) {
    if (growth > unreadAmountMax) add('no_reading', `${reached} ${report.unit}`, 'none')
    return found
  }
  if (reached > said.reading + (toleranceUnits.get(report.unit) ?? 0n)) {
    add('over_reading', `${reached} ${report.unit}`, `${said.reading} ${report.unit}`)
  }
  if (amount > said.amount + toleranceAmount) add('over_amount', amount, said.amount)
  return found
}

/** One line for people. */
export function describeDifference({
  reason,
  position,
  device,
  stated,
  known,
}: Difference): string {
  const place = position === undefined ? 'statement' : `position ${position}`
  const whose = device === undefined ? '' : ` (${device})`
  return `${place}${whose}: ${reason}: stated ${stated}, known ${known}`
}
