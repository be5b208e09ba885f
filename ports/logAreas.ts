/**
 * Log lines by area, so that one part can be listened to closely while the rest stays quiet.
 * @module
 */
import type { Log, LogLevel } from './index.ts'

/** Names an area in all lines that go through it. */
export function logOf(log: Log, area: string): Log {
  return (level, message, fields) => log(level, message, { area, ...fields })
}

export type LogLevels = {
  /** The level of an area that has none of its own. */
  readonly level: LogLevel
  readonly areas: Readonly<Record<string, LogLevel>>
}

/** Levels that can be changed while the program runs. */
export type LogControl = {
  readonly levels: () => LogLevels
  /** Of one area, or of all that have none of their own when it is undefined. */
  readonly set: (area: string | undefined, level: LogLevel) => void
}
