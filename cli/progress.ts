/**
 * Tells the person at the terminal that long work goes on: one line that is drawn over again, from
 * the second second on, and is gone when the work is done.
 * @module
 */

const PERIOD_MS = 1_000
/** What is done sooner says nothing. */
const QUIET_SECONDS = 2

export type ProgressPlace = {
  /** Somebody looks at standard error; a file or a pipe gets no progress. */
  readonly isScreen: boolean
  readonly columns: () => number
  readonly write: (text: string) => void
  /** Calls again and again; the answer ends that. */
  readonly every: (periodMs: number, act: () => void) => () => void
}

export type Progress = {
  /** How far it is, for example `1,200 of 40,000 claims`. */
  readonly tell: (detail: string) => void
  /** Takes the line off the screen until it is drawn again: for lines that stay. */
  readonly clear: () => void
}

/** Carries out `act`, and shows `what` it is, for how long and how far while it lasts. */
export async function showProgress<T>(
  { isScreen, columns, write, every }: ProgressPlace,
  what: string,
  act: (progress: Progress) => Promise<T>,
): Promise<T> {
  if (!isScreen) return act({ tell: () => {}, clear: () => {} })
  let seconds = 0
  let detail = ''
  let isDrawn = false
  const clear = () => {
    if (isDrawn) write('\r\u001b[K')
    isDrawn = false
  }
  const draw = () => {
    seconds += PERIOD_MS / 1_000
    if (seconds < QUIET_SECONDS) return
    const line = `${what}, ${seconds} s${detail && `: ${detail}`}`
    write(`\r\u001b[K${line.slice(0, columns() - 1)}`)
    isDrawn = true
  }
  const end = every(PERIOD_MS, draw)
  const tell = (text: string) => {
    detail = text
  }
  try {
    return await act({ tell, clear })
  } finally {
    end()
    clear()
  }
}

/** Writes lines that stay, above the one that is drawn over. */
export function stayingLines(
  { clear }: Progress,
  write: (line: string) => void,
): (line: string) => void {
  return (line) => {
    clear()
    write(line)
  }
}
