/**
 * A key-value store whose values are sealed and whose keys tell no names.
 *
 * ```
 * stored value = u8 key id | sealed(u16 length | hidden key | value), for its stored key
 * ```
 * @module
 */
import type { KeyValue } from '../../ports/index.ts'
import { OperatorError } from '../../ports/operatorError.ts'
import { compareBytes, concatBytes } from '../../protocol/bytes.ts'
import type { Box } from './box.ts'
import { openTagged, sealTagged } from './box.ts'
import type { KeyHider } from './hiddenKeys.ts'

type Pair = readonly [Uint8Array, Uint8Array]
const LENGTH_BYTES = 2

/** `name` is what people call the database. */
export function sealedKeyValue(store: KeyValue, box: Box, keys: KeyHider, name: string): KeyValue {
  const open = (stored: Uint8Array, value: Uint8Array): Pair => {
    const opened = openTagged(box, stored, value)
    if (opened) return split(stored, opened)
    throw new OperatorError(
      `the database "${name}" holds a value that was altered or belongs to another store: ` +
        'restore the store from a backup',
    )
  }
  const seal = (key: Uint8Array, value: Uint8Array): Pair => {
    const stored = keys.hide(key)
    const hidden = keys.isPlain(key) ? new Uint8Array() : key
    return [stored, sealTagged(box, stored, join(hidden, value))]
  }
  const opened = function* (from: Uint8Array, to: Uint8Array): Iterable<Pair> {
    for (const [stored, value] of store.range(from, to)) yield open(stored, value)
  }
  return {
    get: (key) => {
      const stored = keys.hide(key)
      const value = store.get(stored)
      return value && open(stored, value)[1]
    },
    range: (from, to) => {
      const stored = keys.range(from, to)
      const found = opened(stored.from, stored.to)
      return stored.inOrder ? found : inOrder(found, from, to)
    },
    write: (entries) =>
      store.write(
        entries.map(([key, value]) =>
          value === undefined ? [keys.hide(key), undefined] : seal(key, value),
        ),
      ),
    close: store.close,
  }
}

/** Entries whose stored order is not that of their keys: those of names, which are few. */
function inOrder(found: Iterable<Pair>, from: Uint8Array, to: Uint8Array): Iterable<Pair> {
  const within = [...found].filter(
    ([key]) => compareBytes(key, from) >= 0 && compareBytes(key, to) < 0,
  )
  return within.sort(([a], [b]) => compareBytes(a, b))
}

function join(hidden: Uint8Array, value: Uint8Array): Uint8Array {
  const length = new Uint8Array([hidden.length >> 8, hidden.length & 0xff])
  return concatBytes(length, hidden, value)
}

function split(stored: Uint8Array, opened: Uint8Array): Pair {
  const length = ((opened[0] ?? 0) << 8) | (opened[1] ?? 0)
  const hidden = opened.slice(LENGTH_BYTES, LENGTH_BYTES + length)
  return [length === 0 ? stored : hidden, opened.slice(LENGTH_BYTES + length)]
}
