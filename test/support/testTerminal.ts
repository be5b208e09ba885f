/**
 * A terminal that keeps what was written, for tests of commands.
 */
import type { Terminal } from '../../cli/terminal.ts'

export type TestTerminal = Terminal & {
  /** Lines of standard output. */
  readonly outLines: string[]
  readonly errorLines: string[]
  readonly drawn: string[]
}

export function testTerminal(): TestTerminal {
  const outLines: string[] = []
  const errorLines: string[] = []
  const drawn: string[] = []
  return {
    outLines,
    errorLines,
    drawn,
    out: (line) => outLines.push(line),
    error: (line) => errorLines.push(line),
    draw: (text) => drawn.push(text),
    isScreen: false,
    isColoured: false,
    columns: () => 100,
    rows: () => 40,
  }
}
