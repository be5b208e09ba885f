/**
 * Log lines as JSON, one a line, for programs that carry no logging library.
 * @module
 */
import type { Log, LogLevel } from '../index.ts'
import type { LogControl, LogLevels } from '../logAreas.ts'

const levels: readonly LogLevel[] = ['debug', 'info', 'warn', 'error']

type Stream = { readonly write: (line: string) => unknown }

/** Writes lines of `lowest` and above to `stream` (default: standard error). */
export function jsonLog(lowest: LogLevel, stream: Stream = process.stderr): Log {
  return areaLog({ level: lowest, areas: {} }, stream).log
}

/** The same with a level for each area, which can be changed. */
export function areaLog(
  first: LogLevels,
  stream: Stream = process.stderr,
): { readonly log: Log; readonly control: LogControl } {
  let general = first.level
  const areas = new Map(Object.entries(first.areas))
  const log: Log = (level, message, fields) => {
    const area = fields?.['area']
    const lowest = (typeof area === 'string' ? areas.get(area) : undefined) ?? general
    if (levels.indexOf(level) < levels.indexOf(lowest)) return
    const time = new Date().toISOString()
    stream.write(`${JSON.stringify({ time, level, message, ...fields })}\n`)
  }
  const set: LogControl['set'] = (area, level) => {
    if (area === undefined) general = level
    else areas.set(area, level)
  }
  return {
    log,
    control: { levels: () => ({ level: general, areas: Object.fromEntries(areas) }), set },
  }
}
