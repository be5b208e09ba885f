/**
 * Events in ranges of blocks, and what they tell a gateway that has lost its store.
 * @module
 */
import { describe, expect, test } from 'vitest'
import type { RawLog } from '../../ledger/evm/chain.ts'
import { LOG_BLOCKS_MAX, logRanges } from '../../ledger/evm/logRanges.ts'
import { openAdapter } from './adapter.ts'
import { escrowScene } from './scene.ts'
import { hasAnvil } from './world.ts'

const eventAt = (block: number): RawLog => ({ topics: [], data: '0x', block })
const tooMuch = Object.assign(new Error('query returned more than 10000 results'), {
  code: -32_005,
})

/** A node with an event in every `every`th block that answers at most `most` blocks at once. */
function stingyNode(most: number, every: number) {
  const asked: (readonly [number, number])[] = []
  const ask = async (from: number, to: number) => {
    asked.push([from, to])
    if (to - from + 1 > most) throw tooMuch
    const blocks = Array.from({ length: to - from + 1 }, (_, index) => from + index)
    return blocks.filter((block) => block % every === 0).map(eventAt)
  }
  return { ask, asked }
}

async function blocksOf(ranges: ReturnType<typeof logRanges>): Promise<(number | undefined)[]> {
  const found: (number | undefined)[] = []
  for await (const { logs } of ranges) found.push(...logs.map(({ block }) => block))
  return found
}

describe('events', () => {
  test.each([1, 3, 100, 1_999, 10_000])(
    'are all found, each once, where a node answers %i blocks at once',
    async (most) => {
      const { ask, asked } = stingyNode(most, 7)
      const found = await blocksOf(logRanges(ask, 5, 5_003))
      expect(found).toEqual(Array.from({ length: 714 }, (_, index) => 7 * (index + 1)))
      const refused = asked.filter(([from, to]) => to - from + 1 > most)
      expect(refused.length).toBeLessThanOrEqual(Math.ceil(Math.log2(LOG_BLOCKS_MAX)) + 1)
      for (const [from, to] of asked) expect(to - from).toBeLessThan(LOG_BLOCKS_MAX)
    },
  )

  test('what was read before a node was lost stays read; nothing is guessed', async () => {
    const { ask } = stingyNode(10_000, 1)
    let left = 2
    const lost = (from: number, to: number) =>
      left-- > 0 ? ask(from, to) : Promise.reject(new Error('connection refused'))
    const read: number[] = []
    const reading = async () => {
      for await (const { to } of logRanges(lost, 0, 9_999)) read.push(to)
    }
    await expect(reading()).rejects.toThrow('connection refused')
    expect(read).toEqual([1_999, 3_999])
  })

  test('one block that is refused is an error; there are none before the contract', async () => {
    const { ask } = stingyNode(0, 1)
    await expect(blocksOf(logRanges(ask, 0, 9))).rejects.toThrow('more than 10000')
    expect(await blocksOf(logRanges(ask, 10, 9))).toEqual([])
  })
})

const { escrow, node } = escrowScene()

describe.skipIf(!hasAnvil)('a gateway that has lost its store', () => {
  const claims = (positions: readonly number[], index = 5) =>
    positions.map((position) => escrow().device(position).commit().claim(index))

  test('knows from the chain which positions were used, and is paid nothing twice', async () => {
    const lost = await openAdapter(escrow())
    await lost.ledger.submit(claims([3, 0, 700]), 'a')
    await lost.ledger.submit([escrow().device(9_000).commit().claim(500)], 'b')
    const { ledger } = await openAdapter(escrow())
    expect(ledger.firstPosition(escrow().id)).toBe(0)
    await ledger.allocation(escrow().id)
    expect(ledger.firstPosition(escrow().id)).toBe(701)
    // What the older copy still holds is less than what was paid.
    expect(await ledger.submit(claims([3, 0], 2), 'c')).toMatchObject([
      { status: 'repeated', paid: 0n, cumulative: 50n },
      { status: 'repeated', paid: 0n, cumulative: 50n },
    ])
    expect(await escrow().state()).toMatchObject({ paid: 150n })
  })

  test('knows the positions of statements, be they paid by evidence or not', async () => {
    const leaves = [40, 2].map((position) => ({
      position,
      channelId: escrow().device(position).channelId,
      amount: 10n,
    }))
    const lost = await openAdapter(escrow())
    await lost.ledger.submit(claims([5]), 'a')
    await lost.ledger.submitStatement(escrow().statement(leaves, { evidencePaid: 50n }), 'b')
    const { ledger } = await openAdapter(escrow())
    await ledger.allocation(escrow().id)
    expect(ledger.firstPosition(escrow().id)).toBe(41)
  })

  test('reads old events once, and those that may be taken back again', async () => {
    await escrow().claim(claims([8]))
    const asked: string[] = []
    const { ledger } = await openAdapter(escrow(), {
      between: (rpc) => (method, params) => {
        if (method === 'eth_getLogs') {
          const [{ fromBlock, toBlock }] = params as [{ fromBlock: string; toBlock: string }]
          asked.push(`${Number(fromBlock)} ${Number(toBlock)}`)
        }
        return rpc(method, params)
      },
    })
    const head = async () => Number(await node().rpc('eth_blockNumber', []))
    await node().rpc('anvil_mine', ['0x64'])
    const first = await head()
    await ledger.allocation(escrow().id)
    await node().rpc('anvil_mine', ['0x5'])
    await ledger.allocation(escrow().id)
    expect(asked).toEqual([
      ...[`0 ${first - 64}`, `${first - 63} ${first}`],
      ...[`${first - 63} ${first - 59}`, `${first - 58} ${first + 5}`],
    ])
    expect(ledger.firstPosition(escrow().id)).toBe(9)
  })
})
