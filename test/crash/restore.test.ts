/**
 * (!) T02: a gateway restored from a backup, with real programs: a device pays, a backup is made,
 * the device pays more, the store is lost and restored, the device comes back and has seen more.
 */
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { run } from '../../cli/run.ts'
import { decodeEntry } from '../../gateway/state/entries.ts'
import type { GatewayEvent } from '../../gateway/state/events.ts'
import { readMeta } from '../../gateway/store/meta.ts'
import { scanJournal } from '../../gateway/store/recovery.ts'
import { fastSha256 } from '../../ledger/io/fastVerify.ts'
import { nodeDisk } from '../../ports/io/disk.ts'
import { present } from '../../protocol/assert.ts'
import { CHECKPOINT } from '../../protocol/structures.ts'
import { brokenEquations } from '../support/siteFigures.ts'
import { siteLife, waterMeter } from '../support/siteLife.ts'
import type { RealSite } from '../support/siteReal.ts'
import { allWell, cleanStop, recoverySeconds, stopAll } from '../support/siteWell.ts'
import { testTerminal } from '../support/testTerminal.ts'

const device = waterMeter
const life = siteLife()
let site: RealSite

async function ran(...words: string[]): Promise<Record<string, unknown>> {
  const terminal = testTerminal()
  const config = ['--config', join(site.folder, 'gateway.yaml'), '--json']
  const code = await run([...words, ...config], terminal)
  expect({ code, error: terminal.errorLines }).toEqual({ code: 0, error: [] })
  return JSON.parse(terminal.outLines.join(''))
}

/** Resolves when the gateway has settled more than `amount` for the device; answers how much. */
async function settledBeyond(amount: bigint): Promise<bigint> {
  const endMs = performance.now() + recoverySeconds * 1_000
  while (performance.now() < endMs) {
    const [channel] = (await site.channels()) ?? []
    const settled = BigInt(channel?.settled ?? 0)
    if (settled > amount) return settled
    await new Promise((resolve) => setTimeout(resolve, 100))
  }
  throw new Error(`no more than ${amount} is settled`)
}

/** Events of the journal after `position`. */
async function eventsAfter(position: number): Promise<readonly GatewayEvent[]> {
  const disk = await nodeDisk(join(site.folder, 'data'))
  const { storeId } = present(await readMeta(disk), 'a store')
  const events: GatewayEvent[] = []
  await scanJournal(disk, {
    after: BigInt(position),
    genesis: fastSha256(storeId),
    onEntry: ({ payload }) => {
      const entry = decodeEntry(payload)
      if (entry.kind === 'event') events.push(entry.event)
    },
  })
  return events
}

test(
  'the fence goes up, a checkpoint brings supply back, and nothing is settled twice',
  async () => {
    site = await life.start([device])
    await allWell(site)
    const before = await settledBeyond(0n)
    const file = join(site.folder, 'depot.backup')
    const { position } = await ran('backup', file)
    const lost = await settledBeyond(before + 4_000n)
    await site.gateway.kill()
    rmSync(join(site.folder, 'data'), { recursive: true })
    const restored = await ran('restore', file)
    expect(restored['position']).toBe(position)
    await site.gateway.start()
    await allWell(site)
    expect(await ran('status')).toMatchObject({ restored: { position, confirmedAtSeconds: null } })
    // What was lost with the store is settled again from what the device still proves.
    expect(await settledBeyond(lost)).toBeGreaterThan(lost)
    expect(await stopAll(site)).toEqual(cleanStop)
    const events = await eventsAfter(Number(position))
    const kinds = events.map((event) => event.kind)
    expect(kinds.filter((kind) => kind === 'fence')).toHaveLength(1)
    const checkpoint = events.findIndex(
      (event) => event.kind === 'commitment' && event.commitment.value.kind === CHECKPOINT,
    )
    expect(checkpoint).toBeGreaterThan(kinds.indexOf('fence'))
    const books = await site.books()
    expect(brokenEquations(books)).toEqual([])
    expect(books.settled).toBeGreaterThan(lost)
  },
  (3 * recoverySeconds + 60) * 1_000,
)
