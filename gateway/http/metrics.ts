/**
 * All metrics of a gateway, in one table: what docs/metrics.md lists and what `/metrics` shows.
 * @module
 */
import type { Reading } from './reading.ts'

export type MetricKind = 'counter' | 'gauge' | 'histogram'

export type Sample = {
  readonly labels?: Readonly<Record<string, string>>
  readonly value: number
}

export type Metric = {
  readonly name: string
  readonly kind: MetricKind
  readonly help: string
  readonly labels: readonly string[]
  /** Nothing where there is nothing to tell yet. */
  readonly read: (reading: Reading) => readonly Sample[]
}

/** Seconds; the last bucket that is worth a name is a disk that nobody can work with. */
export const COMMIT_BUCKETS_SECONDS = [
  0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10,
]
export const COMMIT_SECONDS = 'tickpay_commit_seconds'

function one(value: number | undefined): readonly Sample[] {
  return value === undefined ? [] : [{ value }]
}

const yes = (is: boolean) => one(is ? 1 : 0)

function counter(
  name: string,
  help: string,
  read: (reading: Reading) => number | undefined,
): Metric {
  return { name, kind: 'counter', help, labels: [], read: (reading) => one(read(reading)) }
}

function gauge(name: string, help: string, read: (reading: Reading) => number | undefined): Metric {
  return { ...counter(name, help, read), kind: 'gauge' }
}

/** By one label. */
function byLabel(
  kind: MetricKind,
  [name, label]: readonly [string, string],
  help: string,
  read: (reading: Reading) => Readonly<Record<string, number>>,
): Metric {
  return {
    name,
    kind,
    help,
    labels: [label],
    read: (reading) =>
      Object.entries(read(reading)).map(([text, value]) => ({ labels: { [label]: text }, value })),
  }
}

/** An amount of the gateway's asset. */
function amount(
  kind: MetricKind,
  name: string,
  help: string,
  read: (reading: Reading) => bigint,
): Metric {
  const text = `${help}, in minor units of the asset`
  return byLabel(kind, [name, 'asset'], text, (reading) => ({
    [reading.asset.code]: Number(read(reading)),
  }))
}

const payments: readonly Metric[] = [
  counter('tickpay_ticks_accepted_total', 'Ticks accepted since the store began', (r) => r.ticks),
  {
    name: 'tickpay_refusals_total',
    kind: 'counter',
    help: 'Messages of devices that were refused since the start, by what they were and why',
    labels: ['kind', 'reason'],
    read: ({ refusals }) => refusals.map(({ value, ...labels }) => ({ labels, value })),
  },
  {
    name: 'tickpay_findings_total',
    kind: 'counter',
    help: 'What the watch for fraud and faults told since the start, by rule and what it did',
    labels: ['rule', 'action'],
    read: ({ findings }) => findings.map(({ value, ...labels }) => ({ labels, value })),
  },
  byLabel(
    'counter',
    ['tickpay_commitments_total', 'kind'],
    'Commitments accepted since the store began',
    (r) => r.commitments,
  ),
  counter(
    'tickpay_messages_total',
    'Messages taken from clients since the start',
    (r) => r.messages,
  ),
  {
    name: COMMIT_SECONDS,
    kind: 'histogram',
    help: 'How long group commits took until they were durable, in seconds',
    labels: [],
    read: () => [],
  },
  gauge(
    'tickpay_commit_age_seconds',
    'Seconds since the last group commit',
    (r) => r.commits.lastAgeSeconds,
  ),
]

const money: readonly Metric[] = [
  byLabel('gauge', ['tickpay_channels', 'state'], 'Channels, open and closed', ({ sums }) => ({
    open: sums.open,
    closed: sums.closed,
  })),
  amount('gauge', 'tickpay_exposure', 'Accepted and not yet settled', (r) => r.sums.exposure),
  amount(
    'gauge',
    'tickpay_reserved',
    'Worst case of what channels may still come to',
    (r) => r.sums.reserved,
  ),
  amount(
    'counter',
    'tickpay_accepted_total',
    'Accepted since the store began',
    (r) => r.sums.accepted,
  ),
  amount(
    'counter',
    'tickpay_settled_total',
    'Paid by the ledger since the store began',
    (r) => r.sums.settled,
  ),
  byLabel(
    'gauge',
    ['tickpay_asset_scale', 'asset'],
    'Decimal places of the asset: an amount divided by 10 to the power of this is whole units',
    ({ asset }) => ({ [asset.code]: asset.scale }),
  ),
  byLabel(
    'gauge',
    ['tickpay_allocation_available', 'fleet'],
    'What the fleet has set aside and not withdrawn, less what was paid, in minor units',
    ({ fleets }) => Object.fromEntries(fleets.map((one) => [one.fleet, Number(one.available)])),
  ),
  byLabel(
    'gauge',
    ['tickpay_allocation_reserved', 'fleet'],
    'What channels of the fleet have reserved, in minor units',
    ({ fleets }) => Object.fromEntries(fleets.map((one) => [one.fleet, Number(one.reserved)])),
  ),
]

const settling: readonly Metric[] = [
  counter('tickpay_settlements_total', 'Settlements since the store began', (r) => r.settlements),
  gauge(
    'tickpay_settlement_age_seconds',
    'Seconds since the last settlement; absent before the first',
    (r) => r.settlementAgeSeconds,
  ),
  gauge(
    'tickpay_settlement_period_seconds',
    'How often the gateway settles, as configured',
    (r) => r.settlementPeriodSeconds,
  ),
  gauge(
    'tickpay_submissions_waiting',
    'Submissions whose answer from the ledger is missing',
    (r) => r.submissionsWaiting,
  ),
  gauge(
    'tickpay_statements_waiting',
    'Statements that wait for their fleet or the ledger',
    (r) => r.statementsWaiting,
  ),
  gauge(
    'tickpay_channels_quarantined',
    'Channels whose claim the ledger refused',
    (r) => r.quarantined,
  ),
  gauge(
    'tickpay_channels_expiring',
    'Channels with exposure whose claims run out within the expiry margin',
    ({ sums }) => sums.expiring,
  ),
  gauge(
    'tickpay_claims_expire_seconds',
    'Seconds until the first claim with exposure runs out; absent when nothing is owed',
    ({ sums, nowSeconds }) =>
      sums.firstExpirySeconds === undefined ? undefined : sums.firstExpirySeconds - nowSeconds,
  ),
  {
    ...gauge('tickpay_ledger_up', '1 when the ledger answered the last look, else 0', () => 0),
    read: ({ ledgerUp }) => yes(ledgerUp),
  },
]

const clients: readonly Metric[] = [
  gauge('tickpay_sessions', 'Devices with a session now', (r) => r.sessions),
  gauge('tickpay_connections', 'Connections open now, logged in or not', (r) => r.door.connections),
  {
    ...gauge('tickpay_broker_up', '1 when devices can reach the broker, else 0', () => 0),
    read: ({ door }) => yes(door.open),
  },
  counter(
    'tickpay_logins_total',
    'Logins accepted by the embedded broker since the start',
    ({ door }) => door.logins?.accepted,
  ),
  byLabel(
    'counter',
    ['tickpay_logins_refused_total', 'reason'],
    'Connections and logins refused by the embedded broker since the start',
    ({ door }) => door.logins?.refused ?? {},
  ),
  byLabel(
    'counter',
    ['tickpay_connections_closed_total', 'reason'],
    'Connections that the embedded broker closed since the start',
    ({ door }) => door.logins?.closed ?? {},
  ),
]

const store: readonly Metric[] = [
  gauge('tickpay_journal_position', 'Last durable position of the journal', (r) => r.position),
  gauge('tickpay_journal_segments', 'Segments of the journal on disk', (r) => r.segments),
  gauge(
    'tickpay_disk_free_share',
    'Share of the file system of the store that is free, 0 to 1',
    (r) => r.freeShare,
  ),
  {
    ...gauge('tickpay_space_low', '1 while new service is refused for lack of space', () => 0),
    read: ({ spaceLow }) => yes(spaceLow),
  },
  gauge(
    'tickpay_fence_position',
    'Commitments from before this journal position buy no supply; 0 without a fence',
    (r) => r.fencePosition,
  ),
  gauge(
    'tickpay_channels_fenced',
    'Open channels that owe a checkpoint since the fence was raised',
    ({ sums }) => sums.fenced,
  ),
  {
    ...gauge(
      'tickpay_restored_unconfirmed',
      '1 after a restore until the operator has confirmed the payments made since the backup',
      () => 0,
    ),
    read: ({ restoredUnconfirmed }) => yes(restoredUnconfirmed),
  },
]

const machine: readonly Metric[] = [
  gauge(
    'tickpay_clock_seconds',
    'The clock of the gateway, seconds since 1970',
    (r) => r.clockSeconds,
  ),
  byLabel(
    'gauge',
    ['tickpay_event_loop_lag_seconds', 'percentile'],
    'How late the event loop was since the last look, by percentile',
    ({ machine }) => machine.lagSeconds,
  ),
  counter(
    'process_cpu_seconds_total',
    'User and system CPU time of the process, in seconds',
    ({ machine }) => machine.cpuSeconds,
  ),
  gauge(
    'process_resident_memory_bytes',
    'Resident memory of the process',
    ({ machine }) => machine.memoryBytes,
  ),
  gauge(
    'process_start_time_seconds',
    'When the process started, seconds since 1970',
    ({ machine }) => machine.startSeconds,
  ),
  byLabel(
    'gauge',
    ['tickpay_gateway_info', 'gateway'],
    'Always 1; its label is the id of the gateway',
    ({ gateway }) => ({ [gateway]: 1 }),
  ),
]

/** In the order in which they are shown. */
export const metrics: readonly Metric[] = [
  ...payments,
  ...money,
  ...settling,
  ...clients,
  ...store,
  ...machine,
]
