/**
 * Reads a file of channels in batches, and imports it into the store of a gateway that does not
 * run.
 * @module
 */
import { createReadStream } from 'node:fs'
import type { Ports } from '../../../ports/index.ts'
import { OperatorError } from '../../../ports/operatorError.ts'
import { equalBytes } from '../../../protocol/bytes.ts'
import type { GatewaySettings } from '../../config.ts'
import { openOffline } from '../../io/openGateway.ts'
import { BATCH_RECORDS, type ImportBatch, type ImportCounts, importBatches } from '../importer.ts'
import { IMPORT_RECORD_BYTES_MAX, importMark, LENGTH_BYTES } from '../records.ts'

const CHUNK_BYTES = 1 << 20

/**
 * Imports the channels in `file`. `onProgress` is told what is durable.
 * @throws OperatorError naming the file, the record and what to do
 */
export async function importFile(
  settings: GatewaySettings,
  ports: Ports,
  file: string,
  onProgress: (counts: ImportCounts) => void,
): Promise<ImportCounts> {
  const { core, prove, close } = await openOffline(settings, ports)
  try {
    return await importBatches(core, prove, readBatches(file), onProgress)
  } catch (error) {
    if (!(error instanceof OperatorError)) throw error
    throw new OperatorError(`${file}: ${error.message}`, { cause: error })
  } finally {
    await close()
  }
}

/** @throws OperatorError when the file cannot be read, is none of channels, or is cut short */
export async function* readBatches(file: string): AsyncIterable<ImportBatch> {
  let first = 1
  let bodies: Uint8Array[] = []
  for await (const body of readBodies(file)) {
    bodies.push(body)
    if (bodies.length < BATCH_RECORDS) continue
    yield { first, bodies }
    first += bodies.length
    bodies = []
  }
  if (bodies.length > 0) yield { first, bodies }
}

async function* readBodies(file: string): AsyncIterable<Uint8Array> {
  let rest: Buffer = Buffer.alloc(0)
  let offset = 0
  let isMarked = false
  for await (const chunk of readChunks(file)) {
    rest = Buffer.concat([rest, chunk])
    let at = 0
    if (!isMarked && rest.length >= importMark.length) {
      at = requireMark(rest)
      isMarked = true
    }
    for (let end = isMarked ? endOf(rest, at, offset) : -1; end >= 0; ) {
      yield new Uint8Array(rest.subarray(at + LENGTH_BYTES, end))
      at = end
      end = endOf(rest, at, offset)
    }
    offset += at
    rest = rest.subarray(at)
  }
  if (!isMarked) requireMark(rest)
  if (rest.length > 0) {
    throw new OperatorError(`the record at byte ${offset} is cut short: write the file again`)
  }
}

async function* readChunks(file: string): AsyncIterable<Buffer> {
  try {
    for await (const chunk of createReadStream(file, { highWaterMark: CHUNK_BYTES })) {
      yield chunk as Buffer
    }
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : String(error)
    throw new OperatorError(`cannot be read (${code}): check the path`, { cause: error })
  }
}

function requireMark(bytes: Buffer): number {
  const isOurs = equalBytes(bytes.subarray(0, importMark.length), importMark)
  if (isOurs) return importMark.length
  throw new OperatorError('this is no file of channels to import: check the path')
}

/** Where the record at `at` ends; -1 when not all of it is there. */
function endOf(bytes: Buffer, at: number, offset: number): number {
  if (at + LENGTH_BYTES > bytes.length) return -1
  const length = bytes.readUInt32BE(at)
  if (length === 0 || length > IMPORT_RECORD_BYTES_MAX) {
    throw new OperatorError(
      `the record at byte ${offset + at} has ${length} bytes, and 1 to ` +
        `${IMPORT_RECORD_BYTES_MAX} are possible: write the file again`,
    )
  }
  const end = at + LENGTH_BYTES + length
  return end <= bytes.length ? end : -1
}
