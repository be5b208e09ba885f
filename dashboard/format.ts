/**
 * Figures for people: every digit of an amount, grouped; units in what one says of them.
 * @module
 */
import type { Asset } from '../protocol/amount.ts'
import { formatAmount } from '../protocol/amount.ts'

/** Narrow, and does not break. */
const GAP = '\u202f'

/** "1 234.567890 EUR": to the minor unit. */
export function money(value: bigint, asset: Asset): string {
  return grouped(formatAmount(value, asset))
}

/** "1 234.57 EUR/h" of minor units an hour, rounded: a rate is no debt. */
export function moneyRate(minorPerHour: number, asset: Asset): string {
  return `${coarse(minorPerHour / 10 ** asset.scale)} ${asset.code}/h`
}

/** With so many decimals, grouped. */
export function decimal(value: number, decimals: number): string {
  return grouped(value.toFixed(decimals))
}

/** Two decimals, or more where little is left of them. */
export function coarse(value: number): string {
  if (value === 0) return '0'
  const decimals = Math.abs(value) >= 0.1 ? 2 : 4
  return grouped(value.toFixed(decimals))
}

export function whole(value: number | bigint): string {
  return grouped(value.toString())
}

const larger: Readonly<Record<string, readonly [bigint, string]>> = {
  Wh: [1_000n, 'kWh'],
  mL: [1_000n, 'L'],
  kB: [1_000n, 'MB'],
  s: [60n, 'min'],
}

/** "12.345 kWh" */
export function units(value: bigint, unit: string): string {
  const [factor, name] = larger[unit] ?? [1n, unit]
  if (factor === 1n || value < factor) return `${whole(value)} ${unit}`
  if (factor !== 1_000n) return `${whole(value / factor)} ${name}`
  return `${whole(value / factor)}.${(value % factor).toString().padStart(3, '0')} ${name}`
}

function grouped(text: string): string {
  const [integer = '', ...rest] = text.split('.')
  return [integer.replace(/\B(?=(\d{3})+(?!\d))/g, GAP), ...rest].join('.')
}

/** "14:03:09", in the reader's time zone. */
export function clockTime(seconds: number): string {
  return new Date(seconds * 1_000).toLocaleTimeString('en-GB')
}

/** "2026-11-22 14:03", in the reader's time zone. */
export function dateTime(seconds: number): string {
  const date = new Date(seconds * 1_000)
  return `${date.toLocaleDateString('sv-SE')} ${clockTime(seconds).slice(0, 5)}`
}

/** "not paying" of `not_paying` */
export function words(name: string): string {
  return name.replaceAll('_', ' ')
}
