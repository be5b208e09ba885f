/**
 * Backup files: some whole, some damaged, some made by a forger who chains the records again. What
 * is read is a whole backup, of nothing but files of a store, or an error in one line.
 * @module
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { readArchive } from '../../../gateway/io/archiveFile.ts'
import type { ArchiveEntry, ArchiveFile } from '../../../gateway/store/archive.ts'
import { archiveGenesis, encodeArchiveEntry, isStorePath } from '../../../gateway/store/archive.ts'
import { encodeRecord } from '../../../gateway/store/record.ts'
import { fastSha256 } from '../../../ledger/io/fastVerify.ts'
import { OperatorError } from '../../../ports/operatorError.ts'
import { bigEndian, bytesToHex, concatBytes, equalBytes } from '../../../protocol/bytes.ts'
import type { Dice } from '../dice.ts'
import { damaged } from '../dice.ts'
import type { Target } from '../target.ts'
import { diceOf } from '../target.ts'

const folder = mkdtempSync(join(tmpdir(), 'tickpay-fuzz-'))
const path = join(folder, 'backup')
process.once('exit', () => rmSync(folder, { recursive: true, force: true }))

const paths = [
  ...['store.json', 'journal/0000000000000001.seg', 'cold/data.mdb', 'journal/heads'],
  ...['../evil', '/etc/passwd', 'journal/../../evil', 'journal/heads\n', 'STORE.JSON', ''],
]

const about = {
  gateway: 'gw-1',
  storeId: new Uint8Array(16),
  createdAtSeconds: 1_767_225_600,
  position: 7,
  head: new Uint8Array(32),
}

/** A whole backup of one or two files. */
function wholeBackup(dice: Dice): ArchiveEntry[] {
  const entries: ArchiveEntry[] = [
    { kind: 'head', version: 1, sealedRing: undefined },
    { kind: 'about', about },
  ]
  const files: ArchiveFile[] = []
  for (const name of paths.slice(0, 1 + dice.below(2))) {
    const parts = Array.from({ length: dice.below(3) }, () => dice.bytes(dice.size(20)))
    entries.push({ kind: 'file', path: name })
    entries.push(...parts.map((bytes) => ({ kind: 'part', bytes }) as const))
    const content = concatBytes(...parts)
    files.push({ path: name, bytes: content.length, hash: fastSha256(content) })
  }
  return [...entries, { kind: 'end', files }]
}

function someEntry(dice: Dice): ArchiveEntry {
  switch (dice.below(5)) {
    case 0:
      return {
        kind: 'head',
        version: dice.pick([0, 1, 2, 2 ** 31]),
        sealedRing: dice.oneIn(2) ? dice.bytes(40) : undefined,
      }
    case 1:
      return { kind: 'about', about: { ...about, position: dice.pick([0, 2 ** 40]) } }
    case 2:
      return { kind: 'file', path: dice.pick(paths) }
    case 3:
      return { kind: 'part', bytes: dice.bytes(dice.size(20)) }
    default: {
      const hash = dice.bytes(dice.pick([0, 32]))
      return { kind: 'end', files: [{ path: dice.pick(paths), bytes: dice.pick([0, 5]), hash }] }
    }
  }
}

/** Entries moved, lost, doubled and made up. */
function forged(dice: Dice, entries: readonly ArchiveEntry[]): readonly ArchiveEntry[] {
  const list = [...entries]
  for (let left = dice.below(3); left > 0; left--) {
    const at = dice.below(list.length + 1)
    list.splice(at, dice.below(2), ...(dice.oneIn(2) ? [someEntry(dice)] : []))
  }
  return list
}

/** The body of a record: each entry behind its length. */
function bodyOf(entries: readonly Uint8Array[]): Uint8Array {
  return concatBytes(...entries.flatMap((one) => [bigEndian(BigInt(one.length), 4), one]))
}

function chained(dice: Dice, entries: readonly ArchiveEntry[]): Uint8Array {
  let previous: Uint8Array = archiveGenesis
  const records = entries.map((entry, place) => {
    const bytes = encodeArchiveEntry(entry)
    const content = dice.oneIn(12) ? damaged(dice, bytes) : bytes
    const bodies = dice.oneIn(12) ? [content, content] : [content]
    const record = encodeRecord(previous, BigInt(place + 1), 0, bodyOf(bodies), fastSha256)
    previous = record.hash
    return record.bytes
  })
  return concatBytes(...records)
}

async function check(input: Uint8Array): Promise<string | undefined> {
  const dice = diceOf(input)
  const whole = wholeBackup(dice)
  const clean = chained(diceOf(new Uint8Array(0)), whole)
  const changed = chained(dice, forged(dice, whole))
  const bytes = dice.oneIn(3) ? damaged(dice, changed) : changed
  writeFileSync(path, bytes)
  const seen: string[] = []
  const onFile = async (name: string) => {
    seen.push(name)
  }
  try {
    const { files } = await readArchive(path, undefined, { onFile })
    const same = files.map((one) => one.path).join() === seen.join()
    if (!same) return `listed ${files.length} files and showed ${seen.length}`
  } catch (error) {
    if (!(error instanceof OperatorError)) throw error
    if (/[\n\r]/.test(error.message)) return `not one line: ${error.message}`
    if (equalBytes(bytes, clean)) return `a whole backup is refused: ${error.message}`
  }
  const stray = seen.find((name) => !isStorePath(name))
  return stray === undefined
    ? undefined
    : `a file at ${bytesToHex(new TextEncoder().encode(stray))}`
}

const generate = (dice: Dice) => dice.bytes(10 + dice.size(120))

export const archiveTarget: Target = { name: 'archive', quickRuns: 100, generate, check }
