/**
 * What a fleet has signed, on its own disk: written before a signature leaves, so that it never
 * signs less than before, nor the same sequence twice.
 * @module
 */
import * as v from 'valibot'
import type { Disk } from '../ports/index.ts'
import { OperatorError } from '../ports/operatorError.ts'
import { parseUint64 } from '../protocol/amount.ts'
import { bytesToHex, utf8ToBytes } from '../protocol/bytes.ts'
import type { StatementLeaf } from '../protocol/merkle.ts'
import type { Statement } from '../protocol/structures.ts'
import { readJson } from './reports.ts'
import type { SignedBefore } from './statementCheck.ts'

const uint64 = v.pipe(
  v.string(),
  v.check((text) => parseUint64(text) !== undefined),
  v.transform((text) => parseUint64(text) ?? 0n),
)

const recordSchema = v.object({
  format: v.literal(1),
  allocation: v.string(),
  sequence: v.pipe(v.number(), v.safeInteger()),
  digest: v.string(),
  evidencePaid: uint64,
  leaves: v.array(v.tuple([v.number(), v.string(), uint64])),
})

export type SignedStatement = SignedBefore & {
  /** Hex: the same statement may be signed again. */
  readonly digest: string
}

export type SignedStatements = {
  readonly last: (allocation: Uint8Array) => Promise<SignedStatement | undefined>
  /** One of the last few, by its sequence; a gateway that has lost it asks for its leaves. */
  readonly former: (
    allocation: Uint8Array,
    sequence: number,
  ) => Promise<SignedStatement | undefined>
  /** Resolves when it is durable. */
  readonly put: (
    statement: Statement,
    digest: Uint8Array,
    leaves: readonly StatementLeaf[],
  ) => Promise<void>
}

const fileOf = (allocation: string) => `statement-${allocation}.json`
/**
 * What was signed last is not always what the ledger goes by: its answer may have been lost, or a
 * chain rearranged. Each place is written over by the fourth statement after it.
 */
const FORMER_MAX = 4
const formerFileOf = (allocation: string, sequence: number) =>
  `statement-${allocation}-former-${sequence % FORMER_MAX}.json`

/** One file for each allocation on `disk`. */
export function signedStatements(disk: Pick<Disk, 'read' | 'replace'>): SignedStatements {
  const read = async (name: string, file: string): Promise<SignedStatement | undefined> => {
    const bytes = await disk.read(file)
    if (!bytes) return undefined
    const result = v.safeParse(recordSchema, readJson(bytes))
    if (!result.success || result.output.allocation !== name) {
      throw new OperatorError(
        `${file} cannot be read: restore it, or nothing is co-signed for this allocation`,
      )
    }
    const { sequence, digest, evidencePaid, leaves } = result.output
    const byPosition = leaves.map(
      ([position, channelId, amount]) => [position, { channelId, amount }] as const,
    )
    return { sequence, digest, evidencePaid, leaves: new Map(byPosition) }
  }
  return {
    last: (allocation) => read(bytesToHex(allocation), fileOf(bytesToHex(allocation))),
    former: async (allocation, sequence) => {
      const name = bytesToHex(allocation)
      const found = await read(name, formerFileOf(name, sequence))
      return found?.sequence === sequence ? found : undefined
    },
    put: async (statement, digest, leaves) => {
      const allocation = bytesToHex(statement.allocation)
      const record = {
        format: 1,
        allocation,
        sequence: statement.sequence,
        digest: bytesToHex(digest),
        evidencePaid: statement.evidencePaid.toString(),
        leaves: leaves.map((one) => [
          one.position,
          bytesToHex(one.channelId),
          one.amount.toString(),
        ]),
      }
      const bytes = utf8ToBytes(JSON.stringify(record))
      await disk.replace(formerFileOf(allocation, statement.sequence), bytes)
      await disk.replace(fileOf(allocation), bytes)
    },
  }
}
