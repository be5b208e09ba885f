/**
 * The one way to change the gateway's state: apply in memory, journal, and tell when it is durable.
 * Nothing may be acknowledged before `whenDurable` calls back.
 * @module
 */
import type { Clock, Timers } from '../../ports/index.ts'
import type { CommitWatch } from '../commitWatch.ts'
import { createGroupCommit } from '../store/groupCommit.ts'
import type { Journal } from '../store/journal.ts'
import { SNAPSHOT_ROOM_BYTES } from '../store/snapshot.ts'
import type { DirtyList } from './dirtyList.ts'
import { createDirtyList } from './dirtyList.ts'
import { createMovesEncoder, encodeEvent } from './entries.ts'
import type { GatewayEvent } from './events.ts'
import type { HotChannels } from './hotChannels.ts'
import { encodeState } from './snapshot.ts'
import type { GatewayState, Step } from './state.ts'
import { applyEntry, applyStep } from './state.ts'

/** One entry for so many moves: the journal bounds its records. */
const MOVES_PER_ENTRY_MAX = 65_536

export type Writer = {
  /** Gateway time in seconds; from the first change of a batch on, all of the batch share it. */
  readonly seconds: () => number
  /** Applies and journals an event; returns its journal position. */
  readonly record: (event: GatewayEvent) => number
  /**
   * Moves a channel's register up; of all moves of a channel in a batch only the newest is written.
   * Nothing of `step` is kept.
   */
  readonly move: (channel: number, step: Step) => void
  /** Runs when all changes made so far are durable. */
  readonly whenDurable: (run: () => void) => void
  /** Resolves when all changes made so far are durable and acknowledged. */
  readonly drained: () => Promise<void>
  /** The state of this moment with the journal position it is the fold of; not yet durable. */
  readonly freeze: () => { readonly position: number; readonly state: Uint8Array }
  /** Number of the batch that is forming; it changes when a flush begins. */
  readonly batch: () => number
  /** The last durable journal position. */
  readonly position: () => number
}

export type WriterOptions = {
  readonly state: GatewayState
  readonly journal: Journal
  readonly clock: Clock
  readonly timers: Timers
  /** What could not be made durable must stop the process: nothing is pretended. */
  readonly onFatal: (error: unknown) => void
  readonly watch?: Pick<CommitWatch, 'began' | 'ended'>
}

/** Hands out the newest state of all that moved, as entries, and forgets that it moved. */
function createMovesWriter({ columns }: HotChannels, dirty: DirtyList) {
  const encodeMoves = createMovesEncoder()
  return (seconds: number, append: (entry: Uint8Array) => void) => {
    const channels = dirty.channels()
    for (let from = 0; from < dirty.count(); from += MOVES_PER_ENTRY_MAX) {
      const to = Math.min(from + MOVES_PER_ENTRY_MAX, dirty.count())
      append(encodeMoves(seconds, columns, channels, from, to))
    }
    dirty.clear()
  }
}

export function createWriter(options: WriterOptions): Writer {
  const { state, journal, clock, timers, onFatal, watch } = options
  const dirty = createDirtyList()
  const writeMoves = createMovesWriter(state.hot, dirty)
  let batchSeconds: number | undefined
  let batch = 0
  let appended = Number(journal.head().position)
  let durable = Number(journal.head().position)
  let hasFailed = false
  const seconds = () => batchSeconds ?? Math.floor(clock.nowMs() / 1_000)
  const beginChange = () => {
    batchSeconds = seconds()
    return batchSeconds
  }
  const append = (entry: Uint8Array) => {
    // The process is ending: what its last timers change stays in memory, where nobody hears of it.
    if (hasFailed) return appended
    appended = Number(journal.append(entry))
    return appended
  }
  const appendMoves = () => writeMoves(seconds(), append)
  const commit = createGroupCommit({
    timers,
    onFatal: (error) => {
      hasFailed = true
      onFatal(error)
    },
    journal: {
      append: (entry) => BigInt(append(entry)),
      flush: async () => {
        const before = durable
        watch?.began()
        durable = Number(await journal.flush())
        await state.cold.write()
        watch?.ended(durable > before ? 'something' : 'nothing')
        return BigInt(durable)
      },
    },
    collect: () => {
      appendMoves()
      batchSeconds = undefined
      batch += 1
      state.cold.seal()
      return undefined
    },
  })
  return {
    seconds,
    record: (event) => {
      // An event must fold after the moves that came before it.
      appendMoves()
      const at = beginChange()
      const position = append(encodeEvent(at, event))
      applyEntry(state, { kind: 'event', seconds: at, event }, position)
      return position
    },
    move: (channel, step) => {
      applyStep(state, channel, step, beginChange())
      dirty.add(channel)
    },
    whenDurable: commit.add,
    drained: commit.drained,
    freeze: () => {
      appendMoves()
      return { position: appended, state: encodeState(state, SNAPSHOT_ROOM_BYTES) }
    },
    batch: () => batch,
    position: () => durable,
  }
}
