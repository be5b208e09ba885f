/**
 * A ledger in a real database with one funded allocation, a device of it, and a login that is the
 * watcher's alone.
 * @module
 */
import type { TestServer } from '../ledger/postgresServer.ts'
import { postgresWorlds } from '../ledger/postgresWorld.ts'
import { allocationTerms, deviceOf } from '../unit/ledger/world.ts'

/** `claims(index)` are under a mandate that can be claimed until `claimUntil`. */
export function watchedSites(server: TestServer) {
  const openWorld = postgresWorlds(server)
  return async (claimUntil: number) => {
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
    const mandate = one.signMandate({ claimUntil })
    const epoch = one.commit()
    return {
      ...world,
      allocation,
      settings,
      claims: (index: number) => epoch.claim(index, { mandate }),
    }
  }
}
