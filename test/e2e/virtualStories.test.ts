/**
 * Stories of real agents at a real gateway, from the meter's register to the ledger's entries, on
 * virtual time. Each follows a rule through all programs that have a part in it.
 */
import { describe, expect, test } from 'vitest'
import type { Mandate } from '../../protocol/structures.ts'
import { backUp, restore } from '../support/gatewayState.ts'
import { connectDevice } from '../support/scriptedDevice.ts'
import { brokenEquations } from '../support/siteFigures.ts'
import { type SiteDevice, type VirtualSite, virtualSite } from '../support/siteVirtual.ts'
import {
  START_SECONDS,
  seededRandom,
  signedMandate,
  testKey,
  testTariff,
} from '../support/virtualGateway.ts'

/** One unit a second, one tick for each, sixteen ticks of credit. */
const tariff = testTariff({ unitsPerTick: 1n, pricePerTick: 300n })
const dayMs = 86_400_000
const acme = { fleet: 'acme', device: 'ev-1' }

type Options = {
  readonly tariffs?: readonly (typeof tariff)[]
  readonly mandate?: Partial<Mandate>
  readonly clockErrorMs?: number
}

async function oneDevice(options: Options = {}): Promise<{
  readonly site: VirtualSite
  readonly device: SiteDevice
}> {
  const { tariffs = [tariff], mandate = {} } = options
  const meter = { initialRegister: '7000' }
  const site = await virtualSite({
    config: { tariffs },
    devices: [{ device: 'ev-1', meter, mandate, clockErrorMs: options.clockErrorMs ?? 0 }],
  })
  return { site, device: site.device('ev-1') }
}

/** Supply is off, and the register stands still although time passes. */
async function standsStill(site: VirtualSite, device: SiteDevice): Promise<bigint> {
  await site.until('supply goes off', () => !device.meter.relayClosed(), 10)
  const register = device.meter.register()
  await site.advanceSeconds(20)
  expect(device.meter.register()).toBe(register)
  return register
}

describe('(!) a device without a clock', () => {
  // T46
  test('is told the time by the gateway and pays as from 1970 nobody could', async () => {
    const { site, device } = await oneDevice({ clockErrorMs: -START_SECONDS * 1_000 })
    await site.advanceSeconds(30)
    const { signatures } = await site.counters()
    expect(signatures).toMatchObject({ times: 1, connects: 1 })
    expect(device.agent.status().signatures.connects).toBe(2)
    const drift = device.agent.status().timeSeconds - site.world.time.clock.nowMs() / 1_000
    expect(Math.abs(drift)).toBeLessThan(2)
    expect(BigInt((await site.channel('ev-1')).unitsPaid)).toBeGreaterThan(20n)
    expect(brokenEquations(await site.close())).toEqual([])
  })

  test('takes over nobody: the session of the true device goes on', async () => {
    const { site, device } = await oneDevice()
    await site.advanceSeconds(10)
    const { world } = site
    const identity = {
      ...acme,
      gateway: 'gw-1',
      domain: world.ledger.domain,
      key: testKey('p256', 31),
      rootSecret: new Uint8Array(32),
    }
    // A good signature that was made in 1970, or caught and shown again much later.
    const past = { ...world.time.clock, nowMs: () => 0 }
    const nonce = seededRandom(5).bytes(32)
    const other = await site.during(connectDevice(identity, world.broker.connect, past, nonce))
    await site.advanceSeconds(20)
    expect(other.received.slots).toEqual([])
    expect(device.agent.status()).toMatchObject({ connection: 'online' })
    expect(device.agent.status().signatures.connects).toBe(1)
    expect(BigInt((await site.channel('ev-1')).unitsPaid)).toBeGreaterThan(25n)
  })
})

test('a new price comes into force at its second, by a checkpoint, and loses no unit', async () => {
  const validFrom = START_SECONDS + 30
  const cheap = { ...tariff, validUntil: validFrom }
  const dear = { ...tariff, pricePerTick: 700n, validFrom }
  const { site, device } = await oneDevice({ tariffs: [cheap, dear] })
  await site.advanceSeconds(29)
  expect(device.status().commitments).toMatchObject({ checkpoints: 0 })
  await site.advanceSeconds(31)
  expect(device.status().commitments).toEqual({ opened: 1, renewals: 0, checkpoints: 1 })
  expect((await site.counters()).refused).toEqual({})
  const { devices, settled, accepted, unsettled, ledgerSum } = await site.close()
  const [books] = devices
  const { base, startReading } = heldTerms(site)
  const before = startReading - 7_000n
  const after = (books?.unitsPaid ?? 0n) - before
  expect(base).toBe(before * 300n)
  // A unit a second: those of the first half minute are cheap, to within the poll that sees them.
  expect(Math.abs(Number(before) - 30)).toBeLessThanOrEqual(2)
  expect(after).toBeGreaterThan(25n)
  expect(books?.paid).toBe(before * 300n + after * 700n)
  expect(settled).toBe(books?.paid)
  expect({ unsettled, ledgerSum, accepted }).toEqual({
    unsettled: 0n,
    ledgerSum: 0n,
    accepted: settled,
  })
  expect(books?.units).toBe((books?.unitsPaid ?? 0n) + (books?.unitsUnpaid ?? 0n))
})

/** The commitment under which the device pays now. */
function heldTerms({ world }: VirtualSite) {
  const { hot, cold } = world.gateway.core.state
  const { epoch } = hot.register(0)
  const held = cold.commitment(0, epoch)
  if (held === undefined) throw new Error('nothing is committed')
  return held.value
}

describe('mandates', () => {
  test('supply ends with the mandate, what flowed is paid, a new one brings it back', async () => {
    const expiry = START_SECONDS + 60
    const { site, device } = await oneDevice({ mandate: { expiry } })
    await site.advanceSeconds(58)
    expect(device.meter.relayClosed()).toBe(true)
    await site.advanceSeconds(2)
    const register = await standsStill(site, device)
    expect(register - 7_000n).toBeLessThanOrEqual(61n)
    expect(device.status()).toMatchObject({
      supplyReason: 'mandate_expired',
      unitsPaid: `${register}`,
    })
    const next = { sequence: 2, expiry: expiry + 600, notBefore: START_SECONDS }
    const mandates = [signedMandate(site.world, device.channelId, next)]
    await site.world.gateway.call('mandate_put', { mandates })
    await site.until('supply returns', () => device.meter.relayClosed(), 5)
    expect(brokenEquations(await site.close())).toEqual([])
  })

  test('one renewed in time never interrupts, and is seen in the next commitment', async () => {
    const expiry = START_SECONDS + 120
    const { site, device } = await oneDevice({ mandate: { expiry } })
    await site.advanceSeconds(60)
    const next = { sequence: 2, expiry: expiry + 86_400, notBefore: START_SECONDS }
    const mandates = [signedMandate(site.world, device.channelId, next)]
    await site.world.gateway.call('mandate_put', { mandates })
    const before = device.meter.register()
    await site.advanceSeconds(120)
    expect(device.meter.register() - before).toBeGreaterThanOrEqual(119n)
    expect(heldTerms(site).expiry).toBeGreaterThan(expiry)
    expect((await site.counters()).refused).toEqual({})
    expect(brokenEquations(await site.close())).toEqual([])
  })
})

describe('(!) supply is taken, words are not', () => {
  test('pause: off within a poll, what flowed is paid; resume: on again', async () => {
    const { site, device } = await oneDevice()
    await site.advanceSeconds(20)
    const paused = device.meter.register()
    await site.world.gateway.call('pause', acme)
    const register = await standsStill(site, device)
    expect(register - paused).toBeLessThanOrEqual(1n)
    expect(device.status()).toMatchObject({ supplyReason: 'paused', unitsPaid: `${register}` })
    expect((await site.counters()).refused).toEqual({})
    await site.world.gateway.call('resume', acme)
    await site.until('supply returns', () => device.meter.relayClosed(), 2)
    await site.advanceSeconds(10)
    expect(brokenEquations(await site.close())).toEqual([])
  })

  test('a day limit: off a credit window before it, on with the next day', async () => {
    const limitPerDay = 60n * 300n
    const { site, device } = await oneDevice({ mandate: { limitPerDay } })
    await site.advanceSeconds(90)
    const register = await standsStill(site, device)
    const flowed = register - 7_000n
    expect(flowed).toBeLessThanOrEqual(60n)
    expect(flowed).toBeGreaterThan(60n - 2n * 16n)
    expect(device.status()).toMatchObject({ supplyReason: 'over_limit', unitsUnpaid: '0' })
    // To shortly before midnight.
    const { clock, jumpWall } = site.world.time
    jumpWall(dayMs - (clock.nowMs() % dayMs) - 5_000)
    await site.advanceSeconds(3)
    expect(device.meter.register()).toBe(register)
    await site.until('the next day', () => device.meter.register() > register, 10)
    expect(brokenEquations(await site.close())).toEqual([])
  })
})

test('(!) a gateway restored from a copy: fence, one checkpoint, nothing is lost', async () => {
  const { site, device } = await oneDevice()
  await site.advanceSeconds(20)
  const copy = backUp(site.world)
  await site.advanceSeconds(40)
  const seen = BigInt(device.status().unitsPaid ?? 0)
  await site.world.crash()
  await restore(site.world, copy)
  await site.world.restart()
  await site.until('it is back', () => device.agent.status().connection === 'online', 70)
  await site.until('supply returns', () => device.meter.relayClosed(), 10)
  expect(site.world.logs.filter((line) => line.includes('fence raised'))).toHaveLength(1)
  expect(device.status().commitments).toEqual({ opened: 1, renewals: 0, checkpoints: 1 })
  const channel = await site.channel('ev-1')
  expect(7_000n + BigInt(channel.unitsPaid)).toBeGreaterThanOrEqual(seen)
  expect(brokenEquations(await site.close())).toEqual([])
  expect(site.world.ledger.audit()).toEqual([])
})

test('(!) a replaced meter: the old channel settles, the new one begins at 0', async () => {
  const { site, device } = await oneDevice()
  await site.advanceSeconds(30)
  await site.world.gateway.call('device_replace', { ...acme, meter: 'main' })
  const first = await site.channel('ev-1')
  expect(first).toMatchObject({ state: 'closed' })
  await site.advanceSeconds(10)
  expect(device.status().supply).toBe('off')
  const channels = (await site.world.gateway.call('channels', acme)) as readonly {
    readonly state: string
    readonly channelId: string
  }[]
  const open = channels.find(({ state }) => state === 'open')
  const channelId = Uint8Array.from(Buffer.from(open?.channelId ?? '', 'hex'))
  const mandates = [signedMandate(site.world, channelId)]
  await site.world.gateway.call('mandate_put', { mandates })
  await site.until('supply returns', () => device.meter.relayClosed(), 70)
  await site.advanceSeconds(20)
  const { accepted, settled, unsettled } = await site.close()
  const flowed = device.keptRegister() - 7_000n
  const unpaid = BigInt(device.status().unitsUnpaid)
  expect(unpaid).toBeLessThanOrEqual(16n)
  // What was on its way when the old channel closed is the one thing that nobody pays.
  const lost = flowed - unpaid - accepted / 300n
  expect(lost).toBeGreaterThanOrEqual(0n)
  expect(lost).toBeLessThanOrEqual(1n)
  expect(settled + unsettled).toBe(accepted)
})
