/**
 * What a fleet ordered is held by both sides, through restarts of both: here at a gateway that does
 * not enforce it, so that whatever ends supply is the device.
 */
import { afterEach, beforeEach, expect, test } from 'vitest'
import { brokenEquations } from '../../support/siteFigures.ts'
import type { SiteDevice, VirtualSite } from '../../support/siteVirtual.ts'
import { virtualSite } from '../../support/siteVirtual.ts'
import { testConfig, testTariff } from '../../support/virtualGateway.ts'

/** One unit a second, one tick for each, sixteen ticks of credit. */
const config = { tariffs: [testTariff({ unitsPerTick: 1n, pricePerTick: 300n })] }
const all = { fleet: 'acme', all: true }

let site: VirtualSite
let device: SiteDevice

beforeEach(async () => {
  const meter = { initialRegister: '7000' }
  site = await virtualSite({ config, devices: [{ device: 'ev-1', meter }] })
  device = site.device('ev-1')
  forget()
  await site.until('it is supplied', () => device.meter.relayClosed())
})

afterEach(async () => {
  expect(site.world.fatal).toEqual([])
  expect(brokenEquations(await site.close())).toEqual([])
})

/** The gateway knows what was ordered, and does nothing about it. */
function forget() {
  Object.assign(site.world.gateway.core.policies, { heldBack: () => undefined })
}

async function restartGateway() {
  await site.world.crash()
  await site.during(site.world.restart(testConfig(config)))
  forget()
}

const call = (verb: string, args: object) =>
  site.during(site.world.gateway.call(verb, { ...all, ...args }))

const isOff = () => !device.meter.relayClosed()
const isOn = () => device.meter.relayClosed()
const reason = () => device.status().supplyReason
const spentUnits = () => device.meter.register() - 7_000n

test('a limit ends supply at the device, and again after both have restarted', async () => {
  const before = spentUnits()
  await call('limit', { per_minute: `${300 * 20}` })
  await site.until('the limit ends supply', () => reason() === 'over_limit', 30)
  expect(isOff()).toBe(true)
  const used = spentUnits()
  expect(used - before).toBeGreaterThan(17n)
  expect(used - before).toBeLessThanOrEqual(22n)
  await restartGateway()
  await device.restart()
  await site.until('it is back', () => device.status().epoch !== null, 20)
  await site.advanceSeconds(5)
  expect(reason()).toBe('over_limit')
  expect(await site.channel('ev-1')).toMatchObject({ supply: 'on' })
  expect(spentUnits()).toBe(used)
  await site.until('the next minute opens supply', isOn, 60)
  expect((site.world.time.clock.nowMs() / 1_000) % 60).toBeLessThan(3)
})

test('a limit that was raised or taken back while the device was away is heard of', async () => {
  await call('limit', { per_day: '3000' })
  await site.until('supply goes off', isOff, 30)
  device.kill()
  await call('limit', { per_day: null })
  await device.restart()
  await site.until('supply returns', isOn, 60)
})

test('a price above the ceiling ends supply at the device, until the fleet allows it', async () => {
  await call('price_ceiling', { unit: 'Wh', price: '299' })
  await site.until('the ceiling ends supply', () => reason() === 'price_ceiling', 5)
  await device.restart()
  await site.advanceSeconds(30)
  expect(isOff()).toBe(true)
  await call('price_ceiling', { unit: 'Wh', price: '300' })
  await site.until('supply returns', isOn, 10)
})
