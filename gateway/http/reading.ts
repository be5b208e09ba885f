/**
 * What metrics are made of: everything read at one moment, when somebody asks. Nothing is counted
 * for metrics that the gateway does not count anyway.
 * @module
 */
import type { Disk } from '../../ports/index.ts'
import { bytesToHex } from '../../protocol/bytes.ts'
import type { CommitReport } from '../commitWatch.ts'
import type { Core } from '../core.ts'
import { JOURNAL_FOLDER } from '../store/segment.ts'
import type { DoorFigures } from './readiness.ts'
import type { Sums } from './sums.ts'

/** Fleets that have a row of their own; more would be more than anybody looks at. */
export const FLEETS_MAX = 1_000

export type MachineFigures = {
  /** By percentile, since the last look. */
  readonly lagSeconds: Readonly<Record<string, number>>
  readonly cpuSeconds: number
  readonly memoryBytes: number
  readonly startSeconds: number
}

export type Refused = { readonly kind: string; readonly reason: string; readonly value: number }

export type Found = { readonly rule: string; readonly action: string; readonly value: number }

export type FleetFigures = {
  readonly fleet: string
  readonly available: bigint
  readonly reserved: bigint
}

export type Reading = {
  readonly gateway: string
  readonly asset: { readonly code: string; readonly scale: number }
  readonly nowSeconds: number
  /** Not rounded. */
  readonly clockSeconds: number
  readonly ticks: number
  readonly messages: number
  readonly refusals: readonly Refused[]
  readonly findings: readonly Found[]
  readonly commitments: Readonly<Record<string, number>>
  readonly commits: CommitReport
  readonly sums: Sums
  readonly fleets: readonly FleetFigures[]
  readonly settlements: number
  readonly settlementAgeSeconds: number | undefined
  readonly settlementPeriodSeconds: number
  readonly submissionsWaiting: number
  readonly statementsWaiting: number
  readonly quarantined: number
  readonly ledgerUp: boolean
  readonly sessions: number
  readonly door: DoorFigures
  readonly position: number
  readonly segments: number
  readonly freeShare: number
  readonly spaceLow: boolean
  readonly fencePosition: number
  readonly restoredUnconfirmed: boolean
  readonly machine: MachineFigures
}

/** Where a reading comes from. */
export type Source = {
  readonly core: Core
  readonly disk: Pick<Disk, 'freeShare' | 'list'>
  readonly sums: () => Promise<Sums>
  readonly door: () => DoorFigures
  readonly ledgerUp: () => Promise<boolean>
  readonly isUnconfirmed: () => boolean
  readonly machine: () => MachineFigures
}

export async function takeReading(source: Source): Promise<Reading> {
  const { core, disk } = source
  const [sums, freeShare, segments, ledgerUp] = await Promise.all([
    source.sums(),
    disk.freeShare(),
    disk.list(JOURNAL_FOLDER),
    source.ledgerUp(),
  ])
  const { state, config, writer } = core
  const nowMs = core.ports.clock.nowMs()
  const nowSeconds = Math.floor(nowMs / 1_000)
  const { opened, renewals, checkpoints } = state.commitments
  return {
    gateway: config.gateway,
    asset: config.asset,
    nowSeconds,
    clockSeconds: nowMs / 1_000,
    ticks: state.acceptedTicks,
    messages: core.counters.messages,
    refusals: refusalsOf(core),
    findings: findingsOf(core),
    commitments: { opened, renewal: renewals, checkpoint: checkpoints },
    commits: core.commits.report(),
    sums,
    fleets: fleetsOf(core),
    settlements: state.settlements,
    settlementAgeSeconds: ageOf(state.lastSettlementSeconds, nowSeconds),
    settlementPeriodSeconds: config.settlement.periodSeconds,
    submissionsWaiting: state.outbox.size,
    statementsWaiting: state.statements.underWay.size,
    quarantined: state.quarantine.size,
    ledgerUp,
    sessions: core.sessions.size,
    door: source.door(),
    position: writer.position(),
    segments: segments.length,
    freeShare,
    spaceLow: core.spaceLow(),
    fencePosition: state.fencePosition,
    restoredUnconfirmed: source.isUnconfirmed(),
    machine: source.machine(),
  }
}

/** Undefined where it has not been. */
function ageOf(atSeconds: number, nowSeconds: number): number | undefined {
  return atSeconds === 0 ? undefined : Math.max(0, nowSeconds - atSeconds)
}

function refusalsOf({ counters }: Core): readonly Refused[] {
  return [...counters.refusedKinds].flatMap(([kind, reasons]) =>
    [...reasons].map(([reason, value]) => ({ kind, reason, value })),
  )
}

function findingsOf({ counters }: Core): readonly Found[] {
  return [...counters.findings].flatMap(([rule, actions]) =>
    [...actions].map(([action, value]) => ({ rule, action, value })),
  )
}

function fleetsOf({ state, funds }: Core): readonly FleetFigures[] {
  const reserved = new Map(state.allocations.map((one) => [bytesToHex(one.id), one.reserved]))
  return [...state.fleets].slice(0, FLEETS_MAX).map(([fleet, { allocation }]) => ({
    fleet,
    available: funds.available(allocation),
    reserved: reserved.get(bytesToHex(allocation)) ?? 0n,
  }))
}
