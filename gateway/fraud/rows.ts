/**
 * Numbers of many things of one kind in flat memory: each thing is a row, each number that is kept
 * of it a column. Rows are taken and given back; columns grow with them, up to a bound.
 * @module
 */

/** There is no room for one more. */
export const NO_ROW = -1
const FIRST_ROWS = 4

/** A number a row, which begins as `initial`. */
export type Column = { values: Float64Array; readonly initial: number }

/** So many small whole numbers a row, which begin as `initial`. */
export type Strip = { values: Uint16Array; readonly width: number; readonly initial: number }

export type Rows = {
  readonly column: (initial: number) => Column
  readonly strip: (width: number, initial: number) => Strip
  /** A row that begins anew; `NO_ROW` when all are taken. */
  readonly take: () => number
  /** The row begins anew, for another thing. */
  readonly renew: (row: number) => void
  readonly give: (row: number) => void
  /** What else is kept of a row is forgotten when it begins anew or is given back. */
  readonly onForget: (forget: (row: number) => void) => void
  readonly count: () => number
  /** Bytes of all columns for one row. */
  readonly rowBytes: () => number
}

export function createRows(max: number): Rows {
  const columns: Column[] = []
  const strips: Strip[] = []
  const forgets: ((row: number) => void)[] = []
  const free: number[] = []
  let used = 0
  let capacity = Math.min(FIRST_ROWS, max)
  const forgetAll = (row: number) => {
    for (const forget of forgets) forget(row)
  }
  const begin = (row: number) => {
    for (const { values, initial } of columns) values[row] = initial
    for (const { values, width, initial } of strips) {
      values.fill(initial, row * width, (row + 1) * width)
    }
  }
  const grow = () => {
    capacity = Math.min(2 * capacity, max)
    for (const column of columns) column.values = longer(column.values, new Float64Array(capacity))
    for (const strip of strips) {
      strip.values = longer(strip.values, new Uint16Array(capacity * strip.width))
    }
  }
  return {
    column: (initial) => {
      const column = { values: new Float64Array(capacity), initial }
      columns.push(column)
      return column
    },
    strip: (width, initial) => {
      const strip = { values: new Uint16Array(capacity * width), width, initial }
      strips.push(strip)
      return strip
    },
    take: () => {
      const row = free.pop() ?? (used < max ? used++ : NO_ROW)
      if (row === NO_ROW) return NO_ROW
      if (row >= capacity) grow()
      begin(row)
      return row
    },
    renew: (row) => {
      forgetAll(row)
      begin(row)
    },
    give: (row) => {
      forgetAll(row)
      free.push(row)
    },
    onForget: (forget) => {
      forgets.push(forget)
    },
    count: () => used - free.length,
    rowBytes: () => strips.reduce((sum, { width }) => sum + 2 * width, 8 * columns.length),
  }
}

function longer<T extends Float64Array | Uint16Array>(before: T, after: T): T {
  after.set(before)
  return after
}

export function at({ values }: Column, row: number): number {
  return values[row] ?? Number.NaN
}

export function put({ values }: Column, row: number, value: number): void {
  values[row] = value
}
