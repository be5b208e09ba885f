/**
 * Drawing lines again and again: below what was printed, or on the whole screen.
 * @module
 */
import type { Terminal } from '../terminal.ts'

const ESCAPE = '\u001b['
/** A screen of its own that leaves what was printed before alone; no cursor; no wrapped lines. */
const enterScreen = `${ESCAPE}?1049h${ESCAPE}?25l${ESCAPE}?7l`
const leaveScreen = `${ESCAPE}?7h${ESCAPE}?25h${ESCAPE}?1049l`
const clearScreen = `${ESCAPE}2J${ESCAPE}H`

export type Canvas = {
  /** Shows `lines` in place of those before. */
  readonly paint: (lines: readonly string[]) => void
  /** The terminal is as it was found. May be called again. */
  readonly close: () => void
}

/** Text that draws `lines` over the `previous` lines drawn before. */
export function redraw(lines: readonly string[], previous: number): string {
  const up = previous > 0 ? `${ESCAPE}${previous}A` : ''
  const surplus = Math.max(0, previous - lines.length)
  const cleared = lines.map((line) => `\r${ESCAPE}2K${line}\n`).join('')
  const rest = `\r${ESCAPE}2K\n`.repeat(surplus)
  return `${up}${cleared}${rest}${surplus > 0 ? `${ESCAPE}${surplus}A` : ''}`
}

/**
 * Draws below what was printed. A terminal whose width changes wraps what is there anew, so that
 * nobody knows where it is: it is cleared then, and `intro` comes back.
 */
export function inlineCanvas(terminal: Terminal, intro: readonly string[]): Canvas {
  let drawn = 0
  let columns = terminal.columns()
  return {
    paint: (lines) => {
      const shown = lines.slice(0, terminal.rows() - 1)
      if (terminal.columns() !== columns) {
        columns = terminal.columns()
        drawn = 0
        terminal.draw(clearScreen + intro.map((line) => `${line}\n`).join(''))
      }
      terminal.draw(redraw(shown, drawn))
      drawn = shown.length
    },
    close: () => {},
  }
}

/** Draws on the whole screen, which shows what it did before when it is closed. */
export function fullCanvas(terminal: Terminal): Canvas {
  let isOpen = true
  terminal.draw(enterScreen)
  return {
    paint: (lines) => {
      if (!isOpen) return
      const shown = lines.slice(0, terminal.rows()).map((line) => `${line}${ESCAPE}K`)
      terminal.draw(`${ESCAPE}H${shown.join('\r\n')}${ESCAPE}J`)
    },
    close: () => {
      if (isOpen) terminal.draw(leaveScreen)
      isOpen = false
    },
  }
}
