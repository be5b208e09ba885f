/**
 * The agents are killed and nobody starts them again: supply stops by itself, within a bound that
 * follows from the rate of the load. Then they are started, and what flowed is paid.
 */
import { expect, test } from 'vitest'
import { hostSilenceMs } from '../../protocol/frameMessages.ts'
import { brokenEquations } from '../support/siteFigures.ts'
import { siteLife } from '../support/siteLife.ts'
import type { RealDevice, RealSite } from '../support/siteReal.ts'
import { allWell, cleanStop, stopAll } from '../support/siteWell.ts'

const shared = { pollMs: 100, initialRegister: 500n }

/** Its credit lasts for a second: the register limit opens the relay. */
const narrow: RealDevice = {
  ...shared,
  device: 'narrow',
  kind: 'firmware-link',
  line: 'tcp',
  unit: 'kB',
  unitsPerTick: 1_000n,
  pricePerTick: 2_000n,
  creditTicks: 12,
  unitsPerSecond: 12_000,
}
/** Its credit lasts for minutes: the silence opens the relay. */
const wide: RealDevice = {
  ...shared,
  device: 'wide',
  kind: 'firmware-link',
  line: 'tcp',
  unit: 'mL',
  unitsPerTick: 100n,
  pricePerTick: 400n,
  creditTicks: 2_000,
  unitsPerSecond: 1_000,
}
/** Knows no register limit: the relay board's watchdog opens the relay. */
const modbus: RealDevice = {
  ...shared,
  device: 'modbus',
  kind: 'sdm630',
  line: 'pty',
  unit: 'Wh',
  unitsPerTick: 5n,
  pricePerTick: 1_500n,
  creditTicks: 24,
  unitsPerSecond: 40,
}

/** A program on a busy machine may be late by that much, and a meter keeps its file that often. */
const lateMs = 1_000
const meterKeepsMs = 1_000

const life = siteLife()
let site: RealSite

/** What flows in `ms`, rounded up. */
function flowIn(ms: number, { unitsPerSecond }: RealDevice): bigint {
  return BigInt(Math.ceil((unitsPerSecond * ms) / 1_000))
}

/** The register once it has stood still for longer than a meter waits to keep it. */
async function standstill(device: RealDevice) {
  const startMs = performance.now()
  let register = site.register(device)
  let changedMs = startMs
  while (performance.now() - changedMs < 2.5 * meterKeepsMs) {
    await new Promise((resolve) => setTimeout(resolve, 50))
    const now = site.register(device)
    if (now !== register) changedMs = performance.now()
    register = now
  }
  return { register, afterMs: changedMs - startMs }
}

async function paidReading({ device }: RealDevice): Promise<bigint> {
  const channel = (await site.channels())?.find((one) => one.device === device)
  if (channel === undefined) throw new Error(`no channel of ${device}`)
  return channel.startReading + channel.unitsPaid
}

// T08
test('with the agent dead, supply stops within credit, one poll and the watchdog', async () => {
  site = await life.start([narrow, wide, modbus])
  await allWell(site)
  await Promise.all(site.agents.map(({ kill }) => kill()))
  const killed = new Map(site.devices.map((device) => [device, site.register(device)]))
  const stopped = await Promise.all(site.devices.map(standstill))
  for (const [place, device] of site.devices.entries()) {
    const { register, afterMs } = stopped[place] ?? { register: -1n, afterMs: 0 }
    const silenceMs = device.pollMs + hostSilenceMs + lateMs
    const credit = BigInt(device.creditTicks) * device.unitsPerTick
    const window = (await paidReading(device)) + credit
    const atKill = killed.get(device) ?? 0n
    expect(afterMs, device.device).toBeLessThan(silenceMs + meterKeepsMs)
    expect(register, device.device).toBeGreaterThanOrEqual(atKill)
    expect(register, device.device).toBeLessThanOrEqual(atKill + flowIn(silenceMs, device))
    const beyond = device.kind === 'sdm630' ? flowIn(silenceMs, device) : 0n
    expect(register, device.device).toBeLessThanOrEqual(window + beyond)
  }
  await Promise.all(site.agents.map(({ start }) => start()))
  await allWell(site)
  expect(await stopAll(site)).toEqual(cleanStop)
  expect(brokenEquations(await site.books())).toEqual([])
}, 240_000)
