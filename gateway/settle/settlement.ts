/**
 * One settlement after the other: first what was under way, then statements where a fleet co-signs,
 * then evidence for the rest.
 * @module
 */
import type { Cancel } from '../../ports/index.ts'
import { bytesToHex } from '../../protocol/bytes.ts'
import type { Core } from '../core.ts'
import type { SettlementSummary } from './settler.ts'
import { fleetsDue, settleDue, settleOutbox } from './settler.ts'
import { cosignSecondsOf, publishStatement, settleStatements, stateFleet } from './statements.ts'

export type Settlement = {
  /** One at a time: a call during a run waits for it and then runs again. */
  readonly run: () => Promise<SettlementSummary>
  readonly runQuietly: () => void
  /** The run before the end: no statement is begun that nobody could co-sign any more. */
  readonly last: () => Promise<SettlementSummary>
  /** No run follows by itself any more. */
  readonly stop: Cancel
}

/** `settled` is called after every run that settled something. */
export function createSettlement(core: Core, settled: () => void): Settlement {
  let running: Promise<unknown> = Promise.resolve()
  let cancelDeadline: Cancel = () => {}
  const inOrder = (act: () => Promise<SettlementSummary>) => {
    const next = running.then(async () => {
      const summary = await act()
      if (summary.channels > 0) settled()
      return summary
    })
    running = next.catch(() => undefined)
    return next
  }
  const run = () =>
    inOrder(async () => {
      const before = await finishUnderWay(core)
      if (cosignSecondsOf(core) > 0) await beginStatements(core, before.ended)
      waitForDeadline()
      return add(before.summary, await settleDue(core))
    })
  const last = () =>
    inOrder(async () => {
      const { summary } = await finishUnderWay(core)
      return cosignSecondsOf(core) > 0 ? summary : add(summary, await settleDue(core))
    })
  const runQuietly = () => {
    run().catch((error: unknown) => {
      const reason = error instanceof Error ? error.message : String(error)
      core.ports.log('error', 'settlement failed; it is tried again next period', { reason })
    })
  }
  const waitForDeadline = () => {
    cancelDeadline()
    const delayMs = untilDeadlineMs(core)
    if (delayMs === undefined) return
    cancelDeadline = core.ports.timers.after(delayMs, () => {
      // What was co-signed meanwhile has ended, and the next period is not brought forward.
      if (untilDeadlineMs(core) === 0) runQuietly()
      else waitForDeadline()
    })
  }
  return { run, runQuietly, last, stop: () => cancelDeadline() }
}

type Finished = {
  readonly summary: SettlementSummary
  /** Allocations, in hex, whose statement ended without being paid. */
  readonly ended: ReadonlySet<string>
}

/** Claims and statements that a former run, or a former process, left without an answer. */
async function finishUnderWay(core: Core): Promise<Finished> {
  await settleOutbox(core)
  const { underWay, inForce } = core.state.statements
  const waited = [...underWay].map(([name, one]) => [name, one.statement.value.sequence] as const)
  const { channels, paid } = await settleStatements(core)
  const ended = waited.filter(
    ([name, sequence]) => !underWay.has(name) && inForce.get(name)?.sequence !== sequence,
  )
  const summary = { channels, paid, refused: 0 }
  return { summary, ended: new Set(ended.map(([name]) => name)) }
}

/** Where the fleet has just not co-signed, evidence settles; the next period asks it again. */
async function beginStatements(core: Core, ended: ReadonlySet<string>): Promise<void> {
  for (const fleet of await fleetsDue(core)) {
    if (!ended.has(allocationName(core, fleet))) await stateFleet(core, fleet)
  }
}

function allocationName({ state }: Core, fleet: string): string {
  const allocation = state.fleets.get(fleet)?.allocation ?? new Uint8Array()
  return bytesToHex(allocation)
}

/** To a second after the first statement under way has expired; undefined where none is. */
function untilDeadlineMs(core: Core): number | undefined {
  const { underWay } = core.state.statements
  if (underWay.size === 0) return undefined
  const expiries = [...underWay.values()].map(({ statement }) => statement.value.expiry)
  return Math.max(0, Math.min(...expiries) + 1 - core.writer.seconds()) * 1_000
}

function add(a: SettlementSummary, b: SettlementSummary): SettlementSummary {
  return {
    channels: a.channels + b.channels,
    paid: a.paid + b.paid,
    refused: a.refused + b.refused,
  }
}

/** Tells fleets again what waits for them: the broker has forgotten it with the process. */
export function republishStatements(core: Core): void {
  for (const [fleet, { allocation }] of core.state.fleets) {
    const name = bytesToHex(allocation)
    const one = core.state.statements.underWay.get(name)
    if (one) publishStatement(core, fleet, 'waiting', one.statement.value)
  }
}
