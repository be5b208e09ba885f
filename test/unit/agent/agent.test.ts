/** The whole agent on virtual time, against the real gateway and simulated meters. */
import { afterEach, describe, expect, test } from 'vitest'
import { parseHex } from '../../../protocol/bytes.ts'
import type { MemoryDisk } from '../../support/memoryDisk.ts'
import {
  enrolTestDevice,
  START_SECONDS,
  signedMandate,
  testTariff,
} from '../../support/virtualGateway.ts'
import type { Site, SiteOptions } from './support/site.ts'
import { booksOf, deviceKey, startSite } from './support/site.ts'

let site: Site
afterEach(() => {
  expect(site.world.fatal).toEqual([])
})

async function started(options?: SiteOptions): Promise<Site> {
  site = await startSite(options)
  return site
}

const main = () => {
  const [meter] = site.agent.status().meters
  if (!meter) throw new Error('one meter is configured')
  return meter
}

const refused = async () =>
  ((await site.world.gateway.call('status', {})) as { refused: Record<string, number> }).refused

describe('an agent', () => {
  test('opens its channel, lets the meter supply, and pays what flows', async () => {
    const { world } = await started()
    await world.time.advance(60_000)
    expect(main()).toMatchObject({ state: 'reading', supply: 'on', epoch: 1, problem: null })
    expect(site.meters[0]?.relayClosed()).toBe(true)
    await site.close()
    const books = await booksOf(site)
    expect(books.units).toBeGreaterThan(500n)
    expect(books.unitsUnpaid).toBe(0n)
    expect(books.units).toBe(books.unitsPaid + books.remainder)
    expect(await refused()).toEqual({})
    expect(site.errors).toEqual([])
  })

  test('tells people what its meters read, now and then', async () => {
    const { world } = await started()
    await world.time.advance(95_000)
    expect(world.broker.sent.get('reading')).toBe(3)
  })

  test('counts its signatures by kind', async () => {
    const { world } = await started()
    await world.time.advance(60_000)
    expect(site.agent.status().signatures).toEqual({
      commitments: { opened: 1, renewals: 0, checkpoints: 0 },
      connects: 1,
    })
  })

  test('says so in its retained state, and that it is offline when it is', async () => {
    const { world } = await started()
    await world.time.advance(30_000)
    const topic = 'tickpay/1/acme/ev-1/state'
    const state = () => JSON.parse(new TextDecoder().decode(world.broker.retained.get(topic)))
    expect(state()).toMatchObject({
      device: 'ev-1',
      connection: 'online',
      meters: [{ meter: 'meter-0', state: 'reading', supply: 'on' }],
    })
    expect(world.broker.sent.get('state')).toBeLessThanOrEqual(4)
    await site.close()
    expect(state()).toEqual({ device: 'ev-1', version: '0.0.0', connection: 'offline' })
  })

  test('sends the ticks of all meters in one message', async () => {
    const { world } = await started({ meters: [{}, {}, {}, {}] })
    await world.time.advance(120_000)
    await site.close()
    for (const place of [0, 1, 2, 3]) {
      const books = await booksOf(site, place)
      expect(books.units).toBe(books.unitsPaid + books.remainder)
      expect(books.units).toBeGreaterThan(1_000n)
    }
    const accepted = (await world.gateway.call('status', {})) as { accepted: number }
    expect(world.broker.sent.get('tick')).toBeLessThan(accepted.accepted)
  })

  test('renews as soon as the fleet allows more, and ticking never pauses', async () => {
    const { world } = await started({ mandate: { limit: 30_000n } })
    await world.time.advance(90_000)
    expect(main()).toMatchObject({ epoch: 1, length: 100 })
    expect(main().commitments.renewals).toBe(0)
    const [channelId] = site.channelIds
    if (!channelId) throw new Error('one channel is enrolled')
    const mandates = [signedMandate(world, channelId, { sequence: 2, limit: 90_000n })]
    await world.gateway.call('mandate_put', { mandates })
    await world.time.advance(60_000)
    expect(main()).toMatchObject({ epoch: 2, length: 200, supply: 'on' })
    await site.close()
    expect(main().commitments).toEqual({ opened: 1, renewals: 1, checkpoints: 0 })
    const books = await booksOf(site)
    expect(books.units).toBe(books.unitsPaid + books.remainder)
    expect(books.units).toBeGreaterThan(1_300n)
  })

  test('moves to a new price at its time, and supply goes on', async () => {
    const at = START_SECONDS + 60
    const tariffs = [
      testTariff({ validUntil: at }),
      testTariff({ validFrom: at, pricePerTick: 700n }),
    ]
    const { world } = await started({ gateway: { tariffs } })
    await world.time.advance(120_000)
    expect(main()).toMatchObject({ epoch: 2, supply: 'on' })
    await site.close()
    expect(main().commitments).toEqual({ opened: 1, renewals: 0, checkpoints: 1 })
    expect(await refused()).toEqual({})
    const books = await booksOf(site)
    expect(books.units).toBe(books.unitsPaid + books.remainder)
    expect(books.units).toBeGreaterThan(1_000n)
  })
})

describe('while the gateway is away', () => {
  test('supply ends at the credit window, and the gap is paid with one message', async () => {
    const { world } = await started()
    await world.time.advance(30_000)
    const before = await booksOf(site)
    const ticksBefore = world.broker.sent.get('tick') ?? 0
    await world.crash()
    await world.time.advance(60_000)
    const register = site.meters[0]?.register() ?? 0n
    expect(site.meters[0]?.relayClosed()).toBe(false)
    expect(main()).toMatchObject({ supply: 'off', supplyReason: 'credit_used' })
    expect(site.agent.status().connection).not.toBe('online')
    expect(register - 1_000n - before.unitsPaid).toBeLessThanOrEqual(160n + 10n)
    await world.restart()
    const untilBack = async () => {
      for (let i = 0; i < 700 && site.agent.status().connection !== 'online'; i++) {
        await world.time.advance(100)
      }
    }
    await untilBack()
    await world.time.advance(200)
    expect(world.broker.sent.get('tick')).toBe(ticksBefore + 1)
    expect((await booksOf(site)).unitsUnpaid).toBe(0n)
    await world.time.advance(2_000)
    expect(site.meters[0]?.relayClosed()).toBe(true)
    expect(main().commitments).toEqual({ opened: 1, renewals: 0, checkpoints: 0 })
  })

  test('a gap beyond a jump is paid with one checkpoint', async () => {
    const { world } = await started({
      gateway: { tariffs: [testTariff({ unitsPerTick: 1n, creditTicks: 2_000 })] },
      meters: [{ ratePerHour: 180_000 }],
    })
    await world.time.advance(20_000)
    await world.crash()
    await world.time.advance(60_000)
    expect(main().supplyReason).toBe('credit_used')
    await world.restart()
    await world.time.advance(70_000)
    expect(main().supply).toBe('on')
    expect(main().commitments).toEqual({ opened: 1, renewals: 0, checkpoints: 1 })
    await site.close()
    const books = await booksOf(site)
    expect(books.units).toBe(books.unitsPaid)
    expect(await refused()).toEqual({})
  })

  test('it never gives up, and comes back within a minute and a bit', async () => {
    const { world } = await started()
    await world.time.advance(10_000)
    await world.crash()
    await world.time.advance(3_600_000)
    expect(site.agent.status().connectionReason).toMatch(/refused/)
    await world.restart()
    await world.time.advance(62_000)
    expect(site.agent.status().connection).toBe('online')
  })
})

describe('crashes', () => {
  test('a forgetful agent resumes from the proof: nothing is lost or paid twice', async () => {
    const { world } = await started()
    for (let i = 0; i < 10; i++) {
      await world.time.advance(7_000 + 1_300 * i)
      site.crash()
      await world.time.advance(500 + 900 * i)
      await site.start()
    }
    await world.time.advance(30_000)
    await site.close()
    const books = await booksOf(site)
    expect(books.units).toBe(books.unitsPaid + books.remainder)
    expect(books.unitsUnpaid).toBe(0n)
    expect(await refused()).toEqual({})
    expect(main().commitments).toEqual({ opened: 0, renewals: 0, checkpoints: 0 })
  })

  test('a dead agent ends supply within five seconds', async () => {
    const { world } = await started()
    await world.time.advance(20_000)
    site.crash()
    await world.time.advance(5_100)
    expect(site.meters[0]?.relayClosed()).toBe(false)
  })

  test('a meter that goes away and comes back is paid in full', async () => {
    const { world } = await started()
    await world.time.advance(20_000)
    await site.meters[0]?.command({ kind: 'unplug', forMs: 30_000 })
    await world.time.advance(10_000)
    expect(main()).toMatchObject({ state: 'away' })
    await world.time.advance(60_000)
    expect(main()).toMatchObject({ state: 'reading', supply: 'on' })
    await site.close()
    const books = await booksOf(site)
    expect(books.units).toBe(books.unitsPaid + books.remainder)
  })
})

describe('a wrong clock', () => {
  test.each([
    ['behind', -50 * 365 * 86_400_000],
    ['ahead', 3 * 86_400_000],
  ])('%s: the gateway signs the time, and the device connects again', async (_name, errorMs) => {
    const { world } = await started()
    await world.time.advance(5_000)
    site.crash()
    site.clockErrorMs = errorMs
    await site.start()
    await world.time.advance(10_000)
    expect(site.agent.status().connection).toBe('online')
    expect(site.agent.status().signatures.connects).toBe(2)
    expect(
      Math.abs(site.agent.status().timeSeconds - world.time.clock.nowMs() / 1_000),
    ).toBeLessThan(2)
    await world.time.advance(30_000)
    expect(main().supply).toBe('on')
    site.clockErrorMs = 0
    await world.time.advance(30_000)
    await site.close()
    const books = await booksOf(site)
    expect(books.units).toBe(books.unitsPaid + books.remainder)
  })
})

test('a gateway whose clock is corrected takes its devices along', async () => {
  const { world } = await started()
  site.crash()
  site.clockErrorMs = -50 * 365 * 86_400_000
  await site.start()
  await world.time.advance(10_000)
  world.time.jumpWall(3_600_000)
  await world.time.advance(200_000)
  const { connection, timeSeconds } = site.agent.status()
  expect(connection).toBe('online')
  expect(Math.abs(timeSeconds - world.time.clock.nowMs() / 1_000)).toBeLessThan(2)
  expect(main().supply).toBe('on')
})

describe('own limits', () => {
  test('an hour is an hour, also in a crash loop', async () => {
    const limits = { amountPerHour: 30_000 }
    const { world } = await started({ meterConfig: { limits } })
    for (let i = 0; i < 12; i++) {
      await world.time.advance(90_000)
      site.crash()
      await world.time.advance(2_000)
      await site.start()
    }
    await world.time.advance(10_000)
    expect((await booksOf(site)).unitsPaid).toBe(1_000n)
    expect(main()).toMatchObject({ supply: 'off', supplyReason: 'own_hour_limit' })
    await world.time.advance(3_600_000)
    expect((await booksOf(site)).unitsPaid).toBe(2_000n)
  })

  test('a disk that takes nothing stops what could not be counted, until it does', async () => {
    const limits = { amountPerDay: 1_000_000 }
    const prepare = (disk: MemoryDisk) =>
      disk.fail({ operation: 'replace', code: 'ENOSPC', times: 3 })
    const { disk, world } = await started({ meterConfig: { limits }, prepare })
    await world.time.advance(20_000)
    expect(main()).toMatchObject({ supplyReason: 'own_limit_unproven', problem: /ENOSPC/ })
    await world.time.advance(180_000)
    expect(main()).toMatchObject({ supply: 'on', problem: null })
    const writes = disk.calls.replace
    await world.time.advance(1_800_000)
    expect(disk.calls.replace).toBeLessThanOrEqual(writes + 1)
  })

  test('a disk that takes nothing is no matter where there are no limits', async () => {
    const prepare = (disk: MemoryDisk) =>
      disk.fail({ operation: 'replace', code: 'EROFS', times: 1_000 })
    const { world } = await started({ prepare })
    await world.time.advance(20_000)
    expect(main()).toMatchObject({ supply: 'on', problem: /EROFS/ })
  })

  test('a price above the ceiling is not accepted', async () => {
    const limits = { pricePerTickMax: 299 }
    const { world } = await started({ meterConfig: { limits } })
    await world.time.advance(20_000)
    expect(main()).toMatchObject({ supply: 'off', supplyReason: 'own_price_limit', epoch: 0 })
  })
})

describe('what is not as it should be', () => {
  test('a meter that is not enrolled waits', async () => {
    const { world } = await started({ meters: [{}, {}], enrolled: ['meter-0'] })
    await world.time.advance(20_000)
    const [first, second] = site.agent.status().meters
    expect(first?.supply).toBe('on')
    expect(second).toMatchObject({ supply: 'off', supplyReason: 'no_channel', state: 'reading' })
  })

  test('a meter that is enrolled later begins at once, with its price', async () => {
    const tariffs = [testTariff(), testTariff({ unit: 'mL' })]
    const { world } = await started({
      gateway: { tariffs },
      meters: [{}, { unit: 'mL' }],
      enrolled: ['meter-0'],
      units: ['Wh', 'mL'],
    })
    await world.time.advance(20_000)
    const second = () => site.agent.status().meters[1]
    expect(second()).toMatchObject({ supplyReason: 'no_channel' })
    const both = [
      { meter: 'meter-0', unit: 'Wh' },
      { meter: 'meter-1', unit: 'mL' },
    ]
    await enrolTestDevice(world, 'ev-1', deviceKey, both)
    await world.time.advance(6_000)
    expect(second()).toMatchObject({ supply: 'on', epoch: 1 })
  })

  test('a meter whose channel was replaced goes on in the new one', async () => {
    const { world } = await started()
    await world.time.advance(20_000)
    const before = await booksOf(site)
    const answer = await world.gateway.call('device_replace', { fleet: 'acme', device: 'ev-1' })
    const [replaced] = (answer as { channels: { channelId: string }[] }).channels
    const channelId = parseHex(replaced?.channelId ?? '')
    if (!channelId) throw new Error('a channel was made')
    await world.time.advance(3_000)
    expect(main()).toMatchObject({ supply: 'off', supplyReason: 'no_mandate' })
    const mandates = [signedMandate(world, channelId, { sequence: 1 })]
    await world.gateway.call('mandate_put', { mandates })
    await world.time.advance(30_000)
    expect(main()).toMatchObject({ supply: 'on', epoch: 1, problem: null })
    expect(before.unitsPaid).toBeGreaterThan(0n)
    expect(Number(main().amount)).toBeGreaterThan(0)
    expect(await refused()).toEqual({})
  })

  test('a meter that counts something else is not paid', async () => {
    const { world } = await started({ meters: [{ unit: 'mL' }] })
    await world.time.advance(20_000)
    expect(main()).toMatchObject({ supply: 'off', problem: /counts mL/ })
  })

  test('a mandate that another key signed is none', async () => {
    const stranger = `ed25519:d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a`
    const { world } = await started({ agentConfig: { fleetSigner: stranger } })
    await world.time.advance(20_000)
    expect(main()).toMatchObject({ supplyReason: 'no_mandate', problem: /not signed by the fleet/ })
  })

  test('tariffs that another key signed are none', async () => {
    const key = `ed25519:d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a`
    const gateway = { id: 'gw-1', url: 'mqtt://gateway', key }
    const { world } = await started({ agentConfig: { gateway } })
    await world.time.advance(20_000)
    expect(main()).toMatchObject({ supply: 'off', supplyReason: 'opening' })
    expect(site.agent.status().problems).toEqual([
      'the gateway sent a tariff that its key did not sign',
    ])
  })
})
