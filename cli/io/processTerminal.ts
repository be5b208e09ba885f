/**
 * The terminal of this process.
 * @module
 */
import type { Terminal } from '../terminal.ts'

const columnsWithoutScreen = 100
const rowsWithoutScreen = 40

/** Standard output and error; a reader that goes away (`| head`) ends the process quietly. */
export function processTerminal(): Terminal {
  const { stdout, stderr, env } = process
  stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE') process.exit(0)
  })
  const { TERM, NO_COLOR = '' } = env
  const isScreen = stdout.isTTY === true && TERM !== 'dumb'
  return {
    out: (line) => stdout.write(`${line}\n`),
    error: (line) => stderr.write(`${line}\n`),
    draw: (text) => stdout.write(text),
    isScreen,
    isColoured: isScreen && NO_COLOR === '',
    columns: () => stdout.columns ?? columnsWithoutScreen,
    rows: () => stdout.rows ?? rowsWithoutScreen,
  }
}
