/**
 * Agents, gateway, meters and connections are killed at random moments and started again, and
 * nothing is lost, paid twice or left to a person. Every program is a process of its own.
 *
 * `npm run crash -- --seconds 60 --seed 7` runs it for longer, or again.
 */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { diceFrom } from '../../firmware-sim/dice.ts'
import { type Chaos, rage } from '../support/siteChaos.ts'
import { brokenEquations } from '../support/siteFigures.ts'
import { bundleProgram, type Program } from '../support/siteProgram.ts'
import { type RealDevice, type RealSite, realSite } from '../support/siteReal.ts'
import { allWell, cleanStop, recoverySeconds, stopAll } from '../support/siteWell.ts'

const seconds = Number(process.env['CRASH_SECONDS'] ?? 20)
const seed = Number(process.env['CRASH_SEED'] ?? Math.floor(Math.random() * 1_000_000))

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

let program: Program
let site: RealSite

beforeAll(async () => {
  program = await bundleProgram()
})

afterAll(async () => {
  await site?.remove()
  await program?.remove()
})

describe('kill -9', () => {
  test(
    `agents, gateway, meters and connections for ${seconds} s, seed ${seed}`,
    async () => {
      site = await realSite(program, devices)
      await allWell(site)
      const chaos: Chaos = await rage(site, diceFrom(seed), seconds * 1_000)
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
    },
    (seconds + 2 * recoverySeconds + 60) * 1_000,
  )
})
