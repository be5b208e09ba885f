/**
 * A pending renewal in the hot state: held beside the running commitment, then in its place.
 * @module
 */
import { assert, present } from '../../protocol/assert.ts'
import { BIND_BYTES, bindOf, WORD_BYTES } from '../../protocol/chain.ts'
import type { Commitment } from '../../protocol/structures.ts'
import type { HotChannels } from './hotChannels.ts'
import { toSeconds32 } from './hotChannels.ts'

/** The pending renewal of `epoch` becomes the running commitment, at index 0. */
export function promotePending(hot: HotChannels, channel: number, epoch: number): void {
  const { columns } = hot
  assert(columns.pendingEpoch[channel] === epoch, 'a word belongs to a commitment that is held')
  const length = BigInt(columns.length[channel] ?? 0)
  columns.base[channel] =
    present(columns.base[channel], 'base') +
    length * present(columns.pricePerTick[channel], 'price')
  columns.startReading[channel] =
    present(columns.startReading[channel], 'start') +
    length * present(columns.unitsPerTick[channel], 'units')
  columns.pricePerTick[channel] = present(columns.pendingPrice[channel], 'price')
  columns.unitsPerTick[channel] = present(columns.pendingUnits[channel], 'units')
  columns.commitmentExpirySeconds[channel] = columns.pendingExpirySeconds[channel] ?? 0
  columns.epoch[channel] = epoch
  columns.index[channel] = 0
  columns.length[channel] = columns.pendingLength[channel] ?? 0
  const bind = channel * BIND_BYTES
  columns.bind.set(columns.pendingBind.subarray(bind, bind + BIND_BYTES), bind)
  columns.pendingEpoch[channel] = 0
}

/** Keeps an accepted renewal beside the running commitment, in place of another one. */
export function holdRenewal({ columns }: HotChannels, channel: number, value: Commitment): void {
  columns.pendingEpoch[channel] = value.epoch
  columns.pendingLength[channel] = value.length
  columns.pendingPrice[channel] = value.pricePerTick
  columns.pendingUnits[channel] = value.unitsPerTick
  columns.pendingExpirySeconds[channel] = toSeconds32(value.expiry)
  columns.pendingRoot.set(value.root, channel * WORD_BYTES)
  columns.pendingBind.set(bindOf(value), channel * BIND_BYTES)
}
