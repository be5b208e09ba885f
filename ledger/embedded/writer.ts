/**
 * Changes to the books, one after the other, each durable before the next begins.
 * @module
 */
import type { Cancel, KeyValue } from '../../ports/index.ts'
import type { LedgerEvent } from '../ledger.ts'
import { type Books, openBooks } from './books.ts'

export type Writer = {
  /** One after the other: no change sees half of another. */
  readonly serially: <T>(act: () => Promise<T>) => Promise<T>
  /** Stages with `act`, writes all of it at once and answers when it is durable. */
  readonly change: <T>(act: (books: Books) => T) => Promise<T>
  readonly write: (books: Books) => Promise<void>
  /** Reads when nothing is visible that a crash could take back. */
  readonly durable: <T>(read: (books: Books) => T) => Promise<T>
  /** Tells followers; to be called when the change is durable. */
  readonly announce: (event: LedgerEvent) => void
  readonly follow: (onEvent: (event: LedgerEvent) => void) => Cancel
}

/** The only way into `store` while the ledger is open. */
export function createWriter(store: KeyValue, nowSeconds: () => number): Writer {
  const listeners = new Set<(event: LedgerEvent) => void>()
  let tail: Promise<unknown> = Promise.resolve()
  let writing: Promise<void> = Promise.resolve()

  const serially: Writer['serially'] = (act) => {
    const result = tail.then(act)
    tail = result.catch(() => {})
    return result
  }
  const write: Writer['write'] = (books) => {
    const writes = books.writes()
    if (writes.length === 0) return Promise.resolve()
    const written = store.write(writes)
    writing = written.catch(() => {})
    return written
  }
  const change: Writer['change'] = (act) =>
    serially(async () => {
      const books = openBooks(store, nowSeconds())
      const result = act(books)
      await write(books)
      return result
    })
  const durable: Writer['durable'] = async (read) => {
    let awaited: Promise<void>
    do {
      awaited = writing
      await awaited
    } while (awaited !== writing)
    return read(openBooks(store, nowSeconds()))
  }
  const announce: Writer['announce'] = (event) => {
    for (const listener of listeners) listener(event)
  }
  const follow: Writer['follow'] = (onEvent) => {
    const listener = (event: LedgerEvent) => onEvent(event)
    listeners.add(listener)
    return () => {
      listeners.delete(listener)
    }
  }
  return { serially, change, write, durable, announce, follow }
}
