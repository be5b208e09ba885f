/**
 * `KeyValue` over LMDB. Writes go to its writer thread in atomic batches; until one is committed
 * its entries are answered from memory, so that a caller sees them at once. A batch counts as
 * written when it is on disk, and what a failed batch left behind is not there after a restart:
 * LMDB flushes the pages of a batch before it writes the one that names them.
 * @module
 */
import { join } from 'node:path'
import type { RootDatabase } from 'lmdb'
import { open } from 'lmdb'
import type { KeyValue } from '../../../ports/index.ts'
import { OperatorError } from '../../../ports/operatorError.ts'
import { assert } from '../../../protocol/assert.ts'
import { bytesToHex, compareBytes } from '../../../protocol/bytes.ts'
import { findDamage } from './databasePages.ts'

/** LMDB's own limit for its page size. */
const KEY_BYTES_MAX = 1_978
/** Entries of one `range` step that are copied out before the caller sees the first. */
const RANGE_PAGE_ENTRIES = 256

type Entries = readonly (readonly [Uint8Array, Uint8Array | undefined])[]
type Pending = {
  readonly key: Uint8Array
  readonly value: Uint8Array | undefined
  readonly write: number
}
type Database = RootDatabase<Uint8Array, Uint8Array>

export type LmdbStore = KeyValue & {
  /** Writes `data.mdb` of this moment, as far as it is committed, into an empty folder. */
  readonly copyTo: (folder: string) => Promise<void>
}

/**
 * Opens or creates the database folder at `path`.
 * @throws OperatorError when it cannot be opened
 */
export function openLmdb(path: string): LmdbStore {
  const database = openDatabase(path)
  const pending = new Map<string, Pending>()
  let writes = 0
  let failure: unknown

  const write = async (entries: Entries): Promise<void> => {
    if (failure !== undefined) throw failure
    if (entries.length === 0) return
    const own = ++writes
    for (const [key, value] of entries) {
      assert(key.length > 0 && key.length <= KEY_BYTES_MAX, 'a key fits into LMDB')
      const copy = { key: new Uint8Array(key), value: copyOf(value), write: own }
      pending.set(bytesToHex(key), copy)
    }
    try {
      await commit(database, entries)
    } catch (error) {
      // What is in memory would now differ from the disk for good.
      failure = explain(path, error)
      throw failure
    }
    for (const [key] of entries) {
      const hex = bytesToHex(key)
      if (pending.get(hex)?.write === own) pending.delete(hex)
    }
  }

  return {
    get: (key) => {
      const recent = pending.size > 0 ? pending.get(bytesToHex(key)) : undefined
      return recent ? copyOf(recent.value) : copyOf(database.get(key))
    },
    range: (from, to) => merge(stored(database, from, to), recentWithin(pending, from, to)),
    write,
    close: async () => {
      await database.close()
    },
    copyTo: async (folder) => {
      // Compacted: free pages hold what was deleted.
      await database.backup(folder, true)
    },
  }
}

function openDatabase(path: string): Database {
  const file = join(path, 'data.mdb')
  const damage = findDamage(file)
  if (damage !== undefined) {
    throw new OperatorError(`${file} is damaged (${damage}): restore the store from a backup`)
  }
  try {
    return open<Uint8Array, Uint8Array>({
      path,
      noSubdir: false,
      keyEncoding: 'binary',
      encoding: 'binary',
      // Otherwise a batch is there before it is flushed: after a failed flush the next process
      // would find it in the kernel's memory, and a flush that fails last is never told of.
      overlappingSync: false,
      // Its own batch around those of a turn would fail with a rejection that nobody can catch.
      eventTurnBatching: false,
    } as Parameters<typeof open>[0]) as Database
  } catch (error) {
    throw explain(path, error)
  }
}

/** Resolves when the batch is on disk. */
async function commit(database: Database, entries: Entries): Promise<void> {
  const parts: Promise<unknown>[] = []
  const committed = database.batch(() => {
    for (const [key, value] of entries) {
      parts.push(value === undefined ? database.remove(key) : database.put(key, value))
    }
  })
  // A batch that fails rejects each of its parts too, and nobody waits for those.
  for (const part of parts) part.catch(() => undefined)
  try {
    await committed
  } catch (error) {
    throw await causeOf(error)
  }
}

/** What the database says was wrong; it hands that over as one more rejection. */
async function causeOf(error: unknown): Promise<unknown> {
  if (!(error instanceof Error) || !('commitError' in error)) return error
  const cause: unknown = await Promise.resolve(error.commitError).catch((why: unknown) => why)
  return cause ?? error
}

/** Entries in pages, so that no read transaction stays open while the caller works. */
function* stored(database: Database, from: Uint8Array, to: Uint8Array): Iterable<Entry> {
  let start = from
  for (;;) {
    const page: Entry[] = []
    for (const { key, value } of database.getRange({
      start,
      end: to,
      limit: RANGE_PAGE_ENTRIES,
    })) {
      page.push([new Uint8Array(key), new Uint8Array(value)])
    }
    yield* page
    const last = page.at(-1)
    if (page.length < RANGE_PAGE_ENTRIES || last === undefined) return
    start = successor(last[0])
  }
}

type Entry = readonly [Uint8Array, Uint8Array]

/** The smallest key above `key`. */
function successor(key: Uint8Array): Uint8Array {
  const next = new Uint8Array(key.length + 1)
  next.set(key)
  return next
}

function recentWithin(
  pending: ReadonlyMap<string, Pending>,
  from: Uint8Array,
  to: Uint8Array,
): readonly Pending[] {
  return [...pending.values()]
    .filter(({ key }) => compareBytes(key, from) >= 0 && compareBytes(key, to) < 0)
    .sort((a, b) => compareBytes(a.key, b.key))
}

/** Both in order of key; what is recent hides what is stored. */
function* merge(storedEntries: Iterable<Entry>, recent: readonly Pending[]): Iterable<Entry> {
  let next = 0
  for (const entry of storedEntries) {
    let hidden = false
    for (
      let one = recent[next];
      one && compareBytes(one.key, entry[0]) <= 0;
      one = recent[++next]
    ) {
      hidden = compareBytes(one.key, entry[0]) === 0
      if (one.value) yield [one.key.slice(), one.value.slice()]
    }
    if (!hidden) yield entry
  }
  for (const one of recent.slice(next)) if (one.value) yield [one.key.slice(), one.value.slice()]
}

/** Buffers share memory with LMDB and with each other, even their slices. */
function copyOf(value: Uint8Array | undefined): Uint8Array | undefined {
  return value && new Uint8Array(value)
}

function explain(path: string, error: unknown): OperatorError {
  const message = error instanceof Error ? error.message : String(error)
  return new OperatorError(
    `cannot use the database ${path} (${message}): check its permissions and the free space, or ` +
      'restore the store from a backup',
    { cause: error },
  )
}
