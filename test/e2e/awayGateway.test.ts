/**
 * The gateway is away for half a minute: supply ends with the credit, not later, and the gap is
 * paid with one message. Real agents and gateway, simulated meters, virtual time.
 */
import { describe, expect, test } from 'vitest'
import { present } from '../../protocol/assert.ts'
import { brokenEquations } from '../support/siteFigures.ts'
import { type SiteDevice, type VirtualSite, virtualSite } from '../support/siteVirtual.ts'
import { enrolTestDevice, testKey, testTariff } from '../support/virtualGateway.ts'

const awaySeconds = 30

/** Names of the messages that one device sends and gets, in order, from now on. */
function messagesOf(site: VirtualSite, device: string): string[] {
  const names: string[] = []
  site.world.broker.lose = (direction, { topic }) => {
    const [, , , name, way, what = ''] = topic.split('/')
    if (name === device && way === direction) names.push(what)
    return false
  }
  return names
}

/** The gateway dies, and is there again after 30 s. Returns the credit's end and the register. */
async function goAway(site: VirtualSite, { status, meter }: SiteDevice) {
  const { unitsPaid, creditUnits } = status()
  const end = BigInt(present(unitsPaid ?? undefined, 'paid before')) + BigInt(creditUnits)
  await site.world.crash()
  await site.advanceSeconds(awaySeconds)
  expect(status()).toMatchObject({ supply: 'off', supplyReason: 'credit_used' })
  expect(meter.relayClosed()).toBe(false)
  await site.world.restart()
  return { end, register: meter.register() }
}

async function comeBack(site: VirtualSite, device: SiteDevice, register: bigint) {
  const { unitsPerTick } = present(site.world.gateway.core.config.tariffs[0], 'a tariff')
  const whole = register - (register % unitsPerTick)
  const isPaid = () => BigInt(device.status().unitsPaid ?? '0') >= whole
  await site.until('the gap is paid', isPaid, 70)
}

describe('the gateway is away for 30 s', () => {
  test('supply goes off at the credit window, and one message pays for 16 ticks', async () => {
    const site = await virtualSite({
      config: { tariffs: [testTariff()] },
      devices: [{ device: 'ev-1', meter: { ratePerHour: 36_000, initialRegister: '1203' } }],
    })
    const device = site.device('ev-1')
    await site.advanceSeconds(20)
    const { end, register } = await goAway(site, device)
    expect(register).toBe(end)
    const messages = messagesOf(site, 'ev-1')
    await comeBack(site, device, register)
    expect(messages.filter((name) => !/^(state|receipt)/.test(name))).toEqual([
      'hello',
      'welcome',
      'slot',
      'tick',
      'ack',
    ])
    expect(device.status().commitments).toEqual({ opened: 1, renewals: 0, checkpoints: 0 })
    await site.until('supply returns', () => device.meter.relayClosed(), 1)
    await site.advanceSeconds(10)
    expect(device.meter.register()).toBeGreaterThan(register + 50n)
    expect(brokenEquations(await site.close())).toEqual([])
    expect(site.world.fatal).toEqual([])
  })

  test('a Modbus meter passes the window by what flows in one poll, at most', async () => {
    const unitsPerSecond = 10n
    const pollSeconds = 1n
    const site = await virtualSite({
      config: { tariffs: [testTariff()] },
      devices: [{ device: 'ev-1', kind: 'sdm630', meter: { ratePerHour: 36_000 } }],
    })
    const device = site.device('ev-1')
    await site.advanceSeconds(20)
    const { end, register } = await goAway(site, device)
    expect(register).toBeGreaterThanOrEqual(end)
    expect(register).toBeLessThanOrEqual(end + unitsPerSecond * pollSeconds)
    const messages = messagesOf(site, 'ev-1')
    await comeBack(site, device, register)
    expect(messages.filter((name) => name === 'tick')).toHaveLength(1)
    expect(messages).not.toContain('commit')
    expect(brokenEquations(await site.close())).toEqual([])
  })

  test('2,000 ticks are more than a jump: one checkpoint pays for them', async () => {
    const site = await virtualSite({
      config: { tariffs: [testTariff({ unit: 'mL', unitsPerTick: 1n, creditTicks: 2_000 })] },
      devices: [{ device: 'tap', unit: 'mL', meter: { ratePerHour: 360_000 } }],
    })
    const device = site.device('tap')
    await site.advanceSeconds(20)
    const { end, register } = await goAway(site, device)
    expect(register).toBe(end)
    const messages = messagesOf(site, 'tap')
    await comeBack(site, device, register)
    expect(messages).not.toContain('tick')
    expect(messages.filter((name) => name === 'commit')).toHaveLength(1)
    expect((await site.channel('tap')).index).toBe(0)
    expect(device.status().commitments).toEqual({ opened: 1, renewals: 0, checkpoints: 1 })
    await site.until('supply returns', () => device.meter.relayClosed(), 1)
    expect(brokenEquations(await site.close())).toEqual([])
  })
})

describe('signatures', () => {
  test('10,000 ticks take 1 + checkpoints + renewals; logins and tariffs count apart', async () => {
    const tariff = testTariff({ unit: 'mL', unitsPerTick: 1n, creditTicks: 2_000 })
    const site = await virtualSite({
      config: { tariffs: [tariff] },
      // A fifth of the deposit is the fair share of this one channel among four others.
      deposit: 15_000n * tariff.pricePerTick,
      devices: [{ device: 'tap', unit: 'mL', meter: { ratePerHour: 360_000 } }],
    })
    for (const seed of [91, 92, 93, 94]) {
      const meters = [{ meter: 'main', unit: 'mL' }]
      await enrolTestDevice(site.world, `idle-${seed}`, testKey('p256', seed), meters)
    }
    const device = site.device('tap')
    const messages = messagesOf(site, 'tap')
    await site.advanceSeconds(40)
    const { register } = await goAway(site, device)
    await comeBack(site, device, register)
    await site.until('10,000 ticks', async () => (await site.counters()).accepted >= 10_000, 180)
    const { accepted, signatures, refused } = await site.counters()
    const { commitments, tariffs, times } = signatures
    expect(accepted).toBeLessThan(10_100)
    expect(refused).toEqual({})
    expect(commitments.opened).toBe(1)
    expect(commitments.checkpoints).toBe(1)
    expect(commitments.renewals).toBeGreaterThanOrEqual(2)
    expect(commitments.renewals).toBeLessThan(12)
    const all = 1 + commitments.checkpoints + commitments.renewals
    expect(messages.filter((name) => ['open', 'commit'].includes(name))).toHaveLength(all)
    expect((await site.channel('tap')).epoch).toBeLessThanOrEqual(all)
    expect(device.status().commitments).toEqual(commitments)
    expect(device.agent.status().signatures.commitments).toEqual(commitments)
    expect({ tariffs, times }).toEqual({ tariffs: 1, times: 0 })
    // Since the gateway's start; the device has also signed those that nobody was there to check.
    expect(signatures.connects).toBe(1)
    expect(device.agent.status().signatures.connects).toBeGreaterThan(2)
    expect(brokenEquations(await site.close())).toEqual([])
  })
})
