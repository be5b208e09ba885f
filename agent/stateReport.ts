/**
 * Keeps the retained `state` topic up to date: at once after connecting, then on change, at most
 * every ten seconds.
 * @module
 */
import type { Cancel, Timers } from '../ports/index.ts'
import { equalBytes } from '../protocol/bytes.ts'

const PERIOD_MS = 10_000

export type StateReport = {
  /** A connection began: the broker may show an old state or the will. */
  readonly online: () => void
  readonly close: Cancel
}

/** `publish` answers false when there is no connection. */
export function startStateReport(
  timers: Timers,
  build: () => Uint8Array,
  publish: (payload: Uint8Array) => Promise<boolean>,
): StateReport {
  let published: Uint8Array | undefined
  const report = () => {
    const payload = build()
    if (published && equalBytes(published, payload)) return
    published = payload
    void publish(payload).then((done) => {
      if (!done && published === payload) published = undefined
    })
  }
  const close = timers.every(PERIOD_MS, report)
  return {
    online: () => {
      published = undefined
      report()
    },
    close,
  }
}
