/**
 * A `KeyValue` in memory, ordered by key, that forgets in a crash what was not durable yet.
 * @module
 */
import type { KeyValue } from '../../ports/index.ts'
import { compareBytes } from '../../protocol/bytes.ts'

export type MemoryKeyValue = KeyValue & {
  /** Power cut: writes whose promise had not resolved are gone; those promises never settle. */
  readonly crash: () => void
  /** From now on writes are visible but not durable, until the returned function is called. */
  readonly holdWrites: () => () => void
  /** Every write from now on rejects with `error` and changes nothing. */
  readonly failWrites: (error: Error) => void
  readonly size: () => number
}

type Entry = readonly [Uint8Array, Uint8Array]
type Write = readonly (readonly [Uint8Array, Uint8Array | undefined])[]

/** Index of the first entry whose key is not below `key`. */
function lowerBound(entries: readonly Entry[], key: Uint8Array): number {
  let low = 0
  let high = entries.length
  while (low < high) {
    const middle = (low + high) >> 1
    const entry = entries[middle]
    if (entry !== undefined && compareBytes(entry[0], key) < 0) low = middle + 1
    else high = middle
  }
  return low
}

function apply(entries: Entry[], write: Write): void {
  for (const [key, value] of write) {
    const at = lowerBound(entries, key)
    const found = entries[at]
    const same = found !== undefined && compareBytes(found[0], key) === 0
    if (value === undefined) entries.splice(at, same ? 1 : 0)
    else entries.splice(at, same ? 1 : 0, [new Uint8Array(key), new Uint8Array(value)])
  }
}

function* rangeOf(entries: readonly Entry[], from: Uint8Array, to: Uint8Array) {
  // A snapshot, as LMDB gives: writes during the iteration are not seen.
  const window = entries.slice(lowerBound(entries, from), lowerBound(entries, to))
  for (const [key, value] of window) yield [key.slice(), value.slice()] as const
}

/** A new, empty store. Settles in microtasks, so it runs under virtual time. */
export function memoryKeyValue(): MemoryKeyValue {
  let live: Entry[] = []
  let durable: Entry[] = []
  let failure: Error | undefined
  let held: Promise<void> | undefined
  let generation = 0

  const write = async (entries: Write): Promise<void> => {
    if (failure !== undefined) throw failure
    const mine = entries.map(
      ([key, value]) => [new Uint8Array(key), value && new Uint8Array(value)] as const,
    )
    const born = generation
    apply(live, mine)
    await held
    if (born !== generation) return new Promise(() => {})
    apply(durable, mine)
  }

  return {
    get: (key) => {
      const found = live[lowerBound(live, key)]
      return found !== undefined && compareBytes(found[0], key) === 0 ? found[1].slice() : undefined
    },
    range: (from, to) => rangeOf(live, from, to),
    write,
    close: async () => {},
    crash: () => {
      generation += 1
      live = [...durable]
      durable = [...durable]
    },
    holdWrites: () => {
      let release = () => {}
      held = new Promise<void>((resolve) => {
        release = resolve
      })
      return () => {
        held = undefined
        release()
      }
    },
    failWrites: (error) => {
      failure = error
    },
    size: () => live.length,
  }
}
