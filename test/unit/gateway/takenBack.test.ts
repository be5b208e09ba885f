/** (!) T61: what a ledger takes back is owed again, and the books equal it in the end. */
import { describe, expect, test } from 'vitest'
import { present } from '../../../protocol/assert.ts'
import { chainLedger } from '../../support/chainLedger.ts'
import type { Scene } from '../../support/gatewayScene.ts'
import { openScene } from '../../support/gatewayScene.ts'
import { cosign, owingOnChain, periodMs, settled } from '../../support/statementScene.ts'

const minuteMs = 60_000

async function expectEqualBooks(scene: Scene, amounts: readonly bigint[]): Promise<void> {
  expect(await settled(scene)).toEqual(amounts.map(String))
  const [state] = await scene.world.ledger.allocations()
  expect(state?.paid).toBe(amounts.reduce((sum, one) => sum + one, 0n))
  expect(scene.world.ledger.audit()).toEqual([])
  expect(scene.world.fatal).toEqual([])
}

describe('T61: a chain that is rearranged', () => {
  test('(!) 1 to 64 blocks deep: the books equal the canonical chain each time', async () => {
    let scene: Scene | undefined
    const chain = chainLedger(() => present(scene, 'a scene').world.ledgerStore)
    scene = await openScene(undefined, chain)
    const device = await scene.device('ev-1')
    const first = await device.commit({ length: 1_000 })
    for (let index = 1; index <= 65; index++) {
      await device.tick(first, index)
      await scene.call('settle')
    }
    expect(chain.height()).toBe(65)
    for (let depth = 1; depth <= 64; depth++) {
      const before = await chain.reorganise(Math.min(depth, chain.height()))
      expect(before.paid).toBeLessThan(65n * 300n)
      await scene.world.time.advance(2_000)
      await expectEqualBooks(scene, [65n * 300n])
      // Blocks to take back next time.
      while (chain.height() <= depth) await chainOf(scene, chain.height())
    }
    const lines = scene.world.logs.filter((line) => line.includes('taken payments back'))
    expect(lines).toHaveLength(64)
  })

  test('(!) with a statement: the one before is in force again, and nothing is lost', async () => {
    const { scene, chain, ...owing } = await owingOnChain()
    await scene.world.time.advance(periodMs)
    await cosign(scene)
    await owing.one.tick(owing.first, 9)
    await scene.world.time.advance(periodMs)
    await cosign(scene)
    await expectEqualBooks(scene, [2_700n, 600n])
    // The second statement is gone, the first one is in force: a claim has to show its leaf of it.
    const state = await chain.reorganise(1)
    expect(state).toMatchObject({ statementSequence: 1, paid: 2_700n })
    await scene.world.time.advance(2_000)
    await expectEqualBooks(scene, [2_700n, 600n])
    // Now both: everything is paid by evidence, and the next statement follows.
    await chain.reorganise(chain.height())
    await scene.world.time.advance(2_000)
    await expectEqualBooks(scene, [2_700n, 600n])
    await owing.two.tick(owing.second, 5)
    await scene.world.time.advance(periodMs)
    expect(await cosign(scene)).toMatchObject({ status: 'paid' })
    await expectEqualBooks(scene, [2_700n, 1_500n])
  })

  test('while the gateway is away is found out at its next start', async () => {
    const { scene, chain } = await owingOnChain()
    await scene.world.time.advance(periodMs)
    await cosign(scene)
    await scene.world.crash()
    await chain.reorganise(1)
    await scene.world.restart()
    await scene.world.time.advance(minuteMs)
    await expectEqualBooks(scene, [2_100n, 600n])
  })
})

/** A block in which nothing happens: the same evidence shown again. */
async function chainOf({ world, during }: Scene, number: number): Promise<void> {
  await during(world.ledger.submit([], `empty-${number}`))
}
