/**
 * Tables for people: aligned columns, nothing else.
 * @module
 */

export type Column = { readonly title: string; readonly align: 'left' | 'right' }

export function left(title: string): Column {
  return { title, align: 'left' }
}

export function right(title: string): Column {
  return { title, align: 'right' }
}

/** Lines with a title line first; every row has one cell for each column. */
export function tableLines(
  columns: readonly Column[],
  rows: readonly (readonly string[])[],
): readonly string[] {
  const titles = columns.map(({ title }) => title)
  const widths = columns.map((_, place) =>
    Math.max(...[titles, ...rows].map((row) => (row[place] ?? '').length)),
  )
  return [titles, ...rows].map((row) =>
    columns
      .map(({ align }, place) => pad(row[place] ?? '', widths[place] ?? 0, align))
      .join('  ')
      .trimEnd(),
  )
}

/** `name  value` lines. */
export function pairLines(pairs: readonly (readonly [string, string])[]): readonly string[] {
  const width = Math.max(0, ...pairs.map(([name]) => name.length))
  return pairs.map(([name, value]) => `${name.padEnd(width)}  ${value}`.trimEnd())
}

function pad(text: string, width: number, align: Column['align']): string {
  return align === 'left' ? text.padEnd(width) : text.padStart(width)
}

/** Groups of three digits, so that long numbers can be read: `1 234 567`. */
export function grouped(value: bigint | number): string {
  return String(value).replace(/\B(?=(\d{3})+(?!\d))/g, ' ')
}

/** `3 s`, `12 min`, `5 h`, `2 d`: one unit is enough to see how old something is. */
export function roughDuration(seconds: number): string {
  const whole = Math.max(0, Math.floor(seconds))
  if (whole < 120) return `${whole} s`
  if (whole < 7_200) return `${Math.floor(whole / 60)} min`
  if (whole < 172_800) return `${Math.floor(whole / 3_600)} h`
  return `${Math.floor(whole / 86_400)} d`
}
