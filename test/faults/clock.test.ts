/**
 * Real programs whose clock stands at 1970, or jumps: no unit is lost, no mandate is honoured that
 * is not valid, it can be seen, and all is well once the time is right.
 */
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { brokenEquations } from '../support/siteFigures.ts'
import { waterMeter } from '../support/siteLife.ts'
import { bundleProgram, type Program } from '../support/siteProgram.ts'
import { type RealSite, realSite } from '../support/siteReal.ts'
import { allWell, cleanStop, recoverySeconds, stopAll } from '../support/siteWell.ts'
import { until } from '../support/until.ts'

const LIBRARY = ['x86_64', 'aarch64', 'arm']
  .map((machine) => `/usr/lib/${machine}-linux-gnu/faketime/libfaketime.so.1`)
  .find((path) => existsSync(path))
if (LIBRARY === undefined) {
  process.stderr.write('NOT RUN: clocks, libfaketime is not installed: apt-get install faketime\n')
}

const RIGHT = '+0'
const AT_1970 = '@1970-01-01 00:02:00'
type Role = 'gateway' | 'agent'

let folder: string
let program: Program
let site: RealSite

/** Sets the clocks of all programs of that kind, running or not. */
function setClock(role: Role, time: string): void {
  writeFileSync(join(folder, role), `${time}\n`)
}

/** The same program, in which gateway and agents look at clocks that a test sets. */
function clocked(real: Program): Program {
  return {
    ...real,
    start: (words, options) => {
      const [role = ''] = words
      if (role !== 'gateway' && role !== 'agent') return real.start(words, options)
      const env = {
        LD_PRELOAD: LIBRARY ?? '',
        FAKETIME_TIMESTAMP_FILE: join(folder, role),
        FAKETIME_NO_CACHE: '1',
        FAKETIME_DONT_FAKE_MONOTONIC: '1',
      }
      return real.start(words, { ...options, env })
    },
  }
}

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'tickpay-clock-'))
  program = await bundleProgram()
})

afterAll(async () => {
  await program?.remove()
  rmSync(folder, { recursive: true, force: true })
})

async function paid(): Promise<bigint> {
  return (await site.channels())?.[0]?.unitsPaid ?? 0n
}

/** Whether its meter may run: nothing was heard counts as no. */
async function isSupplied(): Promise<boolean> {
  const meter = (await site.agentStatus(waterMeter))?.meters[0]
  return meter?.supply === 'on' && meter.relayClosed === true
}

async function during(ms: number, look: () => Promise<void>): Promise<void> {
  const endMs = performance.now() + ms
  while (performance.now() < endMs) {
    await look()
    await new Promise((resolve) => setTimeout(resolve, 200))
  }
}

describe.skipIf(LIBRARY === undefined)('clocks', () => {
  beforeEach(
    async () => {
      setClock('gateway', RIGHT)
      setClock('agent', RIGHT)
      site = await realSite(clocked(program), [waterMeter])
      await allWell(site)
    },
    2 * recoverySeconds * 1_000,
  )

  afterEach(() => site?.remove())

  test(
    'an agent that starts in 1970 takes the time of its gateway; jumps stop nobody for long',
    async () => {
      const [agent] = site.agents
      await agent?.kill()
      const before = await paid()
      setClock('agent', AT_1970)
      await agent?.start()
      await allWell(site)
      expect(await paid()).toBeGreaterThanOrEqual(before)
      for (const jump of ['+86400', '-3600', RIGHT]) {
        setClock('agent', jump)
        await allWell(site)
      }
    },
    (6 * recoverySeconds + 60) * 1_000,
  )

  test(
    '(!) a gateway in 1970 supplies nobody, loses nothing, and goes on when its time is right',
    async () => {
      await site.gateway.kill()
      const stopped = site.register(waterMeter)
      setClock('gateway', AT_1970)
      await site.gateway.start()
      const [first] = (await site.channels()) ?? []
      const credit = BigInt(waterMeter.creditTicks) * waterMeter.unitsPerTick
      const held = async () => {
        expect(await paid()).toBeGreaterThanOrEqual(first?.unitsPaid ?? 0n)
        expect(site.register(waterMeter)).toBeLessThanOrEqual(stopped + 2n * credit)
      }
      await until('its device to hear of it', async () => {
        await held()
        return !(await isSupplied())
      })
      await during(4_000, async () => {
        await held()
        expect(await isSupplied()).toBe(false)
      })
      setClock('gateway', RIGHT)
      // Its device asks for the time again when it connects.
      site.proxy.breakAll()
      await allWell(site)
      for (const jump of ['+86400', RIGHT]) {
        setClock('gateway', jump)
        await during(2_000, async () => {
          expect(await paid()).toBeGreaterThanOrEqual(first?.unitsPaid ?? 0n)
        })
      }
      site.proxy.breakAll()
      await allWell(site)
      expect(await stopAll(site)).toEqual(cleanStop)
      expect(brokenEquations(await site.books())).toEqual([])
    },
    (4 * recoverySeconds + 60) * 1_000,
  )
})
