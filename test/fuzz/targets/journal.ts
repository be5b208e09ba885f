/**
 * Recovery of a real journal whose files were cut, overwritten, exchanged or lost: what is read is
 * the beginning of what was written, a repair drops nothing that is still whole, and all else is an
 * error that names the place.
 * @module
 */
import type { Journal } from '../../../gateway/store/journal.ts'
import { openJournal } from '../../../gateway/store/journal.ts'
import { defaultJournalLimits } from '../../../gateway/store/limits.ts'
import { OVERHEAD_BYTES, readHeader } from '../../../gateway/store/record.ts'
import { OperatorError } from '../../../ports/operatorError.ts'
import { bytesToHex, concatBytes, equalBytes } from '../../../protocol/bytes.ts'
import type { MemoryDisk } from '../../support/memoryDisk.ts'
import { memoryDisk } from '../../support/memoryDisk.ts'
import type { Dice } from '../dice.ts'
import { seededDice } from '../dice.ts'
import type { Target } from '../target.ts'
import { diceOf } from '../target.ts'

const limits = { ...defaultJournalLimits, segmentBytes: 900, recordBytesMax: 400 }
const genesis = new Uint8Array(32).fill(3)

type Kept = { readonly path: string; readonly offset: number; readonly bytes: Uint8Array }
type Original = {
  readonly files: ReadonlyMap<string, Uint8Array>
  readonly payloads: readonly string[]
  /** Every record, with the position of its last entry. */
  readonly records: readonly (Kept & { readonly last: number })[]
}

async function write(): Promise<Original> {
  const disk = memoryDisk()
  const dice = seededDice(99)
  const journal = await openJournal(disk, { limits, genesis })
  const payloads: string[] = []
  for (let record = 0; record < 24; record++) {
    for (let left = 1 + dice.below(4); left > 0; left--) {
      // Runs of zeros look like sectors that were never written.
      const zeros = dice.oneIn(4) ? new Uint8Array(dice.below(60)) : new Uint8Array(0)
      const payload = concatBytes(dice.bytes(dice.below(60)), zeros)
      journal.append(payload)
      payloads.push(bytesToHex(payload))
    }
    await journal.flush()
  }
  await journal.close()
  const files = new Map(disk.paths().map((path) => [path, disk.bytes(path) ?? new Uint8Array()]))
  return { files, payloads, records: recordsOf(files, payloads.length) }
}

function recordsOf(files: Original['files'], total: number): Original['records'] {
  const found: { path: string; offset: number; bytes: Uint8Array; first: number }[] = []
  for (const [path, bytes] of files) {
    for (let offset = 0; offset < bytes.length; ) {
      const reading = readHeader(bytes, offset)
      if (reading.kind !== 'header') break
      const end = offset + OVERHEAD_BYTES + reading.header.bodyLength
      const first = Number(reading.header.position)
      found.push({ path, offset, bytes: bytes.slice(offset, end), first })
      offset = end
    }
  }
  return found.map(({ first: _, ...record }, place) => ({
    ...record,
    last: (found[place + 1]?.first ?? total + 1) - 1,
  }))
}

const original = await write()
const paths = [...original.files.keys()].filter((path) => path.endsWith('.seg')).sort()

type Change = (dice: Dice, bytes: Uint8Array, at: number, length: number) => Uint8Array

/** Damage that leaves every other byte where it was. */
const changes: readonly Change[] = [
  (_, bytes, at) => bytes.slice(0, at),
  (dice, bytes, at) =>
    bytes.map((byte, place) => (place === at ? byte ^ (1 << dice.below(8)) : byte)),
  (_, bytes, at, length) => bytes.fill(0, at, at + length),
  (_, bytes, at) => bytes.fill(0, at),
  (_, bytes, at, length) => bytes.fill(255, at, at + length),
  (dice, bytes, at, length) => {
    const other = original.files.get(dice.pick(paths)) ?? bytes
    const from = dice.below(Math.max(1, other.length))
    bytes.set(other.subarray(from, from + Math.min(length, bytes.length - at)), at)
    return bytes
  },
  (_, bytes, __, length) => concatBytes(bytes, new Uint8Array(length)),
  (dice, bytes, _, length) => concatBytes(bytes, dice.bytes(length)),
]

async function damage(dice: Dice, disk: MemoryDisk): Promise<void> {
  const path = dice.oneIn(2) ? (paths.at(-1) ?? '') : dice.pick(paths)
  const bytes = disk.bytes(path) ?? new Uint8Array(1)
  const kind = dice.below(changes.length + 2)
  const change = changes[kind]
  if (change) {
    const at = dice.below(Math.max(1, bytes.length))
    disk.put(path, change(dice, bytes, at, 1 + dice.below(64)))
  } else if (kind === changes.length) {
    const other = dice.pick(paths)
    disk.put(path, disk.bytes(other) ?? bytes)
    disk.put(other, bytes)
  } else {
    await disk.remove(path)
  }
}

async function check(input: Uint8Array): Promise<string | undefined> {
  const dice = diceOf(input)
  const disk = memoryDisk()
  for (const [path, bytes] of original.files) disk.put(path, bytes)
  for (let left = 1 + dice.below(3); left > 0; left--) await damage(dice, disk)
  const damagedFiles = new Map(disk.paths().map((path) => [path, disk.bytes(path)]))
  const read: string[] = []
  const opened = await open(disk, read)
  const isBeginning = read.every((payload, place) => payload === original.payloads[place])
  if (!isBeginning) return 'what is read is not the beginning of what was written'
  if (typeof opened === 'string') return wrongError(opened, damagedFiles)
  const dropped = original.records.find(
    (one) => one.last > read.length && isWhole(one, damagedFiles.get(one.path)),
  )
  if (dropped) return `the whole record at ${dropped.path}:${dropped.offset} was dropped in silence`
  return goesOn(disk, opened, read)
}

function isWhole({ offset, bytes }: Kept, now: Uint8Array | undefined): boolean {
  return now !== undefined && equalBytes(now.subarray(offset, offset + bytes.length), bytes)
}

/** The journal, or the error that an operator gets. */
async function open(disk: MemoryDisk, read: string[]): Promise<Journal | string> {
  try {
    return await openJournal(disk, {
      limits,
      genesis,
      onEntry: ({ position, payload }) => {
        if (Number(position) !== read.length + 1) throw new RangeError(`position ${position}`)
        read.push(bytesToHex(payload))
      },
    })
  } catch (error) {
    if (error instanceof OperatorError) return error.message
    throw error
  }
}

function wrongError(message: string, files: ReadonlyMap<string, Uint8Array | undefined>) {
  const isLocated = /journal\/[0-9a-f]{16}\.seg( is missing| is damaged: the record at byte \d+)/
  if (message.includes('\n') || !isLocated.test(message)) return `not located: ${message}`
  const isUntouched = [...original.files].every(([path, bytes]) => {
    const now = files.get(path)
    return now !== undefined && equalBytes(now, bytes)
  })
  return isUntouched ? `refused although nothing is wrong: ${message}` : undefined
}

/** After a repair it goes on where it stopped. */
async function goesOn(disk: MemoryDisk, journal: Journal, read: readonly string[]) {
  journal.append(Uint8Array.of(1, 2, 3))
  await journal.flush()
  await journal.close()
  const again: string[] = []
  const reopened = await open(disk, again)
  if (typeof reopened === 'string') return `after the repair: ${reopened}`
  const expected = [...read, '010203'].join()
  return again.join() === expected ? undefined : 'after the repair it holds something else'
}

const generate = (dice: Dice) => dice.bytes(4 + dice.size(60))

export const journalTarget: Target = { name: 'journal', quickRuns: 300, generate, check }
