/**
 * Minutes of kills on virtual time: the real agents, gateway, ledger and meters die at random
 * moments, also between a write and its sync, and the books still agree. The same seed is the same
 * story.
 */
import { expect, test } from 'vitest'
import { type Dice, diceFrom } from '../../firmware-sim/dice.ts'
import { brokenEquations } from '../support/siteFigures.ts'
import { type SiteDevice, type VirtualSite, virtualSite } from '../support/siteVirtual.ts'
import {
  enrolTestDevice,
  START_SECONDS,
  signedMandate,
  testKey,
  testTariff,
} from '../support/virtualGateway.ts'

const firstSeed = Number(process.env['CRASH_SEED'] ?? 1)
const seeds = Number(process.env['CRASH_SEEDS'] ?? 4)
const rageSeconds = 120

const tariffs = [
  testTariff({ unitsPerTick: 5n, creditTicks: 24 }),
  testTariff({ unit: 'mL', unitsPerTick: 7n, pricePerTick: 11n, creditTicks: 2_000 }),
  testTariff({ unit: 'kB', unitsPerTick: 1_000n, pricePerTick: 250n }),
]

async function worldOf(dice: Dice): Promise<VirtualSite> {
  const site = await virtualSite({
    config: {
      tariffs,
      settlement: { periodSeconds: 5, minimumAmount: 0n, expiryMarginSeconds: 172_800 },
    },
    deposit: 3_000_000n,
    devices: [
      {
        device: 'ev-charger',
        kind: 'sdm630',
        meter: { ratePerHour: dice.between(1_000, 36_000), initialRegister: '1204003' },
      },
      {
        device: 'water-meter',
        unit: 'mL',
        meter: { ratePerHour: dice.between(100_000, 1_500_000), initialRegister: '88017' },
      },
      { device: 'data-link', unit: 'kB', meter: { ratePerHour: 30_000_000 } },
    ],
  })
  // Their share of the deposit makes epochs short, so that some end in the middle of all this.
  for (const [number, device] of ['idle-1', 'idle-2', 'idle-3'].entries()) {
    const meters = Array.from({ length: 16 }, (_, place) => ({ meter: `m-${place}`, unit: 'Wh' }))
    await enrolTestDevice(site.world, device, testKey('p256', 91 + number), meters)
  }
  return site
}

type Story = { readonly site: VirtualSite; readonly dice: Dice; readonly told: string[] }

/** What can happen, as often as it stands here. */
const events: readonly ((story: Story, device: SiteDevice) => Promise<void>)[] = [
  killGateway,
  killGateway,
  killAgent,
  killAgent,
  killMeter,
  breakConnection,
  breakConnection,
  cutCable,
  loseMessages,
  failSync,
  pauseAndResume,
  renewMandate,
  moveClock,
]

async function killGateway({ site, dice, told }: Story): Promise<void> {
  const { world } = site
  // Half of the time it dies with writes that no sync has followed.
  const release = dice.between(0, 1) === 0 ? world.disk.holdSyncs() : undefined
  if (release !== undefined) await world.time.advance(dice.between(0, 400))
  const downMs = dice.between(0, 4_000)
  told.push(`gateway, unsynced ${release !== undefined}, down ${downMs}`)
  await world.crash()
  release?.()
  await world.time.advance(downMs)
  await world.restart()
}

async function killAgent({ dice, site, told }: Story, device: SiteDevice): Promise<void> {
  const downMs = dice.between(0, 8_000)
  told.push(`agent ${device.plan.device}, down ${downMs}`)
  device.kill()
  await site.world.time.advance(downMs)
  await device.restart()
}

async function killMeter({ dice, site, told }: Story, device: SiteDevice): Promise<void> {
  const downMs = dice.between(0, 8_000)
  told.push(`meter ${device.plan.device}, down ${downMs}`)
  device.killMeter()
  await site.world.time.advance(downMs)
  await device.restartMeter()
}

async function breakConnection({ site, told }: Story, { plan }: SiteDevice): Promise<void> {
  told.push(`connection ${plan.device}`)
  const session = site.world.gateway.core.sessions.get(`acme/${plan.device}`)
  if (session !== undefined) site.world.broker.link.disconnect(session.id, 'broken')
}

async function cutCable({ told }: Story, device: SiteDevice): Promise<void> {
  told.push(`cable ${device.plan.device}`)
  device.cutCable()
}

/** No broker may lose these, and if one does nothing worse happens than a wait. */
async function loseMessages({ dice, site, told }: Story, { plan }: SiteDevice): Promise<void> {
  const names = ['tick', 'commit', 'open', 'ack', 'accept', 'reject', 'supply']
  const name = names[dice.between(0, names.length - 1)]
  const forMs = dice.between(0, 7_000)
  told.push(`every ${name} of ${plan.device} lost for ${forMs}`)
  site.world.broker.lose = (_, { topic }) =>
    topic.endsWith(`/${plan.device}/up/${name}`) || topic.endsWith(`/${plan.device}/down/${name}`)
  await site.world.time.advance(forMs)
  site.world.broker.lose = () => false
}

/** The disk fails once: the gateway must not go on, and its successor starts from what is there. */
async function failSync({ site, told }: Story): Promise<void> {
  const { world } = site
  told.push('a sync fails')
  world.disk.fail({ operation: 'sync', code: 'EIO', path: 'journal' })
  await site.until('the gateway notices', () => world.fatal.length > 0)
  world.fatal.length = 0
  await world.crash()
  await world.restart()
}

async function pauseAndResume({ dice, site, told }: Story, { plan }: SiteDevice): Promise<void> {
  const forMs = dice.between(0, 6_000)
  told.push(`pause ${plan.device} for ${forMs}`)
  const { device } = plan
  await site.world.gateway.call('pause', { fleet: 'acme', device })
  await site.world.time.advance(forMs)
  await site.world.gateway.call('resume', { fleet: 'acme', device })
}

async function renewMandate({ site, told }: Story, device: SiteDevice): Promise<void> {
  told.push(`mandate ${device.plan.device}`)
  const { cold } = site.world.gateway.core.state
  const channel = cold.numberOf(device.channelId) ?? 0
  const sequence = (cold.mandate(channel)?.value.sequence ?? 0) + 1
  const notBefore = START_SECONDS - 86_400
  const mandates = [signedMandate(site.world, device.channelId, { sequence, notBefore })]
  await site.world.gateway.call('mandate_put', { mandates })
}

/** As when somebody sets a clock that was a little wrong. */
async function moveClock({ dice, site, told }: Story): Promise<void> {
  const byMs = dice.between(0, 60_000) - 30_000
  told.push(`clock ${byMs}`)
  site.world.time.jumpWall(byMs)
}

/** Readings up to which each side says that payment is acknowledged. */
type Highest = Map<string, bigint>

async function look(site: VirtualSite, highest: Highest): Promise<void> {
  for (const device of site.devices) {
    const name = device.plan.device
    const channel = await site.channel(name)
    if (channel.epoch === 0) continue
    const held = BigInt(channel.startReading) + BigInt(channel.unitsPaid)
    expect(held, `${name}: the gateway forgot`).toBeGreaterThanOrEqual(highest.get(name) ?? 0n)
    expect(held, `${name}: paid and never metered`).toBeLessThanOrEqual(device.keptRegister())
    const { unitsPaid } = device.status()
    const acknowledged = BigInt(unitsPaid ?? 0)
    expect(acknowledged, `${name}: acknowledged and not held`).toBeLessThanOrEqual(held)
    highest.set(name, held)
  }
}

async function rage(story: Story, highest: Highest): Promise<void> {
  const { site, dice } = story
  const { clock } = site.world.time
  const endMs = clock.monotonicMs() + rageSeconds * 1_000
  while (clock.monotonicMs() < endMs) {
    await site.world.time.advance(dice.between(0, 3_000))
    const event = events[dice.between(0, events.length - 1)]
    const device = site.devices[dice.between(0, site.devices.length - 1)]
    if (event === undefined || device === undefined) continue
    await event(story, device)
    await look(site, highest)
  }
}

function isWell({ agent, status, meter }: SiteDevice): boolean {
  return agent.status().connection === 'online' && status().supply === 'on' && meter.relayClosed()
}

test.each(Array.from({ length: seeds }, (_, place) => firstSeed + place))(
  'two minutes of kills, seed %i: nothing is lost or paid twice',
  async (seed) => {
    const dice = diceFrom(seed)
    const site = await worldOf(dice)
    const story: Story = { site, dice, told: [] }
    const highest: Highest = new Map()
    try {
      await site.until('all is well at first', () => site.devices.every(isWell))
      await rage(story, highest)
      // Whoever was hurt last has noticed by then.
      await site.advanceSeconds(10)
      await site.until('all is well again', () => site.devices.every(isWell), 180)
      await look(site, highest)
      expect(brokenEquations(await site.close())).toEqual([])
      expect(site.world.ledger.audit()).toEqual([])
      expect(site.world.fatal).toEqual([])
    } catch (error) {
      const states = site.devices.map(({ agent }) => JSON.stringify(agent.status()))
      process.stdout.write(`${[`seed ${seed}`, ...story.told, ...states].join('\n')}\n`)
      throw error
    }
  },
  60_000,
)
