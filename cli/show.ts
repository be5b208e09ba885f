/**
 * Prints the data of an answer for people: objects as pairs, lists of objects as tables.
 * @module
 */
import { left, pairLines, tableLines } from './table.ts'

/** Lines for any JSON value. */
export function dataLines(data: unknown): readonly string[] {
  if (Array.isArray(data)) return listLines(data)
  if (isObject(data)) {
    return pairLines(Object.entries(data).map(([key, value]) => [words(key), cellText(key, value)]))
  }
  return [cellText('', data)]
}

/** A list of objects as CSV (RFC 4180), one column for each key of the first. */
export function csvLines(list: readonly unknown[]): readonly string[] {
  const objects = list.filter(isObject)
  const keys = Object.keys(objects[0] ?? {})
  const rows = objects.map((one) => keys.map((key) => csvCell(plainText(one[key]))).join(','))
  return keys.length === 0 ? [] : [keys.join(','), ...rows]
}

function listLines(list: readonly unknown[]): readonly string[] {
  if (list.length === 0) return ['none']
  const objects = list.filter(isObject)
  if (objects.length < list.length) return list.map((one) => cellText('', one))
  const keys = [...new Set(objects.flatMap((one) => Object.keys(one)))]
  return tableLines(
    keys.map((key) => left(words(key))),
    objects.map((one) => keys.map((key) => cellText(key, one[key]))),
  )
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** `lastUseSeconds` is "last use": the unit is shown by how the value is written. */
function words(key: string): string {
  const spaced = key.replace(/([a-z0-9])([A-Z])/g, '$1 $2').toLowerCase()
  return isMoment(key) ? spaced.replace(/ (at )?seconds$/, '') : spaced
}

function isMoment(key: string): boolean {
  return /^(time|expiry|claimUntil)$|AtSeconds$|^lastUseSeconds$/.test(key)
}

function cellText(key: string, value: unknown): string {
  if (isMoment(key) && typeof value === 'number' && value > 0) return timeText(value)
  return plainText(value)
}

function plainText(value: unknown): string {
  if (value === null || value === undefined) return '-'
  if (typeof value === 'object') return JSON.stringify(value)
  return String(value)
}

function csvCell(text: string): string {
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text
}

/** Seconds since 1970 as `2026-01-31T12:00:00Z`. */
export function timeText(seconds: number): string {
  const date = new Date(seconds * 1_000)
  if (Number.isNaN(date.getTime())) return `${seconds} s`
  return date.toISOString().replace('.000Z', 'Z')
}
