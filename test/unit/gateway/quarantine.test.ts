/** What the ledger cannot pay is put aside; the rest settles, and the operator brings it back. */
import { expect, test } from 'vitest'
import { LEDGER_FAILED } from '../../../gateway/settle/policy.ts'
import type { EmbeddedLedger } from '../../../ledger/embedded/embeddedLedger.ts'
import { OperatorError } from '../../../ports/operatorError.ts'
import type { Scene } from '../../support/gatewayScene.ts'
import { openScene } from '../../support/gatewayScene.ts'
import { testConfig } from '../../support/virtualGateway.ts'

type Failing = { poisoned: number | undefined; away: boolean; calls: number }

/** A ledger that fails as a whole on any submission with the claim at this position. */
async function failingScene(count: number) {
  const failing: Failing = { poisoned: 2, away: false, calls: 0 }
  const wrapLedger = (real: EmbeddedLedger): EmbeddedLedger => ({
    ...real,
    submit: (claims, key) => {
      failing.calls += 1
      if (failing.away) return Promise.reject(new OperatorError('the ledger is away'))
      const isPoisoned = claims.some(({ channel }) => channel.position === failing.poisoned)
      return isPoisoned ? Promise.reject(new Error('overflow')) : real.submit(claims, key)
    },
  })
  const scene = await openScene(undefined, { wrapLedger })
  for (let number = 0; number < count; number++) {
    const device = await scene.device(`ev-${number}`)
    await device.tick(await device.commit(), 10)
  }
  return { scene, failing }
}

type Put = { readonly quarantined: number; readonly quarantine: readonly unknown[] }
const statusOf = async (scene: Scene) => (await scene.call('status')) as Put

test('(!) a claim that a ledger fails on is found by halves, and all others are paid', async () => {
  const { scene, failing } = await failingScene(7)
  expect(await scene.call('settle')).toEqual({ channels: 7, paid: '18000', refused: 1 })
  expect(failing.calls).toBeLessThanOrEqual(7)
  expect(await statusOf(scene)).toMatchObject({
    quarantined: 1,
    quarantine: [
      {
        channel: 'acme/ev-2/meter-0',
        exposure: '3000',
        reason: LEDGER_FAILED,
        advice: expect.stringContaining('see the log'),
      },
    ],
  })
  failing.poisoned = undefined
  await scene.world.time.advance(601_000)
  expect(await statusOf(scene)).toMatchObject({ quarantined: 0, quarantine: [] })
  expect(scene.world.ledger.audit()).toEqual([])
})

test('a ledger that is away puts nothing aside, and is tried again before the period', async () => {
  const { scene, failing } = await failingScene(3)
  failing.away = true
  await scene.world.time.advance(601_000)
  expect(await statusOf(scene)).toMatchObject({ quarantined: 0, settled: '0' })
  failing.away = false
  failing.poisoned = undefined
  await scene.world.time.advance(31_000)
  expect(await statusOf(scene)).toMatchObject({ unsettled: '0', settled: '9000' })
})

test('(!) what was refused for good stays aside until the operator shows it again', async () => {
  let isSpoilt = true
  const wrapLedger = (real: EmbeddedLedger): EmbeddedLedger => ({
    ...real,
    submit: (claims, key) => {
      const spoil = isSpoilt ? { word: new Uint8Array(32) } : {}
      const shown = claims.map((one) => ({ ...one, ...spoil }))
      return real.submit(shown, key)
    },
  })
  const scene = await openScene(undefined, { wrapLedger })
  const device = await scene.device('ev-1')
  await device.tick(await device.commit(), 10)
  expect(await scene.call('settle')).toMatchObject({ refused: 1 })
  isSpoilt = false
  await scene.world.time.advance(1_801_000)
  expect(await statusOf(scene)).toMatchObject({ quarantined: 1 })
  await expect(scene.call('settle', { retry: 'acme/ev-1/other' })).rejects.toThrow('not in quar')
  const name = { retry: 'acme/ev-1/meter-0' }
  expect(await scene.call('settle', name)).toEqual({ channels: 1, paid: '3000', refused: 0 })
  expect(await statusOf(scene)).toMatchObject({ quarantined: 0, unsettled: '0' })
  await expect(scene.call('settle', name)).rejects.toThrow('not in quar')
})

test('little that is old is settled, and much does not wait for its period', async () => {
  const settlement = { periodSeconds: 3_600, minimumAmount: 9_000n, expiryMarginSeconds: 172_800 }
  const aged = testConfig({ settlement: { ...settlement, ageSeconds: 14_400 } })
  const scene = await openScene(aged)
  const device = await scene.device('ev-1')
  const first = await device.commit()
  // Begins at six; everything is settled with the first run, and at eight, at noon and so on.
  await scene.world.time.advance(2 * 3_600_000 + 1_000)
  await device.tick(first, 10)
  await scene.world.time.advance(3 * 3_600_000)
  expect(await statusOf(scene)).toMatchObject({ unsettled: '3000' })
  await scene.world.time.advance(3_600_000)
  expect(await statusOf(scene)).toMatchObject({ unsettled: '0' })
  await scene.world.crash()
  await scene.world.restart(testConfig({ settlement: { ...settlement, exposureMax: 15_000n } }))
  await device.reconnect()
  await device.tick(first, 59)
  await scene.world.time.advance(61_000)
  expect(await statusOf(scene)).toMatchObject({ unsettled: '14700' })
  await device.tick(first, 60)
  await scene.world.time.advance(61_000)
  expect(await statusOf(scene)).toMatchObject({ unsettled: '0' })
})
