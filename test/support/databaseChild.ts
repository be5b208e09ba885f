/**
 * Writes one entry after the other into a database, tells what became of each, and dies without
 * closing it. Run by `test/faults/database.test.ts` in a process of its own.
 * @module
 */
import { openLmdb } from '../../gateway/store/io/lmdb.ts'
import { utf8ToBytes } from '../../protocol/bytes.ts'

/** First word of each line that it writes; the second is the entry. */
export type Told = 'durable' | 'failed'

function tell(how: Told, word: string): void {
  process.stdout.write(`${how} ${word}\n`)
}

/** Nobody waits for a write that never ends. */
const LIMIT_MS = 5_000

setTimeout(() => process.kill(process.pid, 'SIGKILL'), LIMIT_MS)
const [, , folder = '', ...words] = process.argv
const database = openLmdb(folder)
for (const word of words) {
  const bytes = utf8ToBytes(word)
  try {
    await database.write([[bytes, bytes]])
    tell('durable', word)
  } catch {
    tell('failed', word)
  }
}
process.kill(process.pid, 'SIGKILL')
