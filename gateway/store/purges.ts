/**
 * What was purged from a journal, and when: one line a purge, each with the hash of the line before
 * it, so that none can be left out or altered unseen.
 *
 * ```
 * line = seconds position hash-of-the-last-purged-record hash-of-the-line-before
 * ```
 * @module
 */
import type { Disk } from '../../ports/index.ts'
import { OperatorError } from '../../ports/operatorError.ts'
import { bytesToHex, parseHex, utf8ToBytes } from '../../protocol/bytes.ts'
import type { Sha256 } from '../../protocol/chain.ts'
import type { Head } from './heads.ts'

export const PURGES_PATH = 'purges'

export type Purge = {
  /** Seconds since 1970. */
  readonly atSeconds: number
  /** The last record that is gone. */
  readonly head: Head
}

const lineForm = /^(\d{1,15}) (\d{1,19}) ([0-9a-f]{64}) ([0-9a-f]{64})$/

/** @throws OperatorError when a line was altered or is missing */
export async function readPurges(disk: Disk, hash: Sha256): Promise<readonly Purge[]> {
  return (await readLines(disk, hash)).map(({ purge }) => purge)
}

export async function addPurge(disk: Disk, purge: Purge, hash: Sha256): Promise<void> {
  const lines = (await readLines(disk, hash)).map(({ line }) => line)
  const { atSeconds, head } = purge
  const fields = [atSeconds, head.position, bytesToHex(head.hash), hashOf(lines.at(-1), hash)]
  const text = [...lines, fields.join(' ')].map((line) => `${line}\n`).join('')
  await disk.replace(PURGES_PATH, utf8ToBytes(text))
}

async function readLines(disk: Disk, hash: Sha256) {
  const bytes = await disk.read(PURGES_PATH)
  if (bytes === undefined) return []
  const lines = new TextDecoder().decode(bytes).split('\n')
  if (lines.pop() !== '') throw damaged()
  return lines.map((line, place) => {
    const [, seconds, position = '', digits = '', previous] = lineForm.exec(line) ?? []
    const headHash = parseHex(digits)
    if (seconds === undefined || !headHash) throw damaged()
    if (previous !== hashOf(lines[place - 1], hash)) throw damaged()
    const head = { position: BigInt(position), hash: headHash }
    return { line, purge: { atSeconds: Number(seconds), head } }
  })
}

function hashOf(line: string | undefined, hash: Sha256): string {
  return bytesToHex(hash(utf8ToBytes(line ?? '')))
}

function damaged(): OperatorError {
  return new OperatorError(`${PURGES_PATH} of the store is damaged: restore it from a backup`)
}
