import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { openLmdb } from '../../../gateway/store/io/lmdb.ts'
import { openEmbeddedLedger } from '../../../ledger/embedded/embeddedLedger.ts'
import { fastSha256, fastVerify } from '../../../ledger/io/fastVerify.ts'
import { nodeRandom, nodeTimers } from '../../../ports/io/node.ts'
import { virtualTime } from '../../support/virtualTime.ts'
import { allocationTerms, deviceOf, START_SECONDS } from './world.ts'

it('keeps its books in a real store over a restart', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'tickpay-ledger-'))
  const open = () =>
    openEmbeddedLedger({
      store: openLmdb(folder),
      clock: virtualTime(START_SECONDS * 1_000).clock,
      timers: nodeTimers,
      random: nodeRandom,
      verify: fastVerify,
      sha256: fastSha256,
      place: folder,
    })
  try {
    const first = await open()
    const { id } = await first.openAllocation(allocationTerms)
    const allocation = await first.fund(id, 1_000_000n, 'deposit-1')
    const devices = Array.from({ length: 40 }, (_, number) =>
      deviceOf(first.domain, allocation, number).commit(),
    )
    const claims = devices.map((epoch) => epoch.claim(3))
    const results = await first.submit(claims, 'k')
    expect(results.every(({ paid }) => paid === 30n)).toBe(true)
    await first.close()

    const again = await open()
    expect(again.domain).toEqual(first.domain)
    expect(await again.submit(claims, 'k')).toEqual(results)
    expect(await again.allocation(id)).toMatchObject({ paid: 1_200n, fee: 12n })
    expect([...again.channelsPaid(id)].map(({ position }) => position)).toEqual(
      devices.map((_, number) => number),
    )
    expect(again.sum()).toBe('0')
    expect(again.audit()).toEqual([])
    await again.close()
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
})
