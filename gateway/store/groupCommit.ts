/**
 * Collects the work of an event-loop turn and makes it durable with one sync. While one flush is in
 * flight the next batch forms, so the slower the disk, the larger the batches.
 * @module
 */
import type { Timers } from '../../ports/index.ts'
import { assert } from '../../protocol/assert.ts'
import type { Journal } from './journal.ts'
import { COMMIT_WAITING_MAX } from './limits.ts'

export type GroupCommitOptions = {
  readonly journal: Pick<Journal, 'append' | 'flush'>
  readonly timers: Pick<Timers, 'soon'>
  /**
   * Asked at the start of each flush for what changed since the last one, as one journal entry;
   * undefined when nothing did. So of all ticks of a channel in a batch only the newest is written.
   */
  readonly collect: () => Uint8Array | undefined
  /**
   * Called once, when something could not be made durable or a callback threw: stop the process.
   */
  readonly onFatal: (error: unknown) => void
  readonly waitingMax?: number
}

export type GroupCommit = {
  /** Calls `onDurable` when all that `collect` would tell now is durable; in order of adding. */
  readonly add: (onDurable: () => void) => void
  /** Callbacks that have not run yet. */
  readonly waiting: () => number
  /**
   * Resolves when everything added before is durable and its callbacks ran; never after a failure.
   */
  readonly drained: () => Promise<void>
}

type State = {
  readonly options: GroupCommitOptions
  readonly waitingMax: number
  forming: (() => void)[]
  inFlight: number
  busy: boolean
  failed: boolean
}

export function createGroupCommit(options: GroupCommitOptions): GroupCommit {
  const waitingMax = options.waitingMax ?? COMMIT_WAITING_MAX
  const state: State = { options, waitingMax, forming: [], inFlight: 0, busy: false, failed: false }
  const add = (onDurable: () => void) => {
    assert(state.forming.length + state.inFlight < waitingMax, 'waiting commits are bounded')
    state.forming.push(onDurable)
    schedule(state)
  }
  return {
    add,
    waiting: () => state.forming.length + state.inFlight,
    drained: () => new Promise((resolve) => add(resolve)),
  }
}

function schedule(state: State): void {
  if (state.busy || state.failed) return
  state.busy = true
  state.options.timers.soon(() => {
    flushBatch(state).then(
      () => {
        state.busy = false
        if (state.forming.length > 0) schedule(state)
      },
      (error: unknown) => {
        state.failed = true
        state.options.onFatal(error)
      },
    )
  })
}

async function flushBatch(state: State): Promise<void> {
  const { journal, collect } = state.options
  const batch = state.forming
  state.forming = []
  state.inFlight = batch.length
  const payload = collect()
  if (payload) journal.append(payload)
  await journal.flush()
  for (const onDurable of batch) {
    state.inFlight -= 1
    onDurable()
  }
}
