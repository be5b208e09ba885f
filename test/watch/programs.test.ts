/**
 * What stands between a gateway that dies and money that leaves, as programs that run on: one
 * exports claims beside a real gateway, the other watches a real database.
 */
import { existsSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, expect, test } from 'vitest'
import { readClaims } from '../../cli/io/claimFiles.ts'
import { decodeClaim } from '../../gateway/store/claimFile.ts'
import { testServer } from '../ledger/postgresServer.ts'
import { siteLife, waterMeter } from '../support/siteLife.ts'
import type { Run } from '../support/siteProgram.ts'
import { until } from '../support/until.ts'
import { testFolder, writeClaims } from './scene.ts'
import { watchedSites } from './watchedSite.ts'

/** Long after this is run, for programs have the clock of the machine. */
const CLAIM_UNTIL_SECONDS = 4_000_000_000
const limitMs = 90_000
const testLimitMs = 2 * limitMs

const life = siteLife()
const openSite = watchedSites(testServer())
const folder = testFolder()
const runs: Run[] = []

function start(words: readonly string[]): Run {
  const run = life.program().start(words)
  runs.push(run)
  return run
}

const said = (run: Run, text: string) => () =>
  [...run.out, ...run.errors].some((line) => line.includes(text))

afterEach(async () => {
  await Promise.all(runs.splice(0).map(({ kill }) => kill()))
})

test(
  'an export follows its gateway, outlives it, and ends when it is told to',
  async () => {
    const site = await life.start([waterMeter])
    const file = join(folder(), 'claims.cbor')
    const words = ['export', 'claims', file, '--follow', '--every', '1']
    const run = start([...words, '--config', join(site.folder, 'gateway.yaml')])
    const indexOf = async () => {
      if (!existsSync(file)) return undefined
      const { claims } = await readClaims(file)
      return claims.map((bytes) => decodeClaim(bytes)?.index ?? 0)[0]
    }
    const first = await until('a claim', indexOf, limitMs)
    const later = await until('a later one', async () => {
      const index = await indexOf()
      return index !== undefined && index > first ? index : undefined
    })
    await site.gateway.kill()
    await until('it says so', said(run, 'no claims just now, the file stays as it is'))
    expect(await indexOf()).toBeGreaterThanOrEqual(later)
    const written = () => run.errors.filter((line) => line.includes('claims were written')).length
    const before = written()
    await site.gateway.start()
    await until('it goes on', () => written() > before, limitMs)
    expect(await run.stop()).toBe(0)
  },
  testLimitMs,
)

// T17
test(
  'T17 a watcher takes what is exported while it runs, and settles when money is asked back',
  async () => {
    const { ledger, allocation, settings, claims } = await openSite(CLAIM_UNTIL_SECONDS)
    writeClaims(folder(), ledger.domain, [claims(10)])
    const path = join(folder(), 'watch.yaml')
    const file = join(folder(), 'claims.cbor')
    writeFileSync(
      path,
      JSON.stringify({ ...settings, claims: file, marginHours: 8_784, pollSeconds: 1 }),
    )
    const run = start(['watch', '--config', path])
    await until('it runs', said(run, 'is watched, ledger of kind postgres'), limitMs)
    writeClaims(folder(), ledger.domain, [claims(70)])
    await ledger.requestWithdrawal(allocation.id, 10_000n, 'back')
    const paid = async () => (await ledger.allocation(allocation.id))?.paid
    await until('it is settled', async () => (await paid()) === 700n)
    await until('it says so', said(run, 'evidence was shown'))
    expect(await run.stop()).toBe(0)
    expect(await ledger.audit()).toEqual([])
  },
  testLimitMs,
)
