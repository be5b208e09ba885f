/**
 * One settlement after the other: first what was under way, then what the ledger says where the
 * books may be wrong, then statements where a fleet co-signs, then evidence for the rest.
 * @module
 */
import type { Cancel } from '../../ports/index.ts'
import { bytesToHex } from '../../protocol/bytes.ts'
import type { Core } from '../core.ts'
import { heldAmount } from '../state/hotChannels.ts'
import { shortenTails } from './checkpoints.ts'
import { isSameStatement, isTakenBack } from './doubts.ts'
import type { Scope } from './policy.ts'
import { isBroughtForward, pathOf, retrySeconds, scopeOf } from './policy.ts'
import { reconcile } from './reconcile.ts'
import type { Wanted } from './settler.ts'
import { fleetsDue, inTurns, settleDue, settleOutbox, wantedUsually } from './settler.ts'
import {
  cosignSecondsOf,
  publishForgotten,
  publishStatement,
  settleStatements,
  stateFleet,
} from './statements.ts'
import type { SettlementSummary } from './submission.ts'
import { addSummaries } from './submission.ts'

/** How often it is looked whether so much is owed that the period is not waited for. */
const EXPOSURE_CHECK_MS = 60_000
/** What a ledger takes back it often does block by block. */
const TAKEN_BACK_DELAY_MS = 1_000

/** `retry`: channels in quarantine that are shown again. */
export type Settle = (retry?: ReadonlySet<number>) => Promise<SettlementSummary>

export type Settlement = {
  /** One at a time: a call during a run waits for it and then runs again. */
  readonly run: Settle
  readonly runQuietly: () => void
  /** The run before the end: no statement is begun that nobody could co-sign any more. */
  readonly last: () => Promise<SettlementSummary>
  /** A settlement is under way, or the ledger goes by another statement than the books. */
  readonly isUnfinished: () => boolean
  /** No run follows by itself any more. */
  readonly stop: Cancel
}

/** `settled` is called after every run that settled something. */
export function createSettlement(core: Core, settled: () => void): Settlement {
  const { timers, log } = core.ports
  let running: Promise<unknown> = Promise.resolve()
  let lastRunSeconds = core.state.lastSettlementSeconds
  let failures = 0
  const deadline = createAlarm(core)
  const again = createAlarm(core)
  const inOrder = (act: () => Promise<SettlementSummary>) => {
    const next = running.then(async () => {
      const summary = await act()
      if (summary.channels > 0) settled()
      return summary
    })
    running = next.catch(() => undefined)
    return next
  }
  const run: Settle = (retry = wantedUsually.retry) =>
    inOrder(async () => {
      const nowSeconds = core.writer.seconds()
      const scope = scopeOf(core.config.settlement, lastRunSeconds, nowSeconds)
      const summary = await runOnce(core, { scope, retry })
      lastRunSeconds = nowSeconds
      waitForDeadline()
      return summary
    })
  const runQuietly = () => {
    run().then(
      () => {
        failures = 0
        again.cancel()
      },
      (error: unknown) => {
        const reason = error instanceof Error ? error.message : String(error)
        failures += 1
        const retryInSeconds = retrySeconds(failures, core.config.settlement.periodSeconds)
        log('error', 'settlement failed; it is tried again', { reason, retryInSeconds })
        again.after(retryInSeconds * 1_000, runQuietly)
      },
    )
  }
  const waitForDeadline = () => {
    const delayMs = untilDeadlineMs(core)
    if (delayMs === undefined) return deadline.cancel()
    deadline.after(delayMs, () => {
      // What was co-signed meanwhile has ended, and the next period is not brought forward.
      if (untilDeadlineMs(core) === 0) runQuietly()
      else waitForDeadline()
    })
  }
  const stops = [
    watchLedger(core, () => again.after(TAKEN_BACK_DELAY_MS, runQuietly)),
    timers.every(EXPOSURE_CHECK_MS, () => bringForward(core, runQuietly)),
    deadline.cancel,
    again.cancel,
  ]
  return {
    run,
    runQuietly,
    last: () => inOrder(() => runLast(core)),
    isUnfinished: () => isUnfinished(core),
    stop: () => {
      for (const stop of stops) stop()
    },
  }
}

/** One timer at a time. */
function createAlarm({ ports }: Core) {
  let cancel: Cancel = () => {}
  return {
    after: (delayMs: number, act: () => void) => {
      cancel()
      cancel = ports.timers.after(delayMs, act)
    },
    cancel: () => cancel(),
  }
}

async function runOnce(core: Core, wanted: Pick<Wanted, 'scope' | 'retry'>) {
  const before = await finishUnderWay(core)
  await reconcileAll(core)
  const shownAgain = new Set(core.doubts.shownAgain)
  if (cosignSecondsOf(core) > 0) await beginStatements(core, before.ended, wanted.scope)
  const all = { ...wanted, shownAgain }
  await shortenTails(core, all)
  const summary = await settleDue(core, all)
  for (const name of shownAgain) core.doubts.shownAgain.delete(name)
  return addSummaries(before.summary, summary)
}

async function runLast(core: Core): Promise<SettlementSummary> {
  const { summary } = await finishUnderWay(core)
  await reconcileAll(core)
  if (cosignSecondsOf(core) > 0) return summary
  return addSummaries(summary, await settleDue(core, wantedUsually))
}

async function reconcileAll(core: Core): Promise<void> {
  if (core.doubts.doubtful.size === 0) return
  await reconcile(core)
  await core.writer.drained()
  for (const [fleet, { allocation }] of core.state.fleets) {
    const known = core.doubts.forgotten.get(bytesToHex(allocation))
    if (known) publishForgotten(core, fleet, known)
  }
}

/** Doubts what a ledger takes back, and says so when it has. */
function watchLedger(core: Core, takenBack: () => void): Cancel {
  const told = new Map<string, bigint>()
  for (const { id } of core.state.allocations) {
    const paid = core.funds.state(id)?.paid
    if (paid !== undefined) told.set(bytesToHex(id), paid)
  }
  return core.ledger.follow((event) => {
    const name = bytesToHex(event.allocation.id)
    if (!core.state.allocations.some(({ id }) => bytesToHex(id) === name)) return
    const paid = told.get(name)
    const before = paid === undefined ? undefined : { ...event.allocation, paid }
    told.set(name, event.allocation.paid)
    if (!isTakenBack(event, before, core.state.statements.inForce.get(name))) return
    core.doubts.doubtful.add(name)
    takenBack()
  })
}

function isUnfinished({ state, funds }: Core): boolean {
  if (state.outbox.size + state.statements.underWay.size > 0) return true
  return state.allocations.some(({ id }) => {
    const known = funds.state(id)
    return known && !isSameStatement(state.statements.inForce.get(bytesToHex(id)), known)
  })
}

/** Looks through all channels only where a limit is configured. */
async function bringForward(core: Core, runQuietly: () => void): Promise<void> {
  const { exposureMax = 0n } = core.config.settlement
  if (exposureMax === 0n) return
  const { hot, quarantine } = core.state
  let exposure = 0n
  await inTurns(core, async (from, to) => {
    for (let channel = from; channel < to; channel++) {
      const owed = heldAmount(hot, channel) - (hot.columns.paid[channel] ?? 0n)
      if (owed > 0n && !quarantine.has(channel)) exposure += owed
    }
  })
  if (isBroughtForward(exposure, exposureMax)) runQuietly()
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

/**
 * Where the fleet has just not co-signed, or a claim might run out meanwhile, evidence settles; the
 * next period asks the fleet again.
 */
async function beginStatements(
  core: Core,
  ended: ReadonlySet<string>,
  scope: Scope,
): Promise<void> {
  const { forgotten, shownAgain } = core.doubts
  for (const { fleet, allocation, claimUntilSeconds } of await fleetsDue(core, scope)) {
    const name = bytesToHex(allocation)
    if (ended.has(name) || forgotten.has(name) || shownAgain.has(name)) continue
    const path = pathOf(core.config.settlement, claimUntilSeconds, core.writer.seconds())
    if (path === 'statement') await stateFleet(core, fleet)
  }
}

/** To a second after the first statement under way has expired; undefined where none is. */
function untilDeadlineMs(core: Core): number | undefined {
  const { underWay } = core.state.statements
  if (underWay.size === 0) return undefined
  const expiries = [...underWay.values()].map(({ statement }) => statement.value.expiry)
  return Math.max(0, Math.min(...expiries) + 1 - core.writer.seconds()) * 1_000
}

/** Tells fleets again what waits for them: the broker has forgotten it with the process. */
export function republishStatements(core: Core): void {
  for (const [fleet, { allocation }] of core.state.fleets) {
    const name = bytesToHex(allocation)
    const one = core.state.statements.underWay.get(name)
    if (one) publishStatement(core, fleet, 'waiting', one.statement.value)
  }
}
