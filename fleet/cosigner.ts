/**
 * Co-signs statements: fetches the leaves, compares them with what the fleet knows, keeps what it
 * signs, then signs. Whatever does not fit is named, and nothing is signed.
 * @module
 */
import * as v from 'valibot'
import type { Log } from '../ports/index.ts'
import { OperatorError } from '../ports/operatorError.ts'
import { bytesToHex, parseHex } from '../protocol/bytes.ts'
import { decodeCbor } from '../protocol/cbor.ts'
import { type PublicKey, verifyDigest } from '../protocol/keys.ts'
import { FLEET_PACKET_BYTES_MAX, POSITIONS_MAX } from '../protocol/limits.ts'
import type { StatementLeaf } from '../protocol/merkle.ts'
import { type LeafText, leafFromText } from '../protocol/merkleText.ts'
import type { Signed, Statement } from '../protocol/structures.ts'
import { digestOf, signedFromWire, statementStructure } from '../protocol/structures.ts'
import type { Domain } from '../protocol/typedData.ts'
import { giveBack } from './giveBack.ts'
import type { SignedStatements } from './signedStatements.ts'
import { type FleetSigner, signFor } from './signer.ts'
import type { Difference, Known } from './statementCheck.ts'
import { differencesOf } from './statementCheck.ts'

/** Lines of one statement that are logged; the rest is counted. */
export const DIFFERENCES_SHOWN_MAX = 100

export type Cosigner = {
  readonly domain: Domain
  readonly signerKey: FleetSigner
  readonly gatewayKey: PublicKey
  readonly signed: SignedStatements
  readonly log: Log
  /** What the fleet knows at this moment, but for what it signed before. */
  readonly known: () => Omit<Known, 'before'>
  /** Asks the gateway; resolves with the data of its answer. */
  readonly ask: (verb: string, fields: Readonly<Record<string, unknown>>) => Promise<unknown>
}

export type CosignResult = {
  /** `cosigned` and `gave_back` carry what the gateway made of it. */
  readonly outcome: 'nothing_waits' | 'cosigned' | 'sound' | 'differs' | 'gave_back'
  readonly sequence: number
  readonly total: bigint
  readonly channels: number
  readonly differences: readonly Difference[]
  /** The gateway's answer to the co-signature: `paid` when the ledger has paid. */
  readonly status: string | null
}

const waitingSchema = v.object({ state: v.string(), statement: v.nullable(v.string()) })
const pageSchema = v.object({
  leaves: v.array(v.tuple([v.number(), v.string(), v.string()])),
  next: v.nullable(v.number()),
})
const answerSchema = v.object({ status: v.string() })

/** Whether a sound statement is signed or only looked at. */
export type CosignMode = 'sign' | 'look'

const nothing: CosignResult = {
  outcome: 'nothing_waits',
  sequence: 0,
  total: 0n,
  channels: 0,
  differences: [],
  status: null,
}

/** Deals with the statement that waits at the gateway now. */
export async function cosignWaiting(cosigner: Cosigner, mode: CosignMode): Promise<CosignResult> {
  const said = await cosigner.ask('statement', {})
  const answer = v.safeParse(waitingSchema, said)
  if (!answer.success) throw new OperatorError('the gateway sent no statement: is it up to date?')
  const { statement: hex, state } = answer.output
  if (state === 'forgotten') {
    return { ...nothing, outcome: 'gave_back', status: await giveBack(cosigner, said) }
  }
  if (hex === null || state !== 'waiting') return nothing
  const statement = readSigned(cosigner, hex)
  const { value } = statement
  const digest = digestOf(cosigner.domain, statementStructure, value)
  const before = await cosigner.signed.last(value.allocation)
  // What was signed once is signed again as it is: its answer may have been lost.
  const isSignedBefore = before?.digest === bytesToHex(digest)
  const leaves = isSignedBefore ? [] : await fetchLeaves(cosigner, value.sequence)
  const differences = isSignedBefore
    ? []
    : differencesOf(value, leaves, { ...cosigner.known(), before })
  const seen = {
    sequence: value.sequence,
    total: value.total,
    channels: leaves.length,
    differences,
    status: null,
  }
  if (differences.length > 0) return { ...seen, outcome: 'differs' }
  if (mode === 'look') return { ...seen, outcome: 'sound' }
  if (!isSignedBefore) await cosigner.signed.put(value, digest, leaves)
  const signature = bytesToHex(await signFor(cosigner.signerKey, digest))
  const told = await cosigner.ask('cosign', { sequence: value.sequence, signature })
  const parsed = v.safeParse(answerSchema, told)
  return { ...seen, outcome: 'cosigned', status: parsed.success ? parsed.output.status : null }
}

function readSigned({ domain, gatewayKey }: Cosigner, hex: string): Signed<Statement> {
  const bytes = parseHex(hex)
  const wire = bytes && decodeCbor(bytes, FLEET_PACKET_BYTES_MAX)
  const statement = wire === undefined ? undefined : signedFromWire(statementStructure, wire)
  if (!statement) throw new OperatorError('the statement of the gateway cannot be read')
  const digest = digestOf(domain, statementStructure, statement.value)
  if (verifyDigest(gatewayKey, digest, statement.signature)) return statement
  throw new OperatorError('the statement is not signed by the gateway: check gateway.key')
}

async function fetchLeaves(cosigner: Cosigner, sequence: number): Promise<StatementLeaf[]> {
  const leaves: StatementLeaf[] = []
  let from: number | null = 0
  while (from !== null) {
    const said = await cosigner.ask('statement-leaves', { sequence, from })
    const page = v.safeParse(pageSchema, said)
    if (!page.success) throw new OperatorError('the leaves of the statement cannot be read')
    leaves.push(...page.output.leaves.map(readLeaf))
    const { next }: { next: number | null } = page.output
    const isForward = next === null || next > from
    if (!isForward || leaves.length > POSITIONS_MAX) {
      throw new OperatorError('the leaves of the statement have no end')
    }
    from = next
  }
  return leaves
}

function readLeaf(text: LeafText): StatementLeaf {
  const leaf = leafFromText(text)
  if (leaf) return leaf
  throw new OperatorError(`a leaf of the statement cannot be read: position ${text[0]}`)
}
