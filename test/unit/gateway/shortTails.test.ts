/** Where steps of a tail cost money, a checkpoint is asked for first, and never waited for long. */
import { describe, expect, test } from 'vitest'
import { CHECKPOINT_WAIT_MS } from '../../../gateway/settle/checkpoints.ts'
import { hasDearTail } from '../../../gateway/settle/policy.ts'
import type { EmbeddedLedger } from '../../../ledger/embedded/embeddedLedger.ts'
import { checkpointOf, openScene } from '../../support/gatewayScene.ts'

const CHEAP_TAIL = 2

/** A ledger that charges for steps beyond two, and what it was shown. */
async function dearScene(options: { readonly cheapTail?: number } = { cheapTail: CHEAP_TAIL }) {
  const tails: number[] = []
  const wrapLedger = (real: EmbeddedLedger): EmbeddedLedger => ({
    ...real,
    ...options,
    submit: (claims, key) => {
      tails.push(...claims.map(({ index }) => index))
      return real.submit(claims, key)
    },
  })
  const scene = await openScene(undefined, { wrapLedger })
  const device = await scene.device('ev-1')
  const committed = await device.commit()
  return { scene, device, committed, tails }
}

type DearScene = Awaited<ReturnType<typeof dearScene>>
const settling = ({ scene }: DearScene) => scene.world.gateway.call('settle', {})

describe('before evidence is shown to a ledger that charges for steps', () => {
  test('(!) a device with a longer tail is asked, and its checkpoint is shown', async () => {
    const dear = await dearScene()
    const { scene, device, committed, tails } = dear
    await device.tick(committed, 10)
    const settled = settling(dear)
    await scene.round()
    expect(device.lastReject()).toMatchObject({ reason: 'needs_checkpoint', held: { index: 10 } })
    await device.commit(checkpointOf(committed, 10))
    await scene.world.time.advance(200)
    expect(await settled).toEqual({ channels: 1, paid: '3000', refused: 0 })
    expect(tails).toEqual([0])
    expect(scene.world.ledger.audit()).toEqual([])
  })

  test('(!) one that does not answer is settled as it is, a moment later', async () => {
    const dear = await dearScene()
    const { scene, device, committed, tails } = dear
    await device.tick(committed, 10)
    const settled = settling(dear)
    await scene.world.time.advance(CHECKPOINT_WAIT_MS - 200)
    expect(tails).toEqual([])
    await scene.world.time.advance(400)
    expect(await settled).toEqual({ channels: 1, paid: '3000', refused: 0 })
    expect(tails).toEqual([10])
  })

  test.each([
    ['whose tail is short', CHEAP_TAIL, 'stays'],
    ['that has gone', 10, 'leaves'],
  ] as const)('one %s is not waited for', async (_, index, then) => {
    const dear = await dearScene()
    const { scene, device, committed, tails } = dear
    await device.tick(committed, index)
    if (then === 'leaves') await scene.during(device.client.transport.close())
    expect(await scene.during(settling(dear))).toMatchObject({ channels: 1 })
    expect(tails).toEqual([index])
    expect(device.lastReject()).toBeUndefined()
  })

  test('a ledger that does not charge has nobody asked', async () => {
    const dear = await dearScene({})
    const { scene, device, committed, tails } = dear
    await device.tick(committed, 10)
    expect(await scene.during(settling(dear))).toMatchObject({ channels: 1 })
    expect([tails, device.lastReject()]).toEqual([[10], undefined])
  })

  test('a tail is dear only beyond what the ledger names', () => {
    expect([0, 2, 3].map((steps) => hasDearTail(steps, 2))).toEqual([false, false, true])
    expect(hasDearTail(4_096, undefined)).toBe(false)
  })
})
