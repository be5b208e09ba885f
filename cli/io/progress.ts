/**
 * Progress on the standard error of this process.
 * @module
 */
import { type Progress, showProgress } from '../progress.ts'

const COLUMNS = 80

/** As `showProgress`, on standard error when that is a terminal. */
export function withProgress<T>(what: string, act: (progress: Progress) => Promise<T>): Promise<T> {
  const { stderr, env } = process
  const place = {
    isScreen: stderr.isTTY === true && env['TERM'] !== 'dumb',
    columns: () => stderr.columns || COLUMNS,
    write: (text: string) => void stderr.write(text),
    every: (periodMs: number, draw: () => void) => {
      const timer = setInterval(draw, periodMs)
      return () => clearInterval(timer)
    },
  }
  return showProgress(place, what, act)
}
