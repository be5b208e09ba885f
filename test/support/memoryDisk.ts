/**
 * A `Disk` in memory that fails the way real ones do: unsynced bytes vanish in a crash, the last
 * write may be torn, a failed sync has lost its bytes although the next one succeeds (as Linux
 * does it), and space runs out in the middle of a write.
 * @module
 */
import type { AppendFile, Disk } from '../../ports/index.ts'

export type DiskOperation = 'openAppend' | 'append' | 'sync' | 'read' | 'replace' | 'remove'

export type DiskFault = {
  readonly operation: DiskOperation
  /** As in a system error: EIO, ENOSPC, EACCES... */
  readonly code: string
  /** Only for paths that start so; default: every path. */
  readonly path?: string
  /** Calls that still succeed before it strikes; default 0. */
  readonly skip?: number
  /** How often it strikes; default 1. */
  readonly times?: number
}

export type MemoryDisk = Disk & {
  /**
   * Power cut: what was not synced is gone, except the first `tornBytes` of each file's unsynced
   * tail; files never synced are gone; open files answer EBADF from now on.
   */
  readonly crash: (tornBytes?: number) => void
  readonly fail: (fault: DiskFault) => void
  /** Takes back the faults that have not struck yet. */
  readonly heal: () => void
  /** From now on `sync` and `replace` wait; the returned function lets all of them go on. */
  readonly holdSyncs: () => () => void
  /** Space for all files together; an append past it writes what fits and rejects with ENOSPC. */
  readonly setCapacity: (bytes: number) => void
  /** What `freeShare` answers; undefined returns to the computed share. */
  readonly setFreeShare: (share: number | undefined) => void
  /** Content of a file as a reader sees it (synced or not), or undefined. */
  readonly bytes: (path: string) => Uint8Array | undefined
  /** Sets a file's content, durable at once. */
  readonly put: (path: string, bytes: Uint8Array) => void
  /** Inverts one bit of a durable file. */
  readonly flipBit: (path: string, bit: number) => void
  /** Paths of all files, sorted. */
  readonly paths: () => readonly string[]
  /** How often each operation was called. */
  readonly calls: Readonly<Record<DiskOperation, number>>
}

type File = {
  content: Uint8Array
  length: number
  durableLength: number
  /** Content that a crash brings back after a truncation that was not synced yet. */
  beforeTruncation: Uint8Array | undefined
  everSynced: boolean
  /** A sync failed: the kernel dropped the dirty pages, later syncs only look like successes. */
  lost: boolean
}

type ArmedFault = { readonly fault: DiskFault; skip: number; times: number }

type State = {
  readonly files: Map<string, File>
  readonly faults: ArmedFault[]
  readonly calls: Record<DiskOperation, number>
  generation: number
  capacity: number
  freeShare: number | undefined
  held: (() => void)[] | undefined
}

/** An error as node:fs makes it: `code` set, message starting with it. */
export function systemError(code: string, operation: string, path: string): Error {
  return Object.assign(new Error(`${code}: injected fault, ${operation} '${path}'`), { code })
}

function newFile(bytes: Uint8Array): File {
  const content = new Uint8Array(bytes)
  const length = content.length
  return {
    content,
    length,
    durableLength: length,
    beforeTruncation: undefined,
    everSynced: true,
    lost: false,
  }
}

function strike(state: State, operation: DiskOperation, path: string): void {
  state.calls[operation] += 1
  for (const armed of state.faults) {
    if (armed.fault.operation !== operation || armed.times === 0) continue
    if (!path.startsWith(armed.fault.path ?? '')) continue
    if (armed.skip-- > 0) continue
    armed.times -= 1
    throw systemError(armed.fault.code, operation, path)
  }
}

function usedBytes(state: State): number {
  let used = 0
  for (const file of state.files.values()) used += file.length
  return used
}

function grow(file: File, bytes: Uint8Array): void {
  const needed = file.length + bytes.length
  if (needed > file.content.length) {
    const larger = new Uint8Array(Math.max(needed, 2 * file.content.length, 256))
    larger.set(file.content.subarray(0, file.length))
    file.content = larger
  }
  file.content.set(bytes, file.length)
  file.length = needed
}

function truncate(file: File, length: number): void {
  if (length >= file.length) return
  if (length < file.durableLength) {
    file.beforeTruncation ??= file.content.slice(0, file.durableLength)
    file.durableLength = length
  }
  file.length = length
}

function crashFile(file: File, tornBytes: number): void {
  if (file.beforeTruncation !== undefined) {
    file.content = file.beforeTruncation
    file.durableLength = file.content.length
    file.beforeTruncation = undefined
    file.length = file.durableLength
  }
  file.length = Math.min(file.length, file.durableLength + tornBytes)
  file.durableLength = file.length
  file.lost = false
}

async function waitWhileHeld(state: State): Promise<void> {
  const { held } = state
  if (held !== undefined) await new Promise<void>((resolve) => held.push(resolve))
}

function openFile(state: State, path: string, file: File): AppendFile {
  const { generation } = state
  let open = true
  const check = (operation: DiskOperation) => {
    if (!open || generation !== state.generation) throw systemError('EBADF', operation, path)
  }
  return {
    append: async (bytes) => {
      check('append')
      strike(state, 'append', path)
      const room = Math.max(0, state.capacity - usedBytes(state))
      grow(file, bytes.subarray(0, room))
      if (bytes.length > room) throw systemError('ENOSPC', 'append', path)
    },
    sync: async () => {
      check('sync')
      // What a sync covers is decided when it starts, not when it ends.
      const { length } = file
      await waitWhileHeld(state)
      check('sync')
      try {
        strike(state, 'sync', path)
      } catch (error) {
        file.lost = true
        throw error
      }
      if (file.lost) return
      file.everSynced = true
      file.beforeTruncation = undefined
      file.durableLength = Math.max(file.durableLength, length)
    },
    close: async () => {
      open = false
    },
  }
}

function faultControls(state: State): Omit<MemoryDisk, keyof Disk | 'calls'> {
  return {
    crash: (tornBytes = 0) => {
      state.generation += 1
      for (const [path, file] of state.files) {
        if (file.everSynced) crashFile(file, tornBytes)
        else state.files.delete(path)
      }
    },
    heal: () => {
      state.faults.length = 0
    },
    fail: (fault) => {
      state.faults.push({ fault, skip: fault.skip ?? 0, times: fault.times ?? 1 })
    },
    holdSyncs: () => {
      const waiting: (() => void)[] = []
      state.held = waiting
      return () => {
        if (state.held === waiting) state.held = undefined
        for (const release of waiting.splice(0)) release()
      }
    },
    setCapacity: (bytes) => {
      state.capacity = bytes
    },
    setFreeShare: (share) => {
      state.freeShare = share
    },
    bytes: (path) => {
      const file = state.files.get(path)
      return file?.content.slice(0, file.length)
    },
    put: (path, bytes) => {
      state.files.set(path, newFile(bytes))
    },
    flipBit: (path, bit) => {
      const file = state.files.get(path)
      if (file === undefined) throw new Error(`no file ${path}`)
      const at = bit >> 3
      file.content[at] = (file.content[at] ?? 0) ^ (1 << (bit & 7))
    },
    paths: () => [...state.files.keys()].sort(),
  }
}

/** A new, empty disk. Everything settles in microtasks, so it runs under virtual time. */
export function memoryDisk(): MemoryDisk {
  const calls = { openAppend: 0, append: 0, sync: 0, read: 0, replace: 0, remove: 0 }
  const state: State = {
    files: new Map(),
    faults: [],
    calls,
    generation: 0,
    capacity: Number.POSITIVE_INFINITY,
    freeShare: undefined,
    held: undefined,
  }
  return { ...diskOperations(state), ...faultControls(state), calls }
}

function diskOperations(state: State): Disk {
  return {
    openAppend: async (path, length) => {
      strike(state, 'openAppend', path)
      const known = state.files.get(path)
      const file = known ?? { ...newFile(new Uint8Array(0)), everSynced: false }
      state.files.set(path, file)
      truncate(file, length ?? file.length)
      // What is kept is written anew, so that the next sync covers it.
      file.lost = false
      return openFile(state, path, file)
    },
    read: async (path) => {
      strike(state, 'read', path)
      const file = state.files.get(path)
      return file?.content.slice(0, file.length)
    },
    replace: async (path, bytes) => {
      const { generation } = state
      await waitWhileHeld(state)
      if (generation !== state.generation) throw systemError('EBADF', 'replace', path)
      strike(state, 'replace', path)
      const others = usedBytes(state) - (state.files.get(path)?.length ?? 0)
      if (others + bytes.length > state.capacity) throw systemError('ENOSPC', 'replace', path)
      state.files.set(path, newFile(bytes))
    },
    list: async (path) => {
      const prefix = path === '' ? '' : `${path}/`
      const names = [...state.files.keys()]
        .filter((name) => name.startsWith(prefix))
        .map((name) => name.slice(prefix.length).split('/')[0] ?? '')
      return [...new Set(names)].sort()
    },
    remove: async (path) => {
      strike(state, 'remove', path)
      state.files.delete(path)
    },
    freeShare: async () => {
      if (state.freeShare !== undefined) return state.freeShare
      if (state.capacity === Number.POSITIVE_INFINITY) return 1
      return Math.max(0, 1 - usedBytes(state) / state.capacity)
    },
  }
}
