/**
 * Real agents before a ledger that charges for each step of a tail: what the gateway asks for, they
 * sign, and nothing is lost or paid twice.
 */
import { expect, test } from 'vitest'
import { CHECKPOINT_WAIT_MS } from '../../gateway/settle/checkpoints.ts'
import type { EmbeddedLedger } from '../../ledger/embedded/embeddedLedger.ts'
import { CHEAP_TAIL_TICKS } from '../../ledger/evm/evidence.ts'
import { present } from '../../protocol/assert.ts'
import { brokenEquations } from '../support/siteFigures.ts'
import { virtualSite } from '../support/siteVirtual.ts'
import { testTariff } from '../support/virtualGateway.ts'

const LONG_TAIL_TICKS = 20

/** A site whose ledger charges as a contract does, and the tails that it was shown. */
async function dearSite(devices: readonly string[]) {
  const tails: number[] = []
  const wrapLedger = (real: EmbeddedLedger): EmbeddedLedger => ({
    ...real,
    cheapTail: CHEAP_TAIL_TICKS,
    submit: (claims, key) => {
      tails.push(...claims.map(({ index }) => index))
      return real.submit(claims, key)
    },
  })
  const site = await virtualSite({
    config: { tariffs: [testTariff({ unitsPerTick: 1n })] },
    devices: devices.map((device) => ({ device })),
    options: { wrapLedger },
  })
  const indexOf = async (device: string) => (await site.channel(device)).index
  for (const device of devices) {
    await site.until(
      `a long tail of ${device}`,
      async () => (await indexOf(device)) > LONG_TAIL_TICKS,
    )
  }
  const settle = async () => {
    const startMs = site.world.time.clock.monotonicMs()
    const settled = await site.during(site.world.gateway.call('settle', {}))
    return { settled, tookMs: site.world.time.clock.monotonicMs() - startMs }
  }
  return { site, tails, settle }
}

test('(!) agents that are asked sign a checkpoint, and the ledger is shown no steps', async () => {
  const { site, tails, settle } = await dearSite(['ev', 'pump'])
  const { settled, tookMs } = await settle()
  expect(settled).toMatchObject({ channels: 2, refused: 0 })
  expect(tails).toHaveLength(2)
  expect(Math.max(...tails)).toBeLessThanOrEqual(CHEAP_TAIL_TICKS)
  expect(tookMs).toBeLessThan(CHECKPOINT_WAIT_MS)
  const { signatures, refused } = await site.counters()
  expect(signatures.commitments.checkpoints).toBe(2)
  expect(refused).toEqual({})
  // They go on in the new epoch.
  await site.until('ticks after it', async () => (await site.channel('ev')).index > LONG_TAIL_TICKS)
  expect((await site.channel('ev')).supply).toBe('on')
  expect(brokenEquations(await site.close())).toEqual([])
  expect(site.world.ledger.audit()).toEqual([])
})

test('one that dies is settled with its tail, and the others without', async () => {
  const { site, tails, settle } = await dearSite(['ev', 'pump'])
  site.device('pump').kill()
  const { settled, tookMs } = await settle()
  expect(settled).toMatchObject({ channels: 2, refused: 0 })
  const [shorter, longer] = tails.toSorted((a, b) => a - b)
  expect(shorter).toBeLessThanOrEqual(CHEAP_TAIL_TICKS)
  expect(present(longer, 'the tail of the other')).toBeGreaterThan(LONG_TAIL_TICKS)
  expect(tookMs).toBeLessThan(CHECKPOINT_WAIT_MS + 1_000)
  await site.device('pump').restart()
  await site.until('both online', async () => (await site.channel('pump')).supply === 'on')
  expect(brokenEquations(await site.close())).toEqual([])
})
