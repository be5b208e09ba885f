/**
 * Disk and database of one program on virtual time: every operation takes a while, so a crash can
 * come before, within and after each of them.
 * @module
 */
import type { Dice } from '../../firmware-sim/dice.ts'
import type { AppendFile, Disk, KeyValue, Timers } from '../../ports/index.ts'
import type { MemoryDisk } from '../support/memoryDisk.ts'
import { memoryKeyValue } from '../support/memoryKeyValue.ts'
import { type Life, never } from './life.ts'

export type Slowness = {
  readonly timers: Timers
  readonly dice: Dice
  /** The longest that one operation takes. */
  readonly operationMs: number
}

/** Runs at each operation of a disk, before (`begins`) and after it; may end the life. */
export type Watch = (moment: 'begins' | 'ends' | 'fails', operation: string) => void

/** A disk that belongs to one life: what a dead program began never happens. */
export function lifeDisk(disk: MemoryDisk, life: Life, slow: Slowness, watch: Watch): Disk {
  const run = async <T>(operation: string, act: () => Promise<T>): Promise<T> => {
    const totalMs = slow.dice.between(0, slow.operationMs)
    const beforeMs = slow.dice.chance(0.5) ? totalMs : 0
    if (beforeMs > 0) await pause(slow.timers, beforeMs)
    if (!life.isOver) watch('begins', operation)
    if (life.isOver) return never()
    const result = await act().catch((error: unknown) => {
      if (!life.isOver) watch('fails', operation)
      throw error
    })
    if (totalMs > beforeMs) await pause(slow.timers, totalMs - beforeMs)
    if (!life.isOver) watch('ends', operation)
    return life.isOver ? never() : result
  }
  const fileOf = (file: AppendFile): AppendFile => ({
    append: (bytes) => run('append', () => file.append(bytes)),
    sync: () => run('sync', () => file.sync()),
    close: () => run('close', () => file.close()),
  })
  return {
    openAppend: async (path, length) =>
      fileOf(await run('openAppend', () => disk.openAppend(path, length))),
    read: (path) => (life.isOver ? never() : disk.read(path)),
    list: (path) => (life.isOver ? never() : disk.list(path)),
    replace: (path, bytes) => run('replace', () => disk.replace(path, bytes)),
    remove: (path) => run('remove', () => disk.remove(path)),
    freeShare: () => (life.isOver ? never() : disk.freeShare()),
  }
}

function pause(timers: Timers, ms: number): Promise<void> {
  return new Promise((resolve) => {
    timers.after(ms, resolve)
  })
}

type Entries = readonly (readonly [Uint8Array, Uint8Array])[]

/** A database whose writes are seen at once and become durable later, in their order. */
export type SimStore = {
  /** As one life sees it. */
  readonly openFor: (life: Life) => KeyValue
  /** Power cut: what was not durable is gone. */
  readonly crash: () => Promise<void>
  readonly entries: () => Entries
  readonly refill: (entries: Entries) => Promise<void>
}

const everyKey = [new Uint8Array(0), new Uint8Array(64).fill(255)] as const

export function simStore(slow: Slowness): SimStore {
  const live = memoryKeyValue()
  const durable = memoryKeyValue()
  let last: Promise<unknown> = Promise.resolve()
  let generation = 0
  const fill = async (store: KeyValue, entries: Entries) => {
    await store.write([...store.range(...everyKey)].map(([key]) => [key, undefined] as const))
    await store.write(entries)
  }
  const write = (life: Life, entries: Parameters<KeyValue['write']>[0]): Promise<void> => {
    if (life.isOver) return never()
    const born = generation
    void live.write(entries)
    const settled = last.then(async () => {
      await pause(slow.timers, slow.dice.between(0, slow.operationMs))
      if (born !== generation) return never()
      await durable.write(entries)
    })
    last = settled
    return settled
  }
  const crash = async () => {
    generation += 1
    last = Promise.resolve()
    await fill(live, [...durable.range(...everyKey)])
  }
  return {
    openFor: (life) => ({
      get: live.get,
      range: live.range,
      write: (entries) => write(life, entries),
      close: async () => undefined,
    }),
    crash,
    entries: () => [...live.range(...everyKey)],
    refill: async (entries) => {
      generation += 1
      last = Promise.resolve()
      await fill(durable, entries)
      await fill(live, entries)
    },
  }
}
