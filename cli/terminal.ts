/**
 * Where a command writes: lines out, lines of trouble, and what kind of place that is. A test
 * passes its own.
 * @module
 */

export type Terminal = {
  /** One line of result on standard output. */
  readonly out: (line: string) => void
  /** One line for the person on standard error. */
  readonly error: (line: string) => void
  /** Text as it is on standard output, for drawing in place. */
  readonly draw: (text: string) => void
  /** Standard output is a screen that can be drawn on. */
  readonly isScreen: boolean
  /** Colours are wanted: a screen, and NO_COLOR (https://no-color.org) is not set. */
  readonly isColoured: boolean
  /** Width of the screen now. */
  readonly columns: () => number
  readonly rows: () => number
}

/** Bold, dim and three colours, or the text unchanged where colours are not wanted. */
export type Style = (name: StyleName, text: string) => string

const styleCodes = { bold: 1, dim: 2, red: 31, green: 32, yellow: 33 } as const
export type StyleName = keyof typeof styleCodes

/** The style function of a terminal. */
export function styleOf(isColoured: boolean): Style {
  if (!isColoured) return (_name, text) => text
  return (name, text) => `\u001b[${styleCodes[name]}m${text}\u001b[0m`
}
