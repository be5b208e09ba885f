/**
 * Power fails between any two writes of a real gateway that takes a tick and settles: whatever of
 * the unsynced writes the disk has, acknowledged is there, and every unit is settled once.
 */
import { cpSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { looked } from '../support/faultRuns.ts'
import { type FaultSite, faultSite, priceOf } from '../support/faultSite.ts'
import {
  cutPower,
  LOSSES,
  readReplay,
  replayWords,
  synchronousFiles,
  unsyncedAt,
} from '../support/powerCut.ts'
import { attach, ONE_THREAD, whyStraceIsMissing } from '../support/strace.ts'

if (whyStraceIsMissing !== undefined) process.stderr.write(`NOT RUN: ${whyStraceIsMissing}\n`)

let site: FaultSite

beforeAll(async () => {
  site = await faultSite()
})

afterAll(() => site?.remove())

/** The log of a tick and a settlement, and the store as it was before them. */
async function recorded() {
  const store = site.copy()
  const before = join(store.folder, '..', 'before-the-cut')
  const log = join(store.folder, '..', 'writes')
  const gateway = await store.start({ env: ONE_THREAD })
  const session = await gateway.login()
  await session.tick(site.committed, site.ticks + 1)
  cpSync(store.data, before, { recursive: true, filter: (path) => !path.endsWith('.sock') })
  const synchronous = synchronousFiles(gateway.pid)
  const tracer = await attach(gateway.pid, replayWords(log))
  await session.tick(site.committed, site.ticks + 2)
  await gateway.calls.call('settle', {})
  await tracer.detach()
  await session.transport.close()
  await gateway.run.kill()
  return { replay: readReplay(log, `${store.data}/`, synchronous), before, data: store.data }
}

test.skipIf(whyStraceIsMissing !== undefined)(
  '(!) power fails at every write of a tick and a settlement',
  async () => {
    const { replay, before, data } = await recorded()
    expect(replay.writes.size).toBeGreaterThanOrEqual(5)
    const ticks = site.ticks + 2
    for (let cut = 0; cut <= replay.steps; cut++) {
      // Without anything that is open, all losses are the same.
      for (const loss of unsyncedAt(replay, cut) === 0 ? ['dropped' as const] : LOSSES) {
        const store = site.copy()
        cpSync(before, store.data, { recursive: true })
        cutPower(replay, cut, loss, (path) => path.replace(data, store.data))
        const promised = {
          // Its record is written and synced first of all.
          ticks: cut >= 2 ? ticks : ticks - 1,
          sent: ticks,
          settled: cut === replay.steps ? priceOf(ticks) : 0n,
          backup: false,
        }
        expect({ cut, loss, faults: await looked(site, store, promised) }).toEqual({
          cut,
          loss,
          faults: [],
        })
        store.remove()
      }
    }
  },
  300_000,
)
