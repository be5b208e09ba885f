/**
 * Keeps a relay as the supply rule wants it: open at the start, at the end, when the order is off,
 * when the register has got where supply ends, and when there is no fresh reading. What fails is
 * tried again; a relay whose state is not known counts as closed.
 * @module
 */
import type { Cancel, Ports } from '../../ports/index.ts'
import { awayAfterMs, type MeterEvent, type MeterLink } from '../meters/supervisor.ts'
import type { Relay } from './types.ts'

/** A relay that did not obey is told again. */
export const RELAY_RETRY_MS = 1_000
/** Longest wait for the relay to open when the agent ends. */
const CLOSE_MS_MAX = 4_000

export type RelayKeeper = {
  readonly supplyOnUntil: (units: bigint) => void
  readonly supplyOff: () => void
  /** Takes what the meter says, and gives it on with the relay's state. */
  readonly takeEvent: (event: MeterEvent) => MeterEvent
  /** Opens the relay and lets go of it; never rejects. */
  readonly close: () => Promise<void>
}

type Keeping = {
  readonly relay: Relay
  readonly ports: Ports
  readonly name: string
  until: bigint | undefined
  /** The last reading while it is fresh. */
  units: bigint | undefined
  /** undefined: not known. */
  closed: boolean | undefined
  problem: string | undefined
  isEnded: boolean
  isBusy: boolean
  idle: () => void
  cancelStale: Cancel
  cancelRetry: Cancel
}

const nothing = () => {}

/** Opens the relay at once. `name` is the meter's, for the log. */
export function keepRelay(name: string, relay: Relay, ports: Ports): RelayKeeper {
  const keeping: Keeping = {
    relay,
    ports,
    name,
    until: undefined,
    units: undefined,
    closed: undefined,
    problem: undefined,
    isEnded: false,
    isBusy: false,
    idle: nothing,
    cancelStale: nothing,
    cancelRetry: nothing,
  }
  const order = (until: bigint | undefined) => {
    keeping.until = until
    if (isWanted(keeping) !== keeping.closed) void obey(keeping)
  }
  void obey(keeping)
  return {
    supplyOnUntil: (units) => order(units),
    supplyOff: () => order(undefined),
    takeEvent: (event) => takeEvent(keeping, event),
    close: () => end(keeping),
  }
}

/** Orders go to both; the relay sees every reading before anybody else does. */
export function withRelay(link: MeterLink, keeper: RelayKeeper): MeterLink {
  return {
    supplyOnUntil: (units) => {
      keeper.supplyOnUntil(units)
      link.supplyOnUntil(units)
    },
    supplyOff: () => {
      keeper.supplyOff()
      link.supplyOff()
    },
    raiseFloor: link.raiseFloor,
    close: async () => {
      await Promise.all([keeper.close(), link.close()])
    },
  }
}

function isWanted({ isEnded, units, until }: Keeping): boolean {
  return !isEnded && until !== undefined && units !== undefined && units < until
}

function takeEvent(keeping: Keeping, event: MeterEvent): MeterEvent {
  keeping.cancelStale()
  keeping.units = event.state === 'reading' ? event.units : undefined
  if (event.state === 'reading') {
    keeping.cancelStale = keeping.ports.timers.after(awayAfterMs, () => {
      keeping.units = undefined
      void obey(keeping)
    })
  }
  void obey(keeping)
  if (event.state === 'away') return event
  return { ...event, relayClosed: event.relayClosed && keeping.closed !== false }
}

/** One at a time, and again as long as something else was wanted meanwhile. */
async function obey(keeping: Keeping): Promise<void> {
  if (keeping.isBusy) return
  keeping.isBusy = true
  keeping.cancelRetry()
  let wanted: boolean
  do {
    wanted = isWanted(keeping)
    await setOnce(keeping, wanted)
  } while (wanted !== isWanted(keeping))
  keeping.isBusy = false
  keeping.idle()
  if (keeping.closed !== wanted && !keeping.isEnded) {
    keeping.cancelRetry = keeping.ports.timers.after(RELAY_RETRY_MS, () => void obey(keeping))
  }
}

async function setOnce(keeping: Keeping, wanted: boolean): Promise<void> {
  const { name, ports, relay } = keeping
  try {
    await relay.set(wanted)
    keeping.closed = wanted
    if (keeping.problem !== undefined) ports.log('info', 'the relay obeys again', { meter: name })
    keeping.problem = undefined
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error)
    keeping.closed = undefined
    if (keeping.problem === reason) return
    keeping.problem = reason
    ports.log('warn', `the relay does not obey: ${reason}`, { meter: name })
  }
}

async function end(keeping: Keeping): Promise<void> {
  const { relay } = keeping
  const { timers } = keeping.ports
  keeping.isEnded = true
  keeping.cancelStale()
  const opened = new Promise<void>((resolve) => {
    keeping.idle = resolve
  })
  let cancel: Cancel = nothing
  const late = new Promise<void>((resolve) => {
    cancel = timers.after(CLOSE_MS_MAX, resolve)
  })
  void obey(keeping)
  await Promise.race([opened, late])
  cancel()
  keeping.cancelRetry()
  await relay.close()
}
