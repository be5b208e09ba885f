/**
 * Prints the data of an answer for people: objects as pairs, lists of objects as tables, amounts
 * with the code of the asset that stands beside them, times as dates.
 * @module
 */
import { type Asset, formatAmount, parseUint64 } from '../protocol/amount.ts'
import { left, pairLines, right, tableLines } from './table.ts'

type Fields = Readonly<Record<string, unknown>>

/** Lines for any JSON value; a table that is wider than `columns` becomes pairs for each row. */
export function dataLines(data: unknown, columns = Number.POSITIVE_INFINITY): readonly string[] {
  if (Array.isArray(data)) return listLines(data, columns)
  return isObject(data) ? objectLines(data, columns) : [plainText(data)]
}

/** A list of objects as CSV (RFC 4180), one column for each key of the first. */
export function csvLines(list: readonly unknown[]): readonly string[] {
  const objects = list.filter(isObject)
  const keys = Object.keys(objects[0] ?? {})
  const rows = objects.map((one) => keys.map((key) => csvCell(plainText(one[key]))).join(','))
  return keys.length === 0 ? [] : [keys.join(','), ...rows]
}

/** Pairs first, then what is a list or a group of its own. */
function objectLines(data: Fields, columns: number): readonly string[] {
  const entries = Object.entries(data)
  const isPart = (value: unknown) =>
    isTable(value) || (isObject(value) && !isAsset(value) && Object.keys(value).length > 0)
  const pairs = entries.filter(([key, value]) => !isPart(value) && !isSibling(key, value))
  const parts = entries.filter(([, value]) => isPart(value))
  return [
    ...pairLines(pairs.map(([key, value]) => [words(key), cellText(data, key, value)])),
    ...parts.flatMap(([key, value]) => [
      '',
      `${words(key)}:`,
      ...dataLines(value, columns - 2).map((line) => (line === '' ? '' : `  ${line}`)),
    ]),
  ]
}

function listLines(list: readonly unknown[], columns: number): readonly string[] {
  if (!isTable(list)) return list.length === 0 ? ['none'] : list.map(plainText)
  const keys = [...new Set(list.flatMap((one) => Object.keys(one)))].filter(
    (key) => !isSibling(key, list[0]?.[key]),
  )
  const isNumeric = (key: string) =>
    list.every((one) => /^-?[\d.]+( [A-Z0-9]+)?$/.test(cellText(one, key, one[key])))
  const lines = tableLines(
    keys.map((key) => (isNumeric(key) && !isMoment(key) ? right : left)(words(key))),
    list.map((one) => keys.map((key) => cellText(one, key, one[key]))),
  )
  if (lines.every(({ length }) => length <= columns)) return lines
  return list.flatMap((one, place) => [
    ...(place > 0 ? [''] : []),
    ...pairLines(keys.map((key) => [words(key), cellText(one, key, one[key])])),
  ])
}

function isTable(value: unknown): value is readonly Fields[] {
  return Array.isArray(value) && value.length > 0 && value.every(isObject)
}

function isObject(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** The asset is written behind every amount, so it needs no place of its own. */
function isSibling(key: string, value: unknown): boolean {
  return key === 'asset' && assetOf({ asset: value }) !== undefined
}

function isAsset(value: unknown): boolean {
  return assetOf({ asset: value }) !== undefined
}

/** `{code, scale}`, or `EUR/6` as accounts are named. */
function assetOf(fields: Fields): Asset | undefined {
  const { asset } = fields
  if (isObject(asset)) {
    const { code, scale } = asset
    return typeof code === 'string' && typeof scale === 'number' ? { code, scale } : undefined
  }
  const match = typeof asset === 'string' ? /^([A-Z0-9]+)\/([0-9])$/.exec(asset) : null
  return match === null ? undefined : { code: match[1] ?? '', scale: Number(match[2]) }
}

const amountKeys = new Set([
  'amount',
  'available',
  'exposure',
  'fee',
  'limit',
  'limitPerDay',
  'paid',
  'reserved',
  'setAside',
  'settled',
])

/** `lastUseAtSeconds` is "last use at": the unit shows in how the value is written. */
function words(key: string): string {
  const spaced = key.replace(/([a-z0-9])([A-Z])/g, '$1 $2').toLowerCase()
  return isMoment(key) ? spaced.replace(/ seconds$/, '') : spaced
}

function isMoment(key: string): boolean {
  return /^(timeSeconds|expiry|claimUntil)$|AtSeconds$/.test(key)
}

function cellText(fields: Fields, key: string, value: unknown): string {
  if (isMoment(key) && typeof value === 'number') return timeText(value)
  const asset = assetOf(fields)
  const amount = amountKeys.has(key) && asset !== undefined ? readAmount(value) : undefined
  return amount === undefined || asset === undefined
    ? plainText(value)
    : formatAmount(amount, asset)
}

function readAmount(value: unknown): bigint | undefined {
  if (typeof value !== 'string') return undefined
  const size = parseUint64(value.replace(/^-/, ''))
  return size !== undefined && value.startsWith('-') ? -size : size
}

function plainText(value: unknown): string {
  if (value === null || value === undefined) return '-'
  if (Array.isArray(value)) return value.length === 0 ? 'none' : value.map(plainText).join(', ')
  if (typeof value !== 'object') return String(value)
  return Object.keys(value).length === 0 ? 'none' : JSON.stringify(value)
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
