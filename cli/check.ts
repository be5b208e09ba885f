/**
 * Checks a configuration as far as that is possible without starting anything.
 * @module
 */
import { fleetConfigSchema } from '../fleet/config.ts'
import type { KeyFileConfig } from '../ports/configTypes.ts'
import { readConfigFile } from '../ports/io/configFile.ts'
import { readStoreKey } from '../ports/io/storeKey.ts'
import { formatPublicKey } from '../ports/keyText.ts'
import { fleetPrefix } from './commands/fleetServe.ts'
import { readGatewayConfig } from './io/gatewayCalls.ts'
import { openKey } from './io/keyFiles.ts'
import { readYaml } from './io/readYaml.ts'
import type { Role } from './role.ts'

export type CheckResult = {
  /** Lines about what works and may not for long. */
  readonly warnings: readonly string[]
  /** What was found out on the way. */
  readonly facts: Readonly<Record<string, string>>
}

const checks: Readonly<Record<Role, (path: string) => Promise<CheckResult>>> = {
  gateway: async (path) => {
    const { key, storeKey } = await readGatewayConfig(path)
    const checked = await checkKey(key)
    const warning = storeKey && (await readStoreKey(storeKey, process.env)).warning
    return warning ? { ...checked, warnings: [...checked.warnings, warning] } : checked
  },
  agent: async (path) => {
    const { configWarnings, readAgentConfig } = await import('../agent/io/runAgent.ts')
    const config = await readAgentConfig(path, process.env)
    const { warnings, facts } = await checkKey(config.key)
    return { warnings: [...warnings, ...configWarnings(config)], facts }
  },
  fleet: async (path) => {
    const config = await readConfigFile(path, fleetPrefix, fleetConfigSchema, process.env)
    return checkKey(config.key)
  },
  'meter-sim': async (path) => {
    const { parseMeterSimConfig } = await import('../firmware-sim/config.ts')
    parseMeterSimConfig(await readYaml(path))
    return { warnings: [], facts: {} }
  },
}

/** @throws OperatorError, one line, when something is wrong */
export function checkConfiguration(path: string, role: Role): Promise<CheckResult> {
  return checks[role](path)
}

/** The key opens with its passphrase; others than the owner may be able to read it. */
async function checkKey(key: KeyFileConfig): Promise<CheckResult> {
  const warnings: string[] = []
  const { publicKey } = await openKey(key, (line) => warnings.push(line))
  return { warnings, facts: { publicKey: formatPublicKey(publicKey) } }
}
