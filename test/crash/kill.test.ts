/**
 * Agents, gateway, meters and connections are killed at random moments and started again, and
 * nothing is lost, paid twice or left to a person. Every program is a process of its own.
 *
 * `npm run crash -- --seconds 60 --seed 7` runs it for longer, or again;
 * `npm run crash -- --cycles 1000` until so many programs were killed and started again.
 */
import { describe, expect, test } from 'vitest'
import { diceFrom } from '../../firmware-sim/dice.ts'
import { type Chaos, type RageLimit, rage } from '../support/siteChaos.ts'
import { type Books, brokenEquations } from '../support/siteFigures.ts'
import { siteLife } from '../support/siteLife.ts'
import type { RealDevice, RealSite } from '../support/siteReal.ts'
import { allWell, cleanStop, recoverySeconds, stopAll } from '../support/siteWell.ts'

const seconds = Number(process.env['CRASH_SECONDS'] ?? 20)
const seed = Number(process.env['CRASH_SEED'] ?? Math.floor(Math.random() * 1_000_000))

/** Programs killed and started again, in all and before this run; 0 for a time instead. */
const cycles = Number(process.env['CRASH_CYCLES'] ?? 0)
const done = Number(process.env['CRASH_DONE'] ?? 0)
const CYCLES_PER_SITE = 50

const shared = { creditTicks: 24, pollMs: 100 }
const devices: readonly RealDevice[] = [
  {
    ...shared,
    device: 'ev-charger',
    kind: 'sdm630',
    line: 'pty',
    unit: 'Wh',
    unitsPerTick: 5n,
    pricePerTick: 1_500n,
    unitsPerSecond: 40,
    initialRegister: 1_204_003n,
  },
  {
    ...shared,
    device: 'water-meter',
    kind: 'firmware-link',
    line: 'tcp',
    unit: 'mL',
    unitsPerTick: 100n,
    pricePerTick: 400n,
    unitsPerSecond: 1_500,
    initialRegister: 88_017n,
  },
  {
    ...shared,
    device: 'data-link',
    kind: 'firmware-link',
    line: 'tcp',
    unit: 'kB',
    unitsPerTick: 1_000n,
    pricePerTick: 2_000n,
    unitsPerSecond: 12_000,
    initialRegister: 0n,
  },
]

const life = siteLife()
let site: RealSite

/** Kills until the limit; then all is well again, and the books agree. */
async function survives(limit: RageLimit, dice: number): Promise<Books> {
  site = await life.start(devices)
  await allWell(site)
  const chaos: Chaos = await rage(site, diceFrom(dice), limit)
  expect(chaos.violations).toEqual([])
  await allWell(site)
  expect(await stopAll(site)).toEqual(cleanStop)
  const books = await site.books()
  expect(brokenEquations(books)).toEqual([])
  for (const [place, one] of books.devices.entries()) {
    const paid = one.unitsPaid + (devices[place]?.initialRegister ?? 0n)
    const { agent, gateway } = chaos.highest(one.device)
    expect(one.unitsPaid).toBeGreaterThan(0n)
    expect(paid).toBeGreaterThanOrEqual(agent)
    expect(paid).toBeGreaterThanOrEqual(gateway)
  }
  process.stdout.write(`kills: ${JSON.stringify(chaos.kills)}\n`)
  return books
}

describe.runIf(cycles === 0)('kill -9', () => {
  test(
    `agents, gateway, meters and connections for ${seconds} s, seed ${seed}`,
    () => survives({ ms: seconds * 1_000 }, seed),
    (seconds + 2 * recoverySeconds + 60) * 1_000,
  )
})

describe.runIf(cycles > 0)('kill -9 and a new start', () => {
  const rounds = Array.from(
    { length: Math.ceil((cycles - done) / CYCLES_PER_SITE) },
    (_, round) => done + round * CYCLES_PER_SITE,
  )
  // Each site has books of its own, so what came before can be left out when it is known.
  test.each(rounds)(
    `cycles from %i on, of ${cycles}, seed ${seed}`,
    async (from) => {
      const to = Math.min(cycles, from + CYCLES_PER_SITE)
      const startMs = performance.now()
      const books = await survives({ cycles: to - from }, seed + from)
      const units = books.devices.map(
        ({ device, unitsPaid }) => `${device} ${unitsPaid} units paid once`,
      )
      const perCycleMs = Math.round((performance.now() - startMs) / (to - from))
      process.stdout.write(
        `${to} of ${cycles} cycles, ${perCycleMs} ms each: ${units.join(', ')}; to go on from ` +
          `here: npm run crash -- --cycles ${cycles} --seed ${seed} --done ${to}\n`,
      )
    },
    (CYCLES_PER_SITE * 5 + 2 * recoverySeconds + 60) * 1_000,
  )
})
