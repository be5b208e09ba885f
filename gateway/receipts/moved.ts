/**
 * Which channels moved since their last receipt. Nothing is noted when a tick comes: the channels
 * are looked through when receipts are made, many in each turn of the event loop.
 * @module
 */
import { decodeReceipt } from '../../protocol/receipts.ts'
import type { Core } from '../core.ts'
import { big, heldAmount, heldReading } from '../state/hotChannels.ts'
import { LOOKS_PER_TURN, READS_PER_TURN, TARIFFS_PER_ROOT_MAX } from './limits.ts'
import type { Reached } from './packed.ts'

export type Moved = {
  /**
   * Up to `max` channels that moved, each as it is when it is looked at, from where the call before
   * left off; each is told once.
   */
  readonly take: (max: number, nextTurn: () => Promise<void>) => Promise<readonly Reached[]>
}

/** What a channel's last receipt said: its epoch and index, by channel number. */
type Told = { epochs: Uint32Array; indexes: Uint32Array; isKnown: Uint8Array }

export function createMoved(core: Core): Moved {
  const { hot } = core.state
  const told: Told = {
    epochs: new Uint32Array(0),
    indexes: new Uint32Array(0),
    isKnown: new Uint8Array(0),
  }
  let next = 0
  return {
    take: async (max, nextTurn) => {
      const found: Reached[] = []
      const tariffs = new Set<string>()
      const count = hot.count()
      let reads = 0
      for (let looks = 0; looks < count && found.length < max; looks++) {
        const isTurn = looks % LOOKS_PER_TURN === LOOKS_PER_TURN - 1 || reads >= READS_PER_TURN
        if (isTurn) {
          reads = 0
          await nextTurn()
        }
        if (next >= count) next = 0
        const channel = next++
        grow(told, count)
        if (hasEpoch(core, channel) && !isTold(core, told, channel)) {
          reads += 2
          const reached = reachedBy(core, channel)
          if (!reached) continue
          tariffs.add(reached.tariffHash.toString())
          if (tariffs.size > TARIFFS_PER_ROOT_MAX) {
            next = channel
            break
          }
          note(told, reached)
          found.push(reached)
        }
      }
      return found
    },
  }
}

function hasEpoch({ state }: Core, channel: number): boolean {
  return (state.hot.columns.epoch[channel] ?? 0) !== 0
}

function grow(told: Told, count: number): void {
  if (count <= told.epochs.length) return
  const length = Math.max(count, 2 * told.epochs.length)
  const larger = { ...told }
  told.epochs = new Uint32Array(length)
  told.epochs.set(larger.epochs)
  told.indexes = new Uint32Array(length)
  told.indexes.set(larger.indexes)
  told.isKnown = new Uint8Array(length)
  told.isKnown.set(larger.isKnown)
}

/** Of a channel that was not looked at since the start, its last receipt is read. */
function isTold({ state }: Core, told: Told, channel: number): boolean {
  if (told.isKnown[channel] === 0) {
    const payload = state.cold.receipt(channel)
    const last = payload && decodeReceipt(payload)?.receipt
    told.epochs[channel] = last?.epoch ?? 0
    told.indexes[channel] = last?.index ?? 0
    told.isKnown[channel] = 1
  }
  const { epoch, index } = state.hot.columns
  return told.epochs[channel] === epoch[channel] && told.indexes[channel] === index[channel]
}

function note(told: Told, { channel, epoch, index }: Reached): void {
  told.epochs[channel] = epoch
  told.indexes[channel] = index
}

/**
 * A channel as it is now. All that the journal holds at `position` is counted in it, because the
 * state is never behind what is durable.
 */
function reachedBy({ state, writer }: Core, channel: number): Reached | undefined {
  const { hot, cold } = state
  const epoch = hot.columns.epoch[channel] ?? 0
  const commitment = cold.commitment(channel, epoch)
  if (!commitment) return undefined
  const register = heldReading(hot, channel)
  return {
    channel,
    epoch,
    index: hot.columns.index[channel] ?? 0,
    amount: heldAmount(hot, channel),
    units: register - big(hot, 'firstReading', channel),
    register,
    tariffHash: commitment.value.tariffHash,
    position: writer.position(),
  }
}
