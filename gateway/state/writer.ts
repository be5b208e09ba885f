/**
 * The one way to change the gateway's state: apply in memory, journal, and tell when it is durable.
 * Nothing may be acknowledged before `whenDurable` calls back.
 * @module
 */
import type { Clock, Timers } from '../../ports/index.ts'
import { WORD_BYTES } from '../../protocol/chain.ts'
import { createGroupCommit } from '../store/groupCommit.ts'
import type { Journal } from '../store/journal.ts'
import type { Move } from './entries.ts'
import { encodeEvent, makeMoves, writeMove } from './entries.ts'
import type { GatewayEvent } from './events.ts'
import { encodeState } from './snapshot.ts'
import type { GatewayState } from './state.ts'
import { applyEntry, applyMove } from './state.ts'

export type Writer = {
  /** Gateway time in seconds; from the first change of a batch on, all of the batch share it. */
  readonly seconds: () => number
  /** Applies and journals an event; returns its journal position. */
  readonly record: (event: GatewayEvent) => number
  /** Moves a register up; of all moves of a channel in a batch only the newest is written. */
  readonly move: (move: Move) => void
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
}

export function createWriter(options: WriterOptions): Writer {
  const { state, journal, clock, timers, onFatal } = options
  const dirty = new Set<number>()
  let batchSeconds: number | undefined
  let batch = 0
  let appended = Number(journal.head().position)
  let durable = Number(journal.head().position)
  const seconds = () => batchSeconds ?? Math.floor(clock.nowMs() / 1_000)
  const beginChange = () => {
    batchSeconds = seconds()
    return batchSeconds
  }
  const append = (entry: Uint8Array) => {
    appended = Number(journal.append(entry))
    return appended
  }
  const appendMoves = () => {
    for (const entry of takeDirty(state, dirty, seconds())) append(entry)
  }
  const commit = createGroupCommit({
    timers,
    onFatal,
    journal: {
      append: (entry) => BigInt(append(entry)),
      flush: async () => {
        const position = await journal.flush()
        durable = Number(position)
        await state.cold.write()
        return position
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
    move: (move) => {
      applyMove(state, move, beginChange())
      dirty.add(move.channel)
    },
    whenDurable: commit.add,
    drained: commit.drained,
    freeze: () => {
      appendMoves()
      return { position: appended, state: encodeState(state) }
    },
    batch: () => batch,
    position: () => durable,
  }
}

/** One entry for so many moves: the journal bounds its records. */
const MOVES_PER_ENTRY_MAX = 65_536

/** The newest state of each channel that moved, as entries of the journal. */
function takeDirty(
  { hot }: GatewayState,
  dirty: Set<number>,
  seconds: number,
): readonly Uint8Array[] {
  const { columns } = hot
  const channels = [...dirty]
  dirty.clear()
  const entries: Uint8Array[] = []
  for (let from = 0; from < channels.length; from += MOVES_PER_ENTRY_MAX) {
    const some = channels.slice(from, from + MOVES_PER_ENTRY_MAX)
    const entry = makeMoves(seconds, some.length)
    for (const [place, channel] of some.entries()) {
      const word = columns.word.subarray(channel * WORD_BYTES, (channel + 1) * WORD_BYTES)
      const epoch = columns.epoch[channel] ?? 0
      writeMove(entry, place, { channel, epoch, index: columns.index[channel] ?? 0, word })
    }
    entries.push(entry)
  }
  return entries
}
