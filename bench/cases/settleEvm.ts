/**
 * What it costs to settle on a chain: gas of whole transactions on a real node, calldata and token
 * transfer included, by statement and by evidence.
 * @module
 */

import { CHEAP_TAIL_TICKS } from '../../ledger/evm/evidence.ts'
import type { Algorithm } from '../../protocol/keys.ts'
import { channelStructure, digestOf } from '../../protocol/structures.ts'
import { figure } from '../report/tables.ts'
import {
  type BenchEscrow,
  claimOf,
  claimsData,
  openBenchEscrow,
  type Shown,
  startBenchChain,
  statementData,
  treeOf,
} from '../systems/escrow.ts'
import { atMost, type CaseOptions, type CaseResult } from './case.ts'

const BATCH = 100
/** Signing takes nearly all of the time: four minutes for so many on a busy machine. */
const EVIDENCE_CHANNELS_MAX = 10_000
const LEAF = 5_000n
/** Without the token transfer: measured with the same rules, see docs/ledger-evm.md. */
const VOUCHER_GAS_ALONE = 33_202

type Row = {
  readonly key: Algorithm
  readonly claim: 'first' | 'later'
  readonly statement: 'none before' | 'one before'
  /** Hash steps of each claim. */
  readonly tail: number
  readonly channels: number
  readonly batch: number
  readonly gas: number
}

/** Devices of one batch: their numbers are their positions. */
const numbersOf = (start: number, count: number) =>
  Array.from({ length: count }, (_, index) => start + index)

type Shape = Pick<Row, 'key' | 'tail'>

async function gasOfBatches(
  escrow: BenchEscrow,
  { key }: Shape,
  channels: number,
  shown: Shown,
): Promise<number> {
  let gas = 0
  for (let start = 0; start < channels; start += BATCH) {
    const numbers = numbersOf(start, Math.min(BATCH, channels - start))
    const claims = numbers.map((number) => claimOf(escrow, number, key, shown))
    gas += await escrow.gasOf(claimsData(escrow, claims))
  }
  return gas / channels
}

/** First and later claims where there was never a statement. */
async function withoutStatement(
  escrow: BenchEscrow,
  shape: Shape,
  channels: number,
): Promise<readonly Row[]> {
  const { tail: index } = shape
  const shared = { ...shape, statement: 'none before', channels, batch: BATCH } as const
  const first = await gasOfBatches(escrow, shape, channels, { base: 70_000n, epoch: 1, index })
  const later = { base: 50_000_000n, epoch: 2, index }
  const gas = await gasOfBatches(escrow, shape, channels, later)
  return [
    { ...shared, claim: 'first', gas: first },
    { ...shared, claim: 'later', gas },
  ]
}

/** The same with a statement over `devices` channels in force: every claim shows its leaf. */
async function withStatement(
  escrow: BenchEscrow,
  shape: Shape,
  devices: number,
): Promise<readonly Row[]> {
  const shown = (base: bigint, epoch: number) => ({ base, epoch, index: shape.tail })
  const claimed = numbersOf(0, BATCH).map((number) =>
    claimOf(escrow, number, shape.key, shown(70_000n, 1)),
  )
  const idOf = (index: number) => {
    const claim = claimed[index]
    return claim
      ? digestOf(escrow.context.domain, channelStructure, claim.channel)
      : new Uint8Array(32).fill(index)
  }
  const ids = numbersOf(0, devices).map(idOf)
  const tree = treeOf(ids, LEAF)
  const total = LEAF * BigInt(devices)
  const said = { sequence: 1, total, positions: devices, root: tree.root }
  await escrow.gasOf(statementData(escrow, said))
  const gasFor = async (base: bigint, epoch: number) => {
    const claims = numbersOf(0, BATCH).map((number) => ({
      ...claimOf(escrow, number, shape.key, shown(base, epoch)),
      leaf: {
        amount: LEAF,
        channelId: ids[number] ?? new Uint8Array(32),
        path: tree.path(number),
      },
    }))
    return (await escrow.gasOf(claimsData(escrow, claims))) / BATCH
  }
  const shared = { ...shape, statement: 'one before', channels: BATCH, batch: BATCH } as const
  return [
    { ...shared, claim: 'first', gas: await gasFor(70_000n, 1) },
    { ...shared, claim: 'later', gas: await gasFor(50_000_000n, 2) },
  ]
}

const keys: readonly Algorithm[] = ['secp256k1', 'p256']
/** A checkpoint alone, what a gateway leaves as it is, and two that it asks to shorten. */
const tails: readonly number[] = [0, CHEAP_TAIL_TICKS, 16, 256]
const shapes: readonly Shape[] = keys.flatMap((key) => tails.map((tail) => ({ key, tail })))

/** The shape of the targets is measured on all devices, the others on one batch. */
function channelsOf({ key, tail }: Shape, channels: number): number {
  const isTarget = key === 'secp256k1' && tail === 0
  return isTarget ? Math.min(channels, EVIDENCE_CHANNELS_MAX) : BATCH
}

type Cooperative = { readonly first: number; readonly later: number; readonly devices: number }

/** One signature for all: the first statement of an allocation, and one after it. */
async function cooperative(escrow: BenchEscrow, devices: number): Promise<Cooperative> {
  const gasFor = (sequence: number, amount: bigint) => {
    const ids = numbersOf(0, devices).map((number) => new Uint8Array(32).fill(number))
    const { root } = treeOf(ids, amount)
    const total = amount * BigInt(devices)
    return escrow.gasOf(statementData(escrow, { sequence, total, positions: devices, root }))
  }
  const first = await gasFor(1, 70_000n)
  return { first, later: await gasFor(2, 90_000n), devices }
}

export async function settleEvm(options: CaseOptions): Promise<CaseResult> {
  const { channels, onProgress } = options
  const startMs = performance.now()
  const chain = await startBenchChain()
  try {
    const open = () => openBenchEscrow(chain)
    const whole = await cooperative(await open(), channels)
    onProgress(`settle: ${whole.later} gas for a statement of ${channels} devices`)
    const rows: Row[] = []
    const add = (more: readonly Row[]) => {
      rows.push(...more)
      for (const row of more) onProgress(`settle: ${row.key} ${row.claim} ${figure(row.gas)}`)
    }
    for (const shape of shapes) {
      add(await withoutStatement(await open(), shape, channelsOf(shape, channels)))
    }
    for (const shape of shapes) add(await withStatement(await open(), shape, channels))
    return resultOf(whole, rows, (performance.now() - startMs) / 1_000)
  } finally {
    await chain.stop()
  }
}

function resultOf(whole: Cooperative, rows: readonly Row[], seconds: number): CaseResult {
  const gasOf = (claim: Row['claim'], tail = 0) =>
    rows.find(
      (row) =>
        row.key === 'secp256k1' &&
        row.tail === tail &&
        row.claim === claim &&
        row.statement === 'none before',
    )?.gas ?? Number.NaN
  return {
    variant: {
      name: 'settle-evm',
      about: 'what it costs on a chain, by statement and by evidence',
    },
    targets: [
      atMost(`gas of a statement of ${whole.devices} devices`, 100_000, whole.later),
      atMost('gas of the first statement of an allocation', 100_000, whole.first),
      atMost(`gas of a first secp256k1 claim, batches of ${BATCH}`, 45_000, gasOf('first')),
      atMost(`gas of a later secp256k1 claim, batches of ${BATCH}`, 25_000, gasOf('later')),
      atMost(
        `gas of a later secp256k1 claim with a tail of ${CHEAP_TAIL_TICKS}`,
        25_000,
        gasOf('later', CHEAP_TAIL_TICKS),
      ),
    ],
    limits: {},
    tables: [
      {
        title: `Gas a device, whole transactions; batches of ${BATCH} claims`,
        columns: ['key', 'claim', 'statement', 'tail', 'channels', 'batch', 'gas a device'],
        rows: rows.map((row) => [
          ...[row.key, row.claim, row.statement, String(row.tail), String(row.channels)],
          ...[String(row.batch), String(Math.round(row.gas))],
        ]),
      },
      comparison(whole, gasOf('later')),
    ],
    charts: [],
    notes: [
      'Gas of whole transactions at the hard fork Osaka as the receipt has it: base fee of the ' +
        'transaction, calldata, signatures, storage, event and the transfer of an ERC-20 token.',
      'Evidence is measured on as many channels as the column says, at most ' +
        `${EVIDENCE_CHANNELS_MAX}; statements and their paths on all.`,
      'A later claim has a new mandate and a new checkpoint. Every claim has both signatures.',
      'The voucher is an EIP-712 message with one signature in a call of its own, measured once ' +
        'in a contract that does nothing else; see docs/ledger-evm.md.',
    ],
    figures: { whole, rows, batch: BATCH, seconds },
  }
}

function comparison({ first, later, devices }: Cooperative, claim: number) {
  const each = (gas: number) => String(Math.round(gas * 100) / 100)
  return {
    title: `${devices} devices settled once`,
    columns: ['how', 'gas in all', 'gas a device'],
    rows: [
      ['the first statement of an allocation', String(first), each(first / devices)],
      ['a later statement', String(later), each(later / devices)],
      [`evidence in batches of ${BATCH}`, String(Math.round(claim * devices)), each(claim)],
      [
        'one transaction with a voucher for each device, no token transfer',
        String(VOUCHER_GAS_ALONE * devices),
        String(VOUCHER_GAS_ALONE),
      ],
    ],
  }
}
