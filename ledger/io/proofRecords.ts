/**
 * Tasks as records of equal size in one piece of memory, which goes to a thread without being
 * copied.
 * @module
 */
import { assert } from '../../protocol/assert.ts'
import { BIND_BYTES, WORD_BYTES } from '../../protocol/chain.ts'
import { algorithmByte, algorithms, SIGNATURE_BYTES } from '../../protocol/keys.ts'
import type { ProofTask } from '../rules/proofTasks.ts'

/** Kind, then: algorithm, length of key, digest, signature, key; or indexes, bind and words. */
const RECORD_BYTES = 176
const SIGNATURE = 1
const WORD = 2
const KEY_BYTES_MAX = 64
const DIGEST_BYTES = 32
const DIGEST_AT = 4
const SIGNATURE_AT = DIGEST_AT + DIGEST_BYTES
const KEY_AT = SIGNATURE_AT + SIGNATURE_BYTES
const INDEX_AT = 4
const EARLIER_INDEX_AT = 8
const BIND_AT = 12
const WORD_AT = BIND_AT + BIND_BYTES
const EARLIER_AT = WORD_AT + WORD_BYTES

/** True for a task whose parts have the lengths that they must have. */
export function isRecordable(task: ProofTask): boolean {
  if (task.kind === 'word') {
    const { bind, word, earlier } = task
    return [bind, word, earlier].map(({ length }) => length).join() === wordLengths
  }
  const { key, digest, signature } = task
  const isSigned = digest.length === DIGEST_BYTES && signature.length === SIGNATURE_BYTES
  return isSigned && key.bytes.length <= KEY_BYTES_MAX
}

const wordLengths = [BIND_BYTES, WORD_BYTES, WORD_BYTES].join()

/** Tasks that are recordable, one record each. */
export function encodeTasks(tasks: readonly ProofTask[]): Uint8Array<ArrayBuffer> {
  const records = new Uint8Array(tasks.length * RECORD_BYTES)
  for (const [place, task] of tasks.entries()) {
    assert(isRecordable(task), 'a task fits into its record')
    writeTask(records.subarray(place * RECORD_BYTES, (place + 1) * RECORD_BYTES), task)
  }
  return records
}

function writeTask(record: Uint8Array, task: ProofTask): void {
  if (task.kind === 'signature') {
    const { bytes, algorithm } = task.key
    record.set([SIGNATURE, algorithmByte(algorithm), bytes.length])
    record.set(task.digest, DIGEST_AT)
    record.set(task.signature, SIGNATURE_AT)
    record.set(bytes, KEY_AT)
    return
  }
  const view = new DataView(record.buffer, record.byteOffset)
  record[0] = WORD
  view.setUint32(INDEX_AT, task.index)
  view.setUint32(EARLIER_INDEX_AT, task.earlierIndex)
  record.set(task.bind, BIND_AT)
  record.set(task.word, WORD_AT)
  record.set(task.earlier, EARLIER_AT)
}

/** The tasks again; their bytes are views of `records`. */
export function decodeTasks(records: Uint8Array): readonly ProofTask[] {
  const count = records.length / RECORD_BYTES
  return Array.from({ length: count }, (_, place) =>
    readTask(records.subarray(place * RECORD_BYTES, (place + 1) * RECORD_BYTES)),
  )
}

function readTask(record: Uint8Array): ProofTask {
  const part = (at: number, length: number) => record.subarray(at, at + length)
  if (record[0] === SIGNATURE) {
    const algorithm = algorithms[(record[1] ?? 0) - 1]
    assert(algorithm !== undefined, 'a record names an algorithm')
    return {
      kind: 'signature',
      key: { algorithm, bytes: part(KEY_AT, record[2] ?? 0) },
      digest: part(DIGEST_AT, DIGEST_BYTES),
      signature: part(SIGNATURE_AT, SIGNATURE_BYTES),
    }
  }
  assert(record[0] === WORD, 'a record is of a known kind')
  const view = new DataView(record.buffer, record.byteOffset)
  return {
    kind: 'word',
    bind: part(BIND_AT, BIND_BYTES),
    word: part(WORD_AT, WORD_BYTES),
    index: view.getUint32(INDEX_AT),
    earlier: part(EARLIER_AT, WORD_BYTES),
    earlierIndex: view.getUint32(EARLIER_INDEX_AT),
  }
}
