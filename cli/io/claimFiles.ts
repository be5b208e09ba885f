/**
 * Files of claims, written and read by commands.
 * @module
 */
import { open, readFile } from 'node:fs/promises'
import { basename, dirname, resolve } from 'node:path'
import * as v from 'valibot'
import type { ClaimFileHead } from '../../gateway/store/claimFile.ts'
import {
  CLAIM_FILE_VERSION,
  decodeClaim,
  decodeClaimHead,
  encodeClaimHead,
  frameItem,
  splitItems,
} from '../../gateway/store/claimFile.ts'
import { nodeDisk } from '../../ports/io/disk.ts'
import { OperatorError } from '../../ports/operatorError.ts'
import { present } from '../../protocol/assert.ts'
import { bytesToHex, concatBytes, equalBytes, parseHex } from '../../protocol/bytes.ts'
import { readAnswer } from '../answers.ts'
import type { Progress } from '../progress.ts'
import type { Calls } from './controlClient.ts'

const pageAnswer = v.object({ claims: v.array(v.string()), next: v.nullable(v.number()) })

const statusAnswer = v.object({
  gateway: v.string(),
  ledger: v.object({ chainId: v.string(), contract: v.string() }),
})

const resultsAnswer = v.array(
  v.object({
    channelId: v.string(),
    status: v.picklist(['paid', 'repeated', 'refused']),
    reason: v.nullable(v.string()),
    paid: v.string(),
  }),
)
export type SubmittedClaim = v.InferOutput<typeof resultsAnswer>[number]

/** As many as one call of the gateway takes. */
const CLAIMS_PER_CALL = 256

async function ledgerOf({ call }: Calls) {
  const { gateway, ledger } = readAnswer(statusAnswer, await call('status', {}))
  const verifyingContract = present(parseHex(ledger.contract), 'a contract is hex')
  return { gateway, domain: { chainId: BigInt(ledger.chainId), verifyingContract } }
}

/** Gets a line that says how far it is. */
type Tell = Progress['tell']

/** Writes the evidence of all unsettled channels to a new file; answers how many there are. */
export async function exportClaims(
  calls: Calls,
  path: string,
  nowMs: number,
  tell: Tell = () => {},
): Promise<number> {
  const items = await askClaims(calls, tell)
  await writeNew(path, await fileOf(calls, items, nowMs))
  return items.length
}

/** The file keeps what it was exported from, so that the same need not be written again. */
export type Followed = { readonly items: readonly Uint8Array[] }

/**
 * Replaces the file when anything has changed since `last`: the old or the new content is there at
 * every moment, never a mix.
 */
export async function followClaims(
  calls: Calls,
  path: string,
  nowMs: number,
  last: Followed | undefined,
): Promise<Followed> {
  const items = await askClaims(calls, () => {})
  const isSame = last?.items.length === items.length
  if (isSame && items.every((one, place) => equalBytes(one, last.items[place] ?? NOTHING))) {
    return last
  }
  const disk = await nodeDisk(dirname(resolve(path)))
  await disk.replace(basename(path), await fileOf(calls, items, nowMs))
  return { items }
}

const NOTHING = new Uint8Array()

/** The claims of all channels that owe something, page by page. */
async function askClaims(calls: Calls, tell: Tell): Promise<readonly Uint8Array[]> {
  const items: Uint8Array[] = []
  for (let from: number | null = 0; from !== null; ) {
    const page: v.InferOutput<typeof pageAnswer> = readAnswer(
      pageAnswer,
      await calls.call('export_claims', { from }),
    )
    for (const hex of page.claims) items.push(present(parseHex(hex), 'claims are hex'))
    tell(`${items.length} claims`)
    from = page.next
  }
  return items
}

async function fileOf(
  calls: Calls,
  items: readonly Uint8Array[],
  nowMs: number,
): Promise<Uint8Array> {
  const { gateway, domain } = await ledgerOf(calls)
  const createdAtSeconds = Math.floor(nowMs / 1_000)
  const version = CLAIM_FILE_VERSION
  const head = encodeClaimHead({ version, gateway, domain, createdAtSeconds, claims: items.length })
  return concatBytes(...[head, ...items].map(frameItem))
}

async function writeNew(path: string, bytes: Uint8Array): Promise<void> {
  try {
    const file = await open(path, 'wx', 0o600)
    try {
      await file.writeFile(bytes)
      await file.sync()
    } finally {
      await file.close()
    }
  } catch (error) {
    throw new OperatorError(`cannot write ${path} (${codeOf(error)}): choose another file`)
  }
}

export type ReadClaims = { readonly head: ClaimFileHead; readonly claims: readonly Uint8Array[] }

/** @throws OperatorError when the file is not whole */
export async function readClaims(path: string): Promise<ReadClaims> {
  const bytes = await readFile(path).catch((error: unknown) => {
    throw new OperatorError(`cannot read ${path} (${codeOf(error)}): check the path`)
  })
  const [first, ...claims] = splitItems(new Uint8Array(bytes)) ?? []
  const head = first && decodeClaimHead(first)
  if (!head) throw new OperatorError(`${path} is no file of claims, or is cut short`)
  if (head.version > CLAIM_FILE_VERSION) {
    throw new OperatorError(`${path} was written by a newer version: upgrade this program`)
  }
  if (head.claims !== claims.length || !claims.every((one) => decodeClaim(one))) {
    throw new OperatorError(`${path} is damaged or cut short: export the claims again`)
  }
  return { head, claims }
}

/** Shows the claims to the ledger of the gateway behind `calls`; one result for each. */
export async function submitClaims(
  calls: Calls,
  path: string,
  { head, claims }: ReadClaims,
  tell: Tell = () => {},
): Promise<readonly SubmittedClaim[]> {
  requireDomain(path, { head }, (await ledgerOf(calls)).domain)
  const results: SubmittedClaim[] = []
  for (let from = 0; from < claims.length; from += CLAIMS_PER_CALL) {
    const texts = claims.slice(from, from + CLAIMS_PER_CALL).map(bytesToHex)
    results.push(...readAnswer(resultsAnswer, await calls.call('submit_claims', { claims: texts })))
    tell(`${results.length} of ${claims.length} claims`)
  }
  return results
}

/** @throws OperatorError when the claims are for another ledger */
export function requireDomain(
  path: string,
  { head }: Pick<ReadClaims, 'head'>,
  domain: ClaimFileHead['domain'],
): void {
  if (ledgerText(domain) === ledgerText(head.domain)) return
  throw new OperatorError(
    `${path} is for the ledger ${ledgerText(head.domain)}, this one is ${ledgerText(domain)}: ` +
      'no other ledger can pay it',
  )
}

function ledgerText({ chainId, verifyingContract }: ClaimFileHead['domain']): string {
  return `${chainId}/0x${bytesToHex(verifyingContract)}`
}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : String(error)
}
