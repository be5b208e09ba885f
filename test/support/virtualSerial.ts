/**
 * A serial cable in memory: two ends, bytes arrive after the current turn, either end may be cut.
 * @module
 */
import type { Serial, Timers } from '../../ports/index.ts'

export type Cable = {
  readonly left: Serial
  readonly right: Serial
  /** Both ends see the line close for `reason`. */
  readonly cut: (reason: string) => void
  /** Bytes vanish from now on and nobody is told, as with an adapter that hangs. */
  readonly mute: () => void
}

/** A whole cable; `delayMs` is how long each message is on its way. */
export function virtualCable(timers: Timers, delayMs = 0): Cable {
  const closeListeners: ((reason: string) => void)[] = []
  const ears: Record<'left' | 'right', ((bytes: Uint8Array) => void)[]> = { left: [], right: [] }
  let closedFor: string | undefined
  let muted = false

  const cut = (reason: string) => {
    if (closedFor !== undefined) return
    closedFor = reason
    for (const listener of closeListeners) timers.soon(() => listener(reason))
  }
  const deliver = (to: 'left' | 'right', bytes: Uint8Array) => {
    if (closedFor === undefined && !muted) for (const ear of ears[to]) ear(bytes)
  }
  const end = (self: 'left' | 'right'): Serial => {
    const other = self === 'left' ? 'right' : 'left'
    return {
      write: async (bytes) => {
        if (closedFor !== undefined) throw new Error(closedFor)
        const copy = Uint8Array.from(bytes)
        if (delayMs > 0) timers.after(delayMs, () => deliver(other, copy))
        else timers.soon(() => deliver(other, copy))
      },
      onData: (listener) => {
        ears[self].push(listener)
      },
      onClose: (listener) => {
        closeListeners.push(listener)
      },
      close: async () => cut('the line was closed'),
    }
  }
  const mute = () => {
    muted = true
  }
  return { left: end('left'), right: end('right'), cut, mute }
}
