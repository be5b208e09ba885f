/**
 * Where a fleet keeps what it co-signed, and what it is compared with.
 * @module
 */
import { type FleetConfig, tolerancesOf } from '../../fleet/config.ts'
import type { FleetIdentity } from '../../fleet/login.ts'
import { signedStatements } from '../../fleet/signedStatements.ts'
import { type StatementWatch, watchStatements } from '../../fleet/statementWatch.ts'
import type { Ports } from '../../ports/index.ts'
import { nodeDisk } from '../../ports/io/disk.ts'

/** Undefined where the configuration names no place for what is signed. */
export async function statementWatch(
  config: FleetConfig,
  identity: FleetIdentity,
  ports: Ports,
): Promise<StatementWatch | undefined> {
  const tolerances = tolerancesOf(config)
  if (!config.statements || !tolerances) return undefined
  const signed = signedStatements(await nodeDisk(config.statements.data))
  return watchStatements({ identity, tolerances, signed }, ports)
}
