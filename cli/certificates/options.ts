/**
 * What the commands about certificates have in common: where the authority is, for how long
 * something is made, and how what was issued is told.
 * @module
 */
import { needed, text } from '../command.ts'
import { exitCodes, UsageError } from '../exitCodes.ts'
import { jsonText } from '../jsonLine.ts'
import type { Terminal } from '../terminal.ts'
import type { Issued } from './issue.ts'

export const folderOptions = {
  dir: text('FOLDER', 'folder of the authority (default: ca)'),
} as const

export const signingOptions = {
  'passphrase-file': needed('FILE', 'passphrase of the authority'),
  ...folderOptions,
} as const

export const issuingOptions = {
  days: text('NUMBER', 'how long it is valid (default: 365)'),
  out: text('FOLDER', 'where the files go (default: here)'),
} as const

export const USUAL_FOLDER = 'ca'
export const USUAL_DAYS = 365
/** Longer than anybody will remember what this was. */
const DAYS_MAX = 36_500

/** @throws UsageError when it is no number of days */
export function readDays(value: string | undefined, usual: number): number {
  if (value === undefined) return usual
  const days = /^\d{1,5}$/.test(value) ? Number(value) : 0
  if (days >= 1 && days <= DAYS_MAX) return days
  throw new UsageError(`"${value}" is no number of days from 1 to ${DAYS_MAX}`)
}

/** Tells which files were written, and when the certificate ends. */
export function tellIssued(
  all: readonly Issued[],
  json: boolean,
  terminal: Terminal,
): typeof exitCodes.ok {
  if (json) {
    terminal.out(jsonText(all))
    return exitCodes.ok
  }
  for (const { name, certificate, key, notAfterSeconds } of all) {
    terminal.out(`${name} until ${dayOf(notAfterSeconds)}: ${certificate}`)
    if (key !== undefined) terminal.out(`its key, which nobody else may have: ${key}`)
  }
  return exitCodes.ok
}

export function dayOf(seconds: number): string {
  return new Date(seconds * 1_000).toISOString().slice(0, 10)
}
