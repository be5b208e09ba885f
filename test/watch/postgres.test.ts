/** The gateway is dead, the fleet asks its money back, and a watcher settles in a real database. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { run } from '../../cli/run.ts'
import { testServer } from '../ledger/postgresServer.ts'
import { postgresWorlds } from '../ledger/postgresWorld.ts'
import { testTerminal } from '../support/testTerminal.ts'
import { allocationTerms, DAY_SECONDS, deviceOf, START_SECONDS } from '../unit/ledger/world.ts'
import { openWatcher, ownerCommands, testFolder, writeClaims } from './scene.ts'

const server = testServer()
const openWorld = postgresWorlds(server)
const folder = testFolder()

/** A ledger with one funded allocation and a device, and a login of the watcher alone. */
async function site() {
  const world = await openWorld()
  const { ledger, database } = world
  const opened = await ledger.openAllocation(allocationTerms)
  const allocation = await ledger.fund(opened.id, 10_000n, 'deposit')
  const user = `watcher_${database}`
  await server.sql(
    database,
    `CREATE ROLE ${user} LOGIN; GRANT tickpay_gateway TO ${user};` +
      ` INSERT INTO tickpay.gateway_logins VALUES ('${user}', 'gate-1')`,
  )
  const { host, port } = server.place(database)
  const settings = { ledger: { kind: 'postgres', host, port, database, user } }
  const one = deviceOf(ledger.domain, allocation, 1)
  const mandate = one.signMandate({ claimUntil: START_SECONDS + 30 * DAY_SECONDS })
  const epoch = one.commit()
  return {
    ...world,
    allocation,
    settings,
    claim: (index: number) => epoch.claim(index, { mandate }),
  }
}

// T17
test('T17 settles before the notice ends; what is left leaves', async () => {
  const { ledger, allocation, settings, claim, advance } = await site()
  const watcher = await openWatcher(settings, [claim(70)])
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
  const { ledger, allocation, settings, claim } = await site()
  await ledger.requestWithdrawal(allocation.id, 10_000n, 'back')
  const path = join(folder(), 'watch.yaml')
  const claims = writeClaims(folder(), ledger.domain, [claim(70)])
  const look = async (changes: object, ...words: readonly string[]) => {
    writeFileSync(path, JSON.stringify({ ...settings, claims, ...changes }))
    const terminal = testTerminal()
    const code = await run(['watch', '--config', path, '--once', '--json', ...words], terminal)
    return { code, ...JSON.parse(terminal.outLines[0] ?? '{}') }
  }
  expect(await look({ marginHours: 1 })).toMatchObject({ code: 0, open: '700', shown: [] })
  const first = await look({ marginHours: 8_784 })
  expect(first).toMatchObject({ code: 0, paid: '700', open: '0', refused: 0 })
  const all = await look({ marginHours: 1 }, '--all')
  expect(all).toMatchObject({ paid: '0', shown: [{ reason: 'asked', status: 'repeated' }] })
})

test('the owner takes its money back: announced, too early, executed', async () => {
  const { ledger, allocation, settings, claim, advance, database } = await site()
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
  await ledger.submit([claim(70)], 'meanwhile')
  await advance(leavesAt - START_SECONDS)
  const done = await withdraw(leavesAt, '--execute')
  expect(done).toMatchObject({ code: 0, outcome: 'executed', amount: '9300' })
  expect((await withdraw(leavesAt, '--execute')).error).toMatch(/no withdrawal waits/)
  expect(await ledger.audit()).toEqual([])
})
