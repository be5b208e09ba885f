/**
 * The end of an agent: supply off, the last ticks paid if the gateway is there, everything closed.
 * @module
 */
import type { Timers } from '../ports/index.ts'
import { inTime } from './inTime.ts'
import { payableTicks, shownTicks } from './payerState.ts'
import type { MeterUnit, Running } from './runningAgent.ts'
import { seenNow } from './runningAgent.ts'
import { encodeOffline } from './status.ts'

/** Longest wait for the meters to stop and for the last acknowledgement. */
const SETTLE_MS_MAX = 3_000
const SETTLE_STEP_MS = 50
/** A broker that takes longer publishes the will, which says the same. */
const FAREWELL_MS_MAX = 1_000

/** Orders supply off and waits until the meters stand still and the last tick is acknowledged. */
export async function settle(running: Running): Promise<void> {
  const { clock, timers } = running.world.ports
  for (const { account } of running.meters.values()) account.stop()
  const untilMs = clock.monotonicMs() + SETTLE_MS_MAX
  while (clock.monotonicMs() < untilMs && ![...running.meters.values()].every(isSettled)) {
    await pause(timers, SETTLE_STEP_MS)
  }
}

function isSettled({ account, view }: MeterUnit): boolean {
  const payer = account.payer()
  if (view.event?.state === 'reading' && view.relayClosed) return false
  if (!payer.online || payer.halt) return true
  const { acked, next, offer, running } = payer
  if (!running) return true
  const isShown = payableTicks(payer) === shownTicks(payer)
  return !offer && isShown && !next?.shown && running.shown === acked
}

/** Closes everything and leaves the last figures on the disk. */
export async function shutDown(running: Running): Promise<void> {
  const { config, records, report, session, world } = running
  report.close()
  await Promise.all([...running.meters.values()].map(({ link }) => link.close()))
  for (const name of running.meters.keys()) {
    await records.save(name, { seen: seenNow(running, name) }).catch(() => undefined)
  }
  const farewell = session.publishState(encodeOffline(config.device, world.version))
  await inTime(farewell, world.ports.timers, FAREWELL_MS_MAX)
  await session.close()
}

function pause(timers: Timers, delayMs: number): Promise<void> {
  return new Promise((resolve) => {
    timers.after(delayMs, resolve)
  })
}
