/**
 * Gives a gateway the leaves of a statement back that it has lost: the fleet checked and signed
 * them, and the ledger's own root tells whether they are the ones.
 * @module
 */
import * as v from 'valibot'
import { OperatorError } from '../ports/operatorError.ts'
import { parseHex } from '../protocol/bytes.ts'
import type { SignedStatement, SignedStatements } from './signedStatements.ts'

/** About 100 bytes each: a page stays below the packet limit of fleet roles. */
const LEAVES_PER_PAGE_MAX = 400

const lostSchema = v.object({ sequence: v.number(), allocation: v.string() })
const answerSchema = v.object({ status: v.string() })

type Giver = {
  readonly signed: SignedStatements
  readonly ask: (verb: string, fields: Readonly<Record<string, unknown>>) => Promise<unknown>
}

/**
 * Answers what the gateway made of it: `known` when it can prove its claims again.
 * @throws OperatorError when the statement is not among those that were kept
 */
export async function giveBack(giver: Giver, lost: unknown): Promise<string> {
  const { sequence, allocation } = readLost(lost)
  const found = await giver.signed.former(allocation, sequence)
  if (!found) {
    throw new OperatorError(
      `the gateway has lost statement ${sequence}, and its leaves are not kept here either: ` +
        'restore the folder of "statements", or a newer backup of the gateway',
    )
  }
  return sendPages(giver, found)
}

function readLost(lost: unknown) {
  const read = v.safeParse(lostSchema, lost)
  const allocation = read.success ? parseHex(read.output.allocation) : undefined
  if (read.success && allocation) return { sequence: read.output.sequence, allocation }
  throw new OperatorError('the gateway does not say which statement it has lost')
}

async function sendPages({ ask }: Giver, { sequence, leaves }: SignedStatement): Promise<string> {
  const all = [...leaves].map(
    ([position, { channelId, amount }]) => [position, channelId, amount.toString()] as const,
  )
  for (let from = 0; ; from += LEAVES_PER_PAGE_MAX) {
    const page = all.slice(from, from + LEAVES_PER_PAGE_MAX)
    const isLast = from + LEAVES_PER_PAGE_MAX >= all.length
    const said = await ask('statement-known', { sequence, from, leaves: page, isLast })
    const answer = v.safeParse(answerSchema, said)
    const status = answer.success ? answer.output.status : 'unreadable'
    if (isLast || status !== 'accepted') return status
  }
}
