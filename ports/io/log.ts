/**
 * Log lines as JSON, one a line, for programs that carry no logging library.
 * @module
 */
import type { Log, LogLevel } from '../index.ts'

const levels: readonly LogLevel[] = ['debug', 'info', 'warn', 'error']

/** Writes lines of `lowest` and above to `stream` (default: standard error). */
export function jsonLog(
  lowest: LogLevel,
  stream: { readonly write: (line: string) => unknown } = process.stderr,
): Log {
  return (level, message, fields) => {
    if (levels.indexOf(level) < levels.indexOf(lowest)) return
    const time = new Date().toISOString()
    stream.write(`${JSON.stringify({ time, level, message, ...fields })}\n`)
  }
}
