/**
 * Tables of figures, as Markdown and as aligned text.
 * @module
 */
import type { Spread } from '../statistics.ts'

export type Table = {
  readonly title: string
  readonly columns: readonly string[]
  readonly rows: readonly (readonly string[])[]
}

/** Columns of figures to the right, text to the left. */
export function markdownTable({ columns, rows }: Table): string {
  const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |`
  const rule = columns.map((_, place) => {
    const isText = rows.some((cells) => /^[^\d<>=-]/.test(cells[place] ?? ''))
    return place === 0 || isText ? '---' : '---:'
  })
  return [line(columns), line(rule), ...rows.map(line)].join('\n')
}

/** The same for a terminal; the first column is text, the others are figures. */
export function textTable({ title, columns, rows }: Table): string {
  const all = [columns, ...rows]
  const widths = columns.map((_, place) =>
    Math.max(...all.map((cells) => (cells[place] ?? '').length)),
  )
  const lines = all.map((cells) =>
    cells
      .map((cell, place) => {
        const width = widths[place] ?? 0
        return place === 0 ? cell.padEnd(width) : cell.padStart(width)
      })
      .join('  ')
      .trimEnd(),
  )
  return [title, ...lines].join('\n')
}

/** 12,345 or 1.23: as many digits as say something. */
export function figure(value: number): string {
  const digits = Math.abs(value) >= 100 ? 0 : Math.abs(value) >= 10 ? 1 : 2
  return value.toLocaleString('en-US', {
    minimumFractionDigits: digits,
    maximumFractionDigits: digits,
  })
}

/** Median, and in brackets the lowest and the highest. */
export function spreadText({ median, min, max }: Spread): string {
  return `${figure(median)} (${figure(min)} to ${figure(max)})`
}
