/**
 * Settling with a PostgreSQL server of its own, which reaches the disk: the evidence of every
 * channel in submissions as a gateway makes them, and one statement for all.
 * @module
 */
import { startPostgres } from '../../cli/io/postgresServer.ts'
import { fastSha256 } from '../../ledger/io/fastSha256.ts'
import { fastVerify } from '../../ledger/io/fastVerify.ts'
import { openProver } from '../../ledger/io/openProver.ts'
import { createRememberingVerify } from '../../ledger/io/rememberingVerify.ts'
import type { AllocationState, Claim } from '../../ledger/ledger.ts'
import { openPgDatabase } from '../../ledger/postgres/io/pgDatabase.ts'
import { openPostgresLedger, type PostgresLedger } from '../../ledger/postgres/postgresLedger.ts'
import { nodeRandom, nodeTimers } from '../../ports/io/node.ts'
import { bigEndian } from '../../protocol/bytes.ts'
import { type PrivateKey, publicKeyOf, signDigest } from '../../protocol/keys.ts'
import { digestOf, statementStructure } from '../../protocol/structures.ts'
import { figure } from '../report/tables.ts'
import { claimOf, START_SECONDS, treeOf } from '../systems/escrow.ts'
import { atMost, type CaseOptions, type CaseResult } from './case.ts'

/** As a gateway forms its submissions. */
const BATCH = 512
const DEPOSIT = 1n << 60n
const LATER = START_SECONDS + 60
const signer: PrivateKey = { algorithm: 'p256', bytes: bigEndian(1n << 24n, 32) }
const gatewayKey: PrivateKey = { algorithm: 'p256', bytes: bigEndian(1n << 25n, 32) }

type Place = {
  readonly ledger: PostgresLedger
  readonly allocation: AllocationState
  readonly close: () => Promise<void>
}

async function openPlace(): Promise<Place & { readonly version: string }> {
  const server = await startPostgres()
  const { host, port, user, version } = server
  const database = openPgDatabase({ host, port, user, database: 'postgres' }, nodeTimers, () => {})
  // Signatures are verified here and not remembered from elsewhere; threads do it ahead.
  const prover = openProver(createRememberingVerify(fastVerify))
  const ledger = await openPostgresLedger({
    ...{ database, place: host, timers: nodeTimers, random: nodeRandom, log: () => {} },
    ...{ verify: fastVerify, sha256: fastSha256, prover: prover.prove },
  })
  // The devices of the benchmark live at a fixed time.
  await database.use(({ query }) =>
    query(
      'CREATE OR REPLACE FUNCTION tickpay.now_seconds() RETURNS bigint LANGUAGE sql' +
        ` AS 'SELECT ${LATER}::bigint'`,
    ),
  )
  const { id } = await ledger.openAllocation({
    ...{ fleet: 'bench', gateway: 'gateway-1', payee: new Uint8Array(20).fill(7) },
    ...{ asset: { code: 'EUR', scale: 6 }, feeBasisPoints: 100 },
    ...{ signerKey: publicKeyOf(signer), gatewayKey: publicKeyOf(gatewayKey) },
  })
  const allocation = await ledger.fund(id, DEPOSIT, 'deposit')
  const close = async () => {
    await ledger.close()
    await prover.close()
    await server.stop()
  }
  return { ledger, allocation, close, version }
}

function claimsOf({ ledger, allocation }: Place, channels: number, epoch: number) {
  const { fleet, gateway, payee, asset } = allocation
  const terms = { fleet, gateway, payee, assetCode: asset.code, assetScale: asset.scale }
  const context = {
    ...{ domain: ledger.domain, allocation: terms, signerKey: allocation.signerKey },
  }
  const scene = { context, id: allocation.id, signer, gasOf: async () => 0 }
  return Array.from({ length: channels }, (_, number) =>
    claimOf(scene, number, 'p256', { base: BigInt(epoch) * 1_000_000n, epoch, index: 64 }),
  )
}

async function secondsFor({ ledger }: Place, claims: readonly Claim[], round: string) {
  const startMs = performance.now()
  for (let start = 0; start < claims.length; start += BATCH) {
    const some = claims.slice(start, start + BATCH)
    const results = await ledger.submit(some, `${round}-${start}`)
    const refused = results.find(({ status }) => status !== 'paid')
    if (refused) throw new Error(`a claim was ${refused.status}: ${refused.reason}`)
  }
  return (performance.now() - startMs) / 1_000
}

async function secondsForStatement({ ledger, allocation }: Place, channels: number) {
  const ids = Array.from({ length: channels }, (_, number) => bigEndian(BigInt(number), 32))
  const { root } = treeOf(ids, 3_000_000n)
  const state = await ledger.allocation(allocation.id)
  const statement = {
    ...{ allocation: allocation.id, sequence: 1, root, positions: channels },
    ...{ total: 3_000_000n * BigInt(channels), evidencePaid: state?.evidencePaid ?? 0n },
    ...{ issuedAt: START_SECONDS, expiry: START_SECONDS + 3_600 },
  }
  const digest = digestOf(ledger.domain, statementStructure, statement)
  const [gatewaySignature, fleetSignature] = [gatewayKey, signer].map((key) =>
    signDigest(key, digest),
  )
  if (!gatewaySignature || !fleetSignature) throw new Error('two keys sign')
  const startMs = performance.now()
  const signed = { statement, gatewaySignature, fleetSignature }
  const { status, reason } = await ledger.submitStatement(signed, 'statement')
  if (status !== 'paid') throw new Error(`the statement was ${status}: ${reason}`)
  return (performance.now() - startMs) / 1_000
}

export async function settlePostgres(options: CaseOptions): Promise<CaseResult> {
  const { channels, onProgress } = options
  const place = await openPlace()
  try {
    onProgress(`settle: ${place.version}; ${channels} devices sign`)
    const firstClaims = claimsOf(place, channels, 1)
    const first = await secondsFor(place, firstClaims, 'first')
    onProgress(`settle: ${figure(first)} s the first time`)
    const laterClaims = claimsOf(place, channels, 2)
    const later = await secondsFor(place, laterClaims, 'later')
    onProgress(`settle: ${figure(later)} s later`)
    const stated = await secondsForStatement(place, channels)
    const faults = await place.ledger.audit()
    if (faults.length > 0) throw new Error(`the books are not sound: ${faults[0]}`)
    return {
      variant: { name: 'settle-postgres', about: 'ten thousand devices in a database' },
      targets: [
        atMost(`${channels} channels settled the first time by evidence, seconds`, 10, first),
        atMost(`${channels} channels settled later by evidence, seconds`, 10, later),
        atMost(`one statement of ${channels} channels, seconds`, 1, stated),
      ],
      limits: {},
      tables: [
        {
          title: `Settlement of ${channels} channels with ${place.version}`,
          columns: ['what', 'seconds', 'a channel, us'],
          rows: [
            ['evidence, first claims', figure(first), figure((first / channels) * 1e6)],
            ['evidence, later claims', figure(later), figure((later / channels) * 1e6)],
            ['one statement', figure(stated), figure((stated / channels) * 1e6)],
          ],
        },
      ],
      charts: [],
      notes: [
        `Claims go in submissions of ${BATCH}, one database transaction each, one after the ` +
          'other. Every claim has a new commitment, 64 steps of its chain, and two P-256 ' +
          'signatures that are verified here. The server is on the same machine and writes its ' +
          'log to the disk at each commit.',
      ],
      figures: { channels, batch: BATCH, first, later, statement: stated },
    }
  } finally {
    await place.close()
  }
}
