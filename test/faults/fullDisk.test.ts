/**
 * A store on a file system of 8 MB that fills up: first no new service, then an end with a line;
 * nothing acknowledged is lost, and with space it goes on.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import type { Session } from '../support/deviceSession.ts'
import { looked } from '../support/faultRuns.ts'
import type { FaultGateway, FaultSite, FaultStore } from '../support/faultSite.ts'
import { faultSite, priceOf } from '../support/faultSite.ts'
import { type SmallDisk, smallDisk, whySmallDiskIsMissing } from '../support/smallDisk.ts'

if (whySmallDiskIsMissing !== undefined) {
  process.stderr.write(`NOT RUN: full disks, ${whySmallDiskIsMissing}\n`)
}

const DISK_KIBIBYTES = 8 * 1_024
/** A little less than 5 % of the disk. */
const LOW_KIBIBYTES = 300
/** The gateway looks at its free space twice a minute. */
const NOTICE_LIMIT_MS = 45_000

let site: FaultSite
let folder: string
let disk: SmallDisk
let store: FaultStore

beforeAll(async () => {
  site = await faultSite()
})

afterAll(() => site?.remove())

/** The gateway of the test, its device, and what the device has shown and was acknowledged. */
type Scene = { readonly gateway: FaultGateway; readonly session: Session; acknowledged: number }

describe.skipIf(whySmallDiskIsMissing !== undefined)('a disk of 8 MB', () => {
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'tickpay-full-'))
    disk = smallDisk(join(folder, 'disk'), DISK_KIBIBYTES)
    store = site.copy(join(folder, 'disk'))
  })

  afterEach(() => {
    disk.remove()
    rmSync(folder, { recursive: true, force: true })
  })

  async function scene(): Promise<Scene> {
    const gateway = await store.start()
    return { gateway, session: await gateway.login(), acknowledged: site.ticks }
  }

  async function tick(at: Scene): Promise<void> {
    await at.session.tick(site.committed, at.acknowledged + 1)
    at.acknowledged += 1
  }

  /** The program has ended with one line that says why. */
  async function expectFull({ run }: FaultGateway): Promise<void> {
    expect(await run.ended).not.toBe(0)
    expect(run.errors).toHaveLength(1)
    expect(run.errors[0]).toMatch(/full|space/)
  }

  async function expectSound({ acknowledged }: Scene, settled: bigint): Promise<void> {
    disk.empty()
    const promised = { ticks: acknowledged, sent: acknowledged + 1, settled, backup: false }
    expect(await looked(site, store, promised)).toEqual([])
  }

  test('(!) below 5 % there is no new service, and payment and settlement go on', async () => {
    const at = await scene()
    disk.leave(LOW_KIBIBYTES)
    const endMs = performance.now() + NOTICE_LIMIT_MS
    const isLow = () =>
      at.session.received.supplies.some(({ supply }) => supply.reason === 'no_space')
    while (!isLow() && performance.now() < endMs) {
      await new Promise((resolve) => setTimeout(resolve, 100))
    }
    expect(isLow()).toBe(true)
    for (let ticks = 0; ticks < 20; ticks++) await tick(at)
    await at.gateway.calls.call('settle', {})
    const { settled } = await at.gateway.figures()
    expect(settled).toBe(priceOf(at.acknowledged))
    expect(at.gateway.run.ending()).toBeUndefined()
    // Then the disk fills for good.
    disk.fill()
    await Promise.race([endless(() => tick(at)), at.gateway.run.ended, at.session.closed])
    await expectFull(at.gateway)
    await expectSound(at, settled)
  }, 120_000)

  test('(!) a settlement that finds the disk full ends the program and is made later', async () => {
    const at = await scene()
    for (let ticks = 0; ticks < 20; ticks++) await tick(at)
    disk.fill()
    const asked = at.gateway.calls.call('settle', {}).catch(() => undefined)
    await Promise.race([asked, at.gateway.run.ended])
    await Promise.race([endless(() => tick(at)), at.gateway.run.ended, at.session.closed])
    await expectFull(at.gateway)
    await expectSound(at, 0n)
  }, 60_000)
})

/** Does it until it fails. */
async function endless(act: () => Promise<void>): Promise<void> {
  try {
    for (;;) await act()
  } catch {
    // Whoever waits for it looks at what it led to.
  }
}
