/**
 * Imports records in batches: the signatures of one are verified in threads while those before it
 * are judged. A batch is one record of the journal, so that a crash leaves whole batches and the
 * same file can be imported again.
 * @module
 */
import type { Prover } from '../../ledger/rules/proofTasks.ts'
import { OperatorError } from '../../ports/operatorError.ts'
import type { Core } from '../core.ts'
import { admit, signaturesOf } from './admission.ts'
import { decodeImportRecord, type ImportRecord } from './records.ts'

/** Bodies of records and where they stand in the file; the first has number 1. */
export type ImportBatch = { readonly first: number; readonly bodies: readonly Uint8Array[] }

/** A few megabytes of journal, and half a second of signatures. */
export const BATCH_RECORDS = 2_048
/** Batches whose signatures are being verified: one for each thread. */
const BATCHES_AHEAD = 2

export type ImportCounts = {
  /** Channels that were opened. */
  readonly imported: number
  /** Channels that the store had already; they were left as they were. */
  readonly known: number
}

type Proving = { readonly batch: Parsed; readonly proved: Promise<unknown> }
type Parsed = { readonly first: number; readonly records: readonly (ImportRecord | undefined)[] }

/**
 * Imports all `batches`; `onProgress` is told after each. What was told is durable.
 * @throws OperatorError naming the first record that is wrong, and what to do; those before it are
 * imported
 */
export async function importBatches(
  core: Core,
  prove: Prover,
  batches: AsyncIterable<ImportBatch>,
  onProgress: (counts: ImportCounts) => void,
): Promise<ImportCounts> {
  let counts: ImportCounts = { imported: 0, known: 0 }
  const take = async ({ batch, proved }: Proving) => {
    await proved
    counts = await admitBatch(core, batch, counts)
    onProgress(counts)
  }
  const ahead: Proving[] = []
  for await (const batch of batches) {
    const parsed = { first: batch.first, records: batch.bodies.map(decodeImportRecord) }
    const tasks = parsed.records.flatMap((record) => (record ? signaturesOf(core, record) : []))
    ahead.push({ batch: parsed, proved: prove(tasks) })
    const next = ahead.length > BATCHES_AHEAD ? ahead.shift() : undefined
    if (next) await take(next)
  }
  for (const next of ahead) await take(next)
  return counts
}

/** All of a batch in one go: nothing else comes between, and one flush makes it durable. */
async function admitBatch(core: Core, batch: Parsed, before: ImportCounts): Promise<ImportCounts> {
  let { imported, known } = before
  let refusal: OperatorError | undefined
  for (const [place, record] of batch.records.entries()) {
    try {
      if (admitOne(core, record) === 'imported') imported += 1
      else known += 1
    } catch (error) {
      if (!(error instanceof OperatorError)) throw error
      refusal = refused(batch.first + place, record, error.message)
      break
    }
  }
  await core.writer.drained()
  if (!refusal) return { imported, known }
  throw new OperatorError(
    `${refusal.message}; ${imported} channels before it are imported, correct this one and ` +
      'import the file again',
  )
}

function admitOne(core: Core, record: ImportRecord | undefined): 'imported' | 'known' {
  if (record) return admit(core, record)
  throw new OperatorError('it is not of the form that an import has: write it again')
}

function refused(number: number, record: ImportRecord | undefined, why: string): OperatorError {
  const { fleet, meter } = record?.channel ?? {}
  const who = record ? ` (${fleet}/${record.device}, meter ${meter})` : ''
  return new OperatorError(`record ${number}${who}: ${why}`)
}
