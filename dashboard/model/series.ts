/**
 * The last so many points of something that changes with time, for plots and rates.
 * @module
 */

export type Series = {
  /** Seconds since 1970, oldest first. */
  readonly times: number[]
  /** One list for each value, as long as `times`. */
  readonly values: readonly number[][]
}

export function createSeries(values: number): Series {
  return { times: [], values: Array.from({ length: values }, () => []) }
}

/** Adds a point, in place of the last when it is not later; forgets the oldest ones. */
export function addPoint(
  series: Series,
  time: number,
  values: readonly number[],
  pointsMax: number,
): void {
  const { times } = series
  const last = times.at(-1)
  const isReplaced = last !== undefined && time <= last
  if (isReplaced) times.pop()
  times.push(isReplaced ? last : time)
  for (const [place, list] of series.values.entries()) {
    if (isReplaced) list.pop()
    list.push(values[place] ?? 0)
    if (list.length > pointsMax) list.shift()
  }
  if (times.length > pointsMax) times.shift()
}

/** Change of a value over the last `seconds`, an hour; 0 while there is too little to tell. */
export function ratePerHour(series: Series, value: number, seconds: number): number {
  const { times } = series
  const list = series.values[value] ?? []
  const end = times.at(-1)
  if (end === undefined) return 0
  let from = times.length - 1
  while (from > 0 && end - (times[from] ?? end) < seconds) from -= 1
  const passed = end - (times[from] ?? end)
  if (passed <= 0) return 0
  const grown = (list.at(-1) ?? 0) - (list[from] ?? 0)
  return Math.max(0, (grown * 3_600) / passed)
}
