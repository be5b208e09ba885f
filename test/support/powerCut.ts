/**
 * A power cut, replayed: from a log of every write and sync of a process, the files as a disk may
 * hold them when power fails in between. What was synced is there; of what was not, some is.
 * @module
 */
import { closeSync, constants, openSync, readdirSync, readFileSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { assert, present } from '../../protocol/assert.ts'

/** With all bytes of every write, and without other calls. */
export function replayWords(log: string): readonly string[] {
  const calls = ['lseek', 'pwrite64', 'writev', 'fdatasync', 'fsync']
  const whole = ['-s', '16777216', '-x']
  return ['-f', '-y', '-q', ...whole, '-o', log, '-e', `trace=${calls.join(',')}`]
}

type Write = {
  readonly path: string
  readonly at: number
  readonly bytes: Buffer
  /** When it is durable: number of the step that syncs it; undefined when none does. */
  readonly syncedAt: number | undefined
}

/** A step is a write or a sync, in the order of the log. */
export type Replay = { readonly steps: number; readonly writes: ReadonlyMap<number, Write> }

/** What of the unsynced is there: nothing, or all but the end of the last write. */
export const LOSSES = ['dropped', 'torn'] as const
export type Loss = (typeof LOSSES)[number]

const SECTOR_BYTES = 512

/** Descriptors of a running process whose writes are durable when they return (O_DSYNC). */
export function synchronousFiles(pid: number): ReadonlySet<string> {
  const infos = `/proc/${pid}/fdinfo`
  const isSynchronous = (file: string) => {
    const flags = /^flags:\s+([0-7]+)$/m.exec(readFileSync(join(infos, file), 'utf8'))?.[1]
    return (Number.parseInt(flags ?? '0', 8) & constants.O_DSYNC) !== 0
  }
  return new Set(readdirSync(infos).filter(isSynchronous))
}

/**
 * Reads a log as `replayWords` makes it; only what happened in `folder`. `synchronous` are the
 * descriptors whose writes need no sync.
 */
export function readReplay(
  log: string,
  folder: string,
  synchronous: ReadonlySet<string> = new Set(),
): Replay {
  const seeks = new Map<string, number>()
  const made: { path: string; at: number; bytes: Buffer; step: number; syncedAt?: number }[] = []
  let steps = 0
  for (const line of readFileSync(log, 'latin1').split('\n')) {
    const [, call = '', file = '', path = '', rest = ''] =
      /^\d+ +(\w+)\((\d+)<([^>]*)>(.*)$/.exec(line) ?? []
    if (!path.startsWith(folder)) continue
    const bytes = bytesOf(rest)
    if (call === 'lseek') seeks.set(file, Number(/^, (\d+)/.exec(rest)?.[1]))
    if (call === 'writev') {
      made.push({ path, at: present(seeks.get(file), 'a place'), bytes, step: steps++ })
    }
    if (call === 'pwrite64') {
      const at = Number(
        /, (\d+)(?:\)| <unf)/.exec(
          rest.slice(rest.lastIndexOf('"')).replace(/^"(?:\.\.\.)?, \d+/, ''),
        )?.[1],
      )
      assert(Number.isSafeInteger(at), 'a write has a place')
      const step = steps++
      made.push({ path, at, bytes, step, ...(synchronous.has(file) ? { syncedAt: steps++ } : {}) })
    }
    if (call === 'fdatasync' || call === 'fsync') {
      for (const one of made) if (one.path === path) one.syncedAt ??= steps
      steps += 1
    }
  }
  const writes = made.map(({ step, path, at, bytes, syncedAt }) => {
    return [step, { path, at, bytes, syncedAt }] as const
  })
  return { steps, writes: new Map(writes) }
}

/** Strings as strace writes them: printable ones as they are, others in hex. */
function bytesOf(text: string): Buffer {
  const parts = [...text.matchAll(/"((?:[^"\\]|\\.)*)"/g)].map(([, inner = '']) =>
    Buffer.from(
      inner.replace(/\\x([0-9a-f]{2})|\\(.)/g, (_, hex: string | undefined, plain: string) =>
        hex === undefined
          ? (escapes[plain] ?? plain)
          : String.fromCharCode(Number.parseInt(hex, 16)),
      ),
      'latin1',
    ),
  )
  return Buffer.concat(parts)
}

const escapes: Readonly<Record<string, string>> = { n: '\n', t: '\t', r: '\r', v: '\v', f: '\f' }

/** Writes with which no step before `cut` has dealt yet. */
export function unsyncedAt({ writes }: Replay, cut: number): number {
  const open = [...writes].filter(([step, one]) => step < cut && (one.syncedAt ?? cut) >= cut)
  return open.length
}

/** Brings the files of a copy to what they may be when power fails before step `cut`. */
export function cutPower(replay: Replay, cut: number, loss: Loss, place: (path: string) => string) {
  const done = [...replay.writes].filter(([step]) => step < cut)
  const last = done.at(-1)?.[0]
  for (const [step, { path, at, bytes, syncedAt }] of done) {
    const isSynced = syncedAt !== undefined && syncedAt < cut
    if (!isSynced && loss === 'dropped') continue
    const isTorn = !isSynced && loss === 'torn' && step === last
    writeAt(place(path), at, isTorn ? torn(at, bytes) : bytes)
  }
}

/** Whole sectors of the disk, about half of them. */
function torn(at: number, bytes: Buffer): Buffer {
  const half = at + Math.floor(bytes.length / 2)
  return bytes.subarray(0, Math.max(0, half - (half % SECTOR_BYTES) - at))
}

function writeAt(path: string, at: number, bytes: Buffer): void {
  const file = openSync(path, 'r+')
  try {
    writeSync(file, bytes, 0, bytes.length, at)
  } finally {
    closeSync(file)
  }
}
