/** The order of receipts: by the ids of their channels, which are read some at a time. */
import { expect, test } from 'vitest'
import { READS_PER_TURN } from '../../../gateway/receipts/limits.ts'
import { inOrder } from '../../../gateway/receipts/order.ts'
import type { Reached } from '../../../gateway/receipts/packed.ts'
import { compareBytes } from '../../../protocol/bytes.ts'
import { openScene } from '../../support/gatewayScene.ts'

const COUNT = 3 * READS_PER_TURN + 5

/** A different id for each channel, in no order of their numbers. */
function idOf(channel: number): Uint8Array {
  return new Uint8Array(32).map((_, at) => (channel * 151 + at * 7) % 251)
}

async function orderedOf(count: number) {
  const scene = await openScene()
  await scene.device('ev-1')
  const { state } = scene.world.gateway.core
  let reads = 0
  let most = 0
  const record = state.cold.channel
  const channel: typeof record = (number) => {
    reads += 1
    most = Math.max(most, reads)
    return { ...record(0), channelId: idOf(number) }
  }
  const reached = Array.from({ length: count }, (_, number): Reached => {
    const tariffHash = new Uint8Array(32)
    const amounts = { amount: 0n, units: 0n, register: 0n }
    return { channel: number, epoch: 1, index: number, position: 1, tariffHash, ...amounts }
  })
  const nextTurn = async () => {
    reads = 0
  }
  const core = { state: { ...state, cold: { ...state.cold, channel } } }
  return { ...(await inOrder(core, reached, nextTurn)), most }
}

test('they are in the order of their ids, each with its own', async () => {
  const { ordered, ids } = await orderedOf(COUNT)
  expect(new Set(ordered.map(({ channel }) => channel)).size).toBe(COUNT)
  for (const [place, { channel }] of ordered.entries()) {
    expect(ids.at(place)).toEqual(idOf(channel))
    if (place > 0) expect(compareBytes(ids.at(place - 1), ids.at(place))).toBeLessThanOrEqual(0)
  }
})

test('no turn of the event loop reads more than its bound', async () => {
  expect((await orderedOf(COUNT)).most).toBe(READS_PER_TURN)
})
