/**
 * Lines that a person types while a command runs.
 * @module
 */
import { createInterface } from 'node:readline'

/** Calls `onLine` for every line on standard input; its end is no reason to stop. */
export function readLines(onLine: (line: string) => void): void {
  const lines = createInterface({ input: process.stdin })
  lines.on('line', onLine)
  // A background process may have no standard input to read from.
  process.stdin.on('error', () => lines.close())
  process.stdin.unref?.()
}
