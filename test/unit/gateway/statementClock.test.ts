/** A statement that a gateway made while its clock was ahead. */
import { expect, test } from 'vitest'
import type { ChannelReport } from '../../../gateway/reports.ts'
import { openScene } from '../../support/gatewayScene.ts'
import { testConfig } from '../../support/virtualGateway.ts'

const periodMs = 601_000
const aheadMs = 5 * 86_400_000

test('(!) a statement of a clock that was days ahead ends when the clock is right', async () => {
  const settlement = { periodSeconds: 600, minimumAmount: 0n, expiryMarginSeconds: 172_800 }
  const scene = await openScene(testConfig({ settlement: { ...settlement, cosignSeconds: 120 } }))
  const device = await scene.device('ev-1')
  const first = await device.commit({ length: 1_000 })
  await device.tick(first, 7)
  const { time } = scene.world
  time.jumpWall(aheadMs)
  await time.advance(periodMs)
  expect(await scene.call('statement', { fleet: 'acme' })).toMatchObject({ state: 'waiting' })
  time.jumpWall(-aheadMs)
  await time.advance(periodMs)
  const [channel] = (await scene.call('channels')) as readonly ChannelReport[]
  expect(channel?.settled).toBe('2100')
})
