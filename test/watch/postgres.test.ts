/** The gateway is dead, the fleet asks its money back, and a watcher settles in a real database. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { testServer } from '../ledger/postgresServer.ts'
import { DAY_SECONDS, START_SECONDS } from '../unit/ledger/world.ts'
import { openWatcher, ownerCommands, runAt, testFolder, writeClaims } from './scene.ts'
import { watchedSites } from './watchedSite.ts'

const CLAIM_UNTIL_SECONDS = START_SECONDS + 30 * DAY_SECONDS

const server = testServer()
const openSite = watchedSites(server)
const site = () => openSite(CLAIM_UNTIL_SECONDS)
const folder = testFolder()

// T17
test('T17 settles before the notice ends; what is left leaves', async () => {
  const { ledger, allocation, settings, claims, advance } = await site()
  const watcher = await openWatcher(settings, [claims(70)])
  expect(await watcher.look('due')).toMatchObject({ shown: [], open: 700n })
  const { withdrawing } = await ledger.requestWithdrawal(allocation.id, 10_000n, 'back')
  const leavesAt = withdrawing[0]?.availableAtSeconds ?? 0
  expect((await watcher.look('due')).shown).toEqual([])
  const seconds = leavesAt - 3 * DAY_SECONDS - START_SECONDS
  await advance(seconds)
  watcher.passTo(START_SECONDS + seconds)
  const { shown } = await watcher.look('due')
  expect(shown).toMatchObject([{ reason: 'withdrawal', result: { status: 'paid', paid: 700n } }])
  await expect(ledger.completeWithdrawal(allocation.id, 'back')).rejects.toThrow()
  await watcher.close()
  await advance(3 * DAY_SECONDS)
  expect(await ledger.completeWithdrawal(allocation.id, 'back')).toBe(9_300n)
  expect(await ledger.audit()).toEqual([])
})

test('from the command line: one look, and once more for nothing', async () => {
  const { ledger, allocation, settings, claims } = await site()
  await ledger.requestWithdrawal(allocation.id, 10_000n, 'back')
  const path = join(folder(), 'watch.yaml')
  const file = writeClaims(folder(), ledger.domain, [claims(70)])
  const look = (laterSeconds: number, changes: object, ...words: readonly string[]) => {
    writeFileSync(path, JSON.stringify({ ...settings, claims: file, ...changes }))
    const all = ['watch', '--config', path, '--once', '--json', ...words]
    return runAt(START_SECONDS + laterSeconds, all)
  }
  expect(await look(0, { marginHours: 1 })).toMatchObject({ code: 0, open: '700', shown: [] })
  const first = await look(1, { marginHours: 8_784 })
  expect(first).toMatchObject({ code: 0, paid: '700', open: '0', refused: 0 })
  const all = await look(2, { marginHours: 1 }, '--all')
  expect(all).toMatchObject({ paid: '0', shown: [{ reason: 'asked', status: 'repeated' }] })
})

test('the owner takes its money back: announced, too early, executed', async () => {
  const { ledger, allocation, settings, claims, advance, database } = await site()
  const { user } = settings.ledger
  await server.sql(database, `GRANT tickpay_operator TO ${user}`)
  const { fleet, gateway, payee, asset } = allocation
  const where = { fleet, gateway, payee: Buffer.from(payee).toString('hex'), asset }
  const withdraw = ownerCommands(folder(), { ...where, ledger: settings.ledger })
  const announced = await withdraw(START_SECONDS, 'all', '--reference', 'back-1')
  expect(announced).toMatchObject({ code: 0, outcome: 'announced', amount: '10000' })
  // The same command again changes nothing.
  expect(await withdraw(START_SECONDS, 'all', '--reference', 'back-1')).toEqual(announced)
  expect((await withdraw(START_SECONDS, '1')).error).toMatch(/at most 0 are left/)
  const leavesAt = announced.availableAtSeconds
  expect((await withdraw(leavesAt - 1, '--execute')).error).toMatch(
    /the notice of back-1 is not over/,
  )
  await ledger.submit([claims(70)], 'meanwhile')
  await advance(leavesAt - START_SECONDS)
  const done = await withdraw(leavesAt, '--execute')
  expect(done).toMatchObject({ code: 0, outcome: 'executed', amount: '9300' })
  expect((await withdraw(leavesAt, '--execute')).error).toMatch(/no withdrawal waits/)
  expect(await ledger.audit()).toEqual([])
})
