/**
 * Whether a gateway lives and whether it can do its work, with what is missing in words.
 * @module
 */
import type { Timers } from '../../ports/index.ts'
import type { CommitReport } from '../commitWatch.ts'
import type { Core } from '../core.ts'

/** A disk that takes longer to make a commit durable will not answer any more. */
export const COMMIT_STUCK_SECONDS = 60
/** A ledger that takes longer is as good as away. */
const LEDGER_ANSWER_MS = 2_000
const REASON_CHARS_MAX = 200

export type Check = {
  readonly name: 'store' | 'ledger' | 'broker'
  readonly ok: boolean
  /** What is so, or what is missing. */
  readonly reason: string
}

/** How clients reach the gateway, and how many have. */
export type DoorFigures = {
  readonly open: boolean
  readonly reason: string
  readonly connections: number
  /** Of the embedded broker; an external one counts its own. */
  readonly logins?: {
    readonly accepted: number
    readonly refused: Readonly<Record<string, number>>
    readonly closed: Readonly<Record<string, number>>
  }
}

export type Health = {
  readonly status: 'alive' | 'stuck'
  readonly gateway: string
  readonly lastCommitAgeSeconds: number | null
}

/** `stuck` while a commit is under way that will not end any more. */
export function healthOf(gateway: string, commits: CommitReport | undefined): Health {
  const stuck = (commits?.underWaySeconds ?? 0) > COMMIT_STUCK_SECONDS
  const lastCommitAgeSeconds = commits?.lastAgeSeconds ?? null
  return { status: stuck ? 'stuck' : 'alive', gateway, lastCommitAgeSeconds }
}

export function storeCheck(core: Core): Check {
  const { underWaySeconds = 0 } = core.commits.report()
  if (underWaySeconds > COMMIT_STUCK_SECONDS) {
    const seconds = Math.floor(underWaySeconds)
    const reason = `a commit has been under way for ${seconds} s: look at the disk`
    return { name: 'store', ok: false, reason }
  }
  const reason = core.spaceLow() ? 'open; the disk is nearly full: free some space' : 'open'
  return { name: 'store', ok: true, reason }
}

export function brokerCheck({ open, reason }: DoorFigures): Check {
  return { name: 'broker', ok: open, reason }
}

const unknownAllocation = new Uint8Array(32)

/** Asks the ledger for an allocation. */
export async function ledgerCheck({ ledger, state, ports }: Core): Promise<Check> {
  const id = state.allocations[0]?.id ?? unknownAllocation
  try {
    await within(ports.timers, ledger.allocation(id))
    return { name: 'ledger', ok: true, reason: 'answers' }
  } catch (error) {
    const text = error instanceof Error ? error.message : String(error)
    return { name: 'ledger', ok: false, reason: text.slice(0, REASON_CHARS_MAX) }
  }
}

function within<T>(timers: Pick<Timers, 'after'>, work: Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    const late = () => reject(new Error(`no answer within ${LEDGER_ANSWER_MS / 1_000} s`))
    const cancel = timers.after(LEDGER_ANSWER_MS, late)
    work.finally(cancel).then(resolve, reject)
  })
}
