/**
 * Heads of dropped segments: the last position and hash of each, so that what is left still hangs
 * on what was there. A text file, one line per segment, oldest first.
 * @module
 */

import type { Disk } from '../../ports/index.ts'
import { OperatorError } from '../../ports/operatorError.ts'
import { bytesToHex, parseHex } from '../../protocol/bytes.ts'
import { JOURNAL_FOLDER } from './segment.ts'

export const HEADS_PATH = `${JOURNAL_FOLDER}/heads`

/** A position and the hash of the record that ends with it. */
export type Head = { readonly position: bigint; readonly hash: Uint8Array }

/** @throws OperatorError when the file is not as `writeHeads` left it */
export async function readHeads(disk: Disk): Promise<readonly Head[]> {
  const bytes = await disk.read(HEADS_PATH)
  if (bytes === undefined) return []
  const lines = new TextDecoder().decode(bytes).split('\n')
  const damaged = () =>
    new OperatorError(`${HEADS_PATH} of the store is damaged: restore the store from a backup`)
  if (lines.pop() !== '') throw damaged()
  return lines.map((line) => {
    const parts = /^([0-9a-f]{16}) ([0-9a-f]{64})$/.exec(line)
    const hash = parseHex(parts?.[2] ?? '')
    if (parts === null || hash === undefined) throw damaged()
    return { position: BigInt(`0x${parts[1]}`), hash }
  })
}

export async function writeHeads(disk: Disk, heads: readonly Head[]): Promise<void> {
  const lines = heads.map(
    ({ position, hash }) => `${position.toString(16).padStart(16, '0')} ${bytesToHex(hash)}\n`,
  )
  await disk.replace(HEADS_PATH, new TextEncoder().encode(lines.join('')))
}
