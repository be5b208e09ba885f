/** Settlement: when, what, and that nothing is paid twice or stuck. */
import { describe, expect, test } from 'vitest'
import type { ChannelReport } from '../../../gateway/reports.ts'
import type { EmbeddedLedger } from '../../../ledger/embedded/embeddedLedger.ts'
import type { Claim } from '../../../ledger/ledger.ts'
import { present } from '../../../protocol/assert.ts'
import type { Scene } from '../../support/gatewayScene.ts'
import { checkpointOf, openScene, putMandate, renewalOf } from '../../support/gatewayScene.ts'
import { testConfig } from '../../support/virtualGateway.ts'

const hourMs = 3_600_000
const dayMs = 24 * hourMs
const reports = async (scene: Scene) => (await scene.call('channels')) as readonly ChannelReport[]
const settled = async (scene: Scene) => (await reports(scene)).map((one) => one.settled)
const errors = ({ world }: Scene) => world.logs.filter((line) => line.startsWith('error'))

/** A ledger whose `submit` a test takes into its own hands. */
function tampered(
  submit: (
    real: EmbeddedLedger,
    ...rest: Parameters<EmbeddedLedger['submit']>
  ) => ReturnType<EmbeddedLedger['submit']>,
) {
  return {
    wrapLedger: (real: EmbeddedLedger): EmbeddedLedger => ({
      ...real,
      submit: (claims, key) => submit(real, claims, key),
    }),
  }
}

describe('settlement', () => {
  test('comes with its period, pays differences, and the fee is a share of the total', async () => {
    const scene = await openScene()
    const device = await scene.device('ev-1')
    const first = await device.commit({ length: 1_000 })
    await device.tick(first, 7)
    await scene.world.time.advance(601_000)
    expect(await settled(scene)).toEqual(['2100'])
    await device.tick(first, 9)
    await scene.world.time.advance(600_000)
    expect(await settled(scene)).toEqual(['2700'])
    await scene.world.time.advance(600_000)
    expect(await scene.call('status')).toMatchObject({
      settlements: 2,
      settled: '2700',
      unsettled: '0',
      ledgerSum: '0',
    })
    const { balances } = (await scene.call('ledger_balance')) as { balances: unknown }
    expect(JSON.stringify(balances)).toContain('"27"')
    expect(scene.world.ledger.audit()).toEqual([])
  })

  test('a final account follows the close at once', async () => {
    const scene = await openScene()
    const device = await scene.device('ev-1')
    await device.tick(await device.commit(), 60)
    const meter = { fleet: 'acme', device: 'ev-1', meter: 'meter-0' }
    expect(await scene.call('channel_close', meter)).toMatchObject({
      state: 'closed',
      paid: '18000',
      settled: '18000',
      exposure: '0',
      reserved: '0',
    })
    await expect(scene.call('channel_close', meter)).rejects.toThrow('no open channel')
  })

  test('little waits for its minimum, unless its claims run out', async () => {
    const settlement = { periodSeconds: 600, minimumAmount: 9_000n, expiryMarginSeconds: 172_800 }
    const scene = await openScene(testConfig({ settlement }))
    const device = await scene.device('ev-1')
    const first = await device.commit()
    await device.tick(first, 29)
    await scene.world.time.advance(601_000)
    expect(await settled(scene)).toEqual(['0'])
    await device.tick(first, 30)
    await scene.world.time.advance(600_000)
    expect(await settled(scene)).toEqual(['9000'])
    await device.tick(first, 31)
    scene.world.time.jumpWall(6 * dayMs - hourMs)
    await scene.world.time.advance(601_000)
    expect(await settled(scene)).toEqual(['9000'])
    scene.world.time.jumpWall(hourMs)
    await scene.world.time.advance(601_000)
    expect(await settled(scene)).toEqual(['9300'])
  })

  test('all channels that are due share one submission', async () => {
    const sizes: number[] = []
    const scene = await openScene(
      undefined,
      tampered((real, claims, key) => {
        sizes.push(claims.length)
        return real.submit(claims, key)
      }),
    )
    for (const name of ['ev-1', 'ev-2', 'ev-3']) {
      const device = await scene.device(name)
      await device.tick(await device.commit(), 1)
    }
    expect(await scene.call('settle')).toEqual({ channels: 3, paid: '900', refused: 0 })
    expect(sizes).toEqual([3])
  })
})

describe('what goes wrong', () => {
  const spoil = (claim: Claim): Claim => ({ ...claim, word: new Uint8Array(32) })

  test('a poisoned item is put aside until its channel moves, and the rest settles', async () => {
    let poisoned = true
    const scene = await openScene(
      undefined,
      tampered((real, claims, key) => {
        const bad = (claim: Claim) => poisoned && claim.channel.position === 0
        return real.submit(
          claims.map((one) => (bad(one) ? spoil(one) : one)),
          key,
        )
      }),
    )
    const [one, two] = [await scene.device('ev-1'), await scene.device('ev-2')]
    const [first, second] = [await one.commit(), await two.commit()]
    await one.tick(first, 10)
    await two.tick(second, 20)
    expect(await scene.call('settle')).toEqual({ channels: 2, paid: '6000', refused: 1 })
    expect(errors(scene)).toMatchObject([expect.stringContaining('"reason":"bad_word"')])
    expect(await scene.call('settle')).toEqual({ channels: 0, paid: '0', refused: 0 })
    expect(await scene.call('status')).toMatchObject({ quarantined: 1 })
    poisoned = false
    await one.tick(first, 11)
    expect(await scene.call('settle')).toEqual({ channels: 1, paid: '3300', refused: 0 })
    expect(await scene.call('status')).toMatchObject({ quarantined: 0, unsettled: '0' })
  })

  test.each(['before', 'after'] as const)(
    'a crash %s the payment: submitted again under its key, and paid once',
    async (moment) => {
      const keys: string[] = []
      let hang = true
      const scene = await openScene(
        undefined,
        tampered(async (real, claims, key) => {
          keys.push(key)
          if (hang && moment === 'before') return new Promise(() => {})
          const results = await real.submit(claims, key)
          return hang ? new Promise(() => {}) : results
        }),
      )
      const device = await scene.device('ev-1')
      const first = await device.commit()
      await device.tick(first, 10)
      void scene.world.gateway.call('settle', {})
      await scene.round()
      expect(await settled(scene)).toEqual(['0'])
      await device.tick(first, 30)
      hang = false
      await scene.world.crash()
      await scene.world.restart()
      await scene.round()
      // The old submission first, under its key; then what has come since.
      expect(keys).toHaveLength(3)
      expect(keys[1]).toBe(keys[0])
      expect(keys[2]).not.toBe(keys[0])
      expect(await settled(scene)).toEqual(['9000'])
      const { id } = present(scene.world.gateway.core.state.allocations[0], 'an allocation')
      expect((await scene.world.ledger.allocation(id))?.paid).toBe(9_000n)
      expect(scene.world.ledger.audit()).toEqual([])
    },
  )

  test('a ledger that is away is asked again next period, and ticking goes on', async () => {
    let away = true
    const scene = await openScene(
      undefined,
      tampered((real, claims, key) => {
        if (away) return Promise.reject(new Error('connection lost'))
        return real.submit(claims, key)
      }),
    )
    const device = await scene.device('ev-1')
    const first = await device.commit()
    await device.tick(first, 10)
    await scene.world.time.advance(601_000)
    expect(errors(scene)).toMatchObject([expect.stringContaining('connection lost')])
    await device.tick(first, 11)
    expect(device.lastAck()).toMatchObject({ index: 11, supply: { level: 'on' } })
    away = false
    await scene.world.time.advance(600_000)
    expect(await settled(scene)).toEqual(['3300'])
  })

  test('no_funds is tried again, for money may come', async () => {
    let empty = true
    const scene = await openScene(
      undefined,
      tampered(async (real, claims, key) => {
        const results = empty ? [] : await real.submit(claims, key)
        if (!empty) return results
        const channelId = new Uint8Array(32)
        return claims.map(() => ({
          channelId,
          status: 'refused',
          reason: 'no_funds',
          paid: 0n,
          cumulative: 0n,
        }))
      }),
    )
    const device = await scene.device('ev-1')
    await device.tick(await device.commit(), 10)
    expect(await scene.call('settle')).toEqual({ channels: 1, paid: '0', refused: 1 })
    empty = false
    await scene.world.time.advance(601_000)
    expect(await settled(scene)).toEqual(['3000'])
  })
})

describe('(!) a fleet cannot take back what it has allowed', () => {
  async function paying(limit = 300_000n) {
    const scene = await openScene()
    const device = await scene.device('ev-1', { mandate: { limit } })
    const first = await device.commit({ length: 100 })
    await device.tick(first, 50)
    const channelId = present(device.channelIds[0], 'an id')
    return { scene, device, first, channelId }
  }

  test('a lower limit ends supply, and what is accepted still settles', async () => {
    const { scene, device, first, channelId } = await paying()
    await putMandate(scene, channelId, { sequence: 2, limit: 1n })
    await device.tick(first, 70)
    expect(device.lastAck()).toMatchObject({ index: 70, supply: { reason: 'over_limit' } })
    expect(await scene.call('settle')).toEqual({ channels: 1, paid: '21000', refused: 0 })
    await putMandate(scene, channelId, { sequence: 3, limit: 2n })
    await putMandate(scene, channelId, { sequence: 4, limit: 300n * 80n })
    await scene.world.crash()
    await scene.world.restart()
    await device.reconnect()
    await device.tick(first, 100)
    expect(await scene.call('settle')).toEqual({ channels: 1, paid: '9000', refused: 0 })
  })

  test('a shorter claim window does not shorten the one that was given', async () => {
    const { scene, device, first, channelId } = await paying()
    const soon = scene.nowSeconds() + 60
    const change = { sequence: 2, expiry: soon, claimUntil: soon + 172_800 }
    expect(await putMandate(scene, channelId, change)).toMatchObject([{ status: 'accepted' }])
    scene.world.time.jumpWall(3 * dayMs)
    await device.reconnect()
    await device.tick(first, 60)
    expect(device.lastReject()).toMatchObject({ reason: 'expired' })
    expect(await scene.call('settle')).toEqual({ channels: 1, paid: '15000', refused: 0 })
  })

  test('a window in which nobody could settle is refused', async () => {
    const { scene, channelId } = await paying()
    const expiry = scene.nowSeconds() + 3_600
    const change = { sequence: 2, expiry, claimUntil: expiry + 172_799 }
    expect(await putMandate(scene, channelId, change)).toMatchObject([{ status: 'bad_window' }])
  })

  test('what ran out is settled when a new mandate comes', async () => {
    const { scene, device, first, channelId } = await paying()
    scene.world.time.jumpWall(9 * dayMs)
    expect(await scene.call('settle')).toMatchObject({ paid: '0', refused: 1 })
    expect(await scene.call('settle')).toMatchObject({ channels: 0 })
    await putMandate(scene, channelId, { sequence: 2 })
    expect(await scene.call('settle')).toMatchObject({ paid: '15000', refused: 0 })
    await device.reconnect()
    await device.commit(checkpointOf(first, 50))
  })

  test('a renewal under the new mandate needs no cover any more', async () => {
    const { scene, device, first, channelId } = await paying()
    await putMandate(scene, channelId, { sequence: 2, limit: 300n * 90n })
    expect(scene.world.gateway.core.state.cold.cover(0)?.value.sequence).toBe(1)
    await putMandate(scene, channelId, { sequence: 3, limit: 300n * 900n })
    expect(scene.world.gateway.core.state.cold.cover(0)).toBeUndefined()
    const next = await device.commit(renewalOf(first, { length: 800 }))
    await device.tick(next, 700)
    expect(await scene.call('settle')).toMatchObject({ paid: String(300 * 800), refused: 0 })
  })
})
