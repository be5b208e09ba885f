/**
 * The keys that end what fills a screen.
 * @module
 */

const CONTROL_C = '\u0003'

export type QuitKeys = {
  /** Resolves when somebody pressed q or Ctrl-C, or the terminal went away. */
  readonly pressed: Promise<void>
  /** Typing is echoed and Ctrl-C is a signal again. */
  readonly close: () => void
}

/** Listens to the terminal of this process; without one nothing is ever pressed. */
export function quitKeys(): QuitKeys {
  const { stdin } = process
  if (stdin.isTTY !== true) return { pressed: new Promise(() => {}), close: () => {} }
  stdin.setRawMode(true)
  stdin.setEncoding('utf8')
  const pressed = new Promise<void>((resolve) => {
    stdin.on('data', (keys) => {
      if ([...String(keys)].some((key) => key === 'q' || key === 'Q' || key === CONTROL_C))
        resolve()
    })
    stdin.once('end', resolve)
    stdin.once('error', () => resolve())
  })
  return {
    pressed,
    close: () => {
      stdin.setRawMode(false)
      stdin.pause()
    },
  }
}

/** Carries out `act` however this process ends; the result says that it is not needed any more. */
export function atExit(act: () => void): () => void {
  process.once('exit', act)
  return () => process.removeListener('exit', act)
}
