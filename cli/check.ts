/**
 * Checks a configuration as far as that is possible without starting anything.
 * @module
 */
import { fleetConfigSchema } from '../fleet/config.ts'
import { publicKeyFor, signFor } from '../fleet/signer.ts'
import type { ListenerConfig } from '../gateway/config.ts'
import type { DeviceKeyConfig, KeyFileConfig, SignerKeyConfig } from '../ports/configTypes.ts'
import { type BrokerAddress, brokerConnector, brokerWarnings } from '../ports/io/brokerLogin.ts'
import { readConfigFile } from '../ports/io/configFile.ts'
import { probeSigner } from '../ports/io/signerCommand.ts'
import { readStoreKey } from '../ports/io/storeKey.ts'
import { formatPublicKey } from '../ports/keyText.ts'
import type { PrivateKey } from '../protocol/keys.ts'
import { fleetPrefix } from './commands/fleetServe.ts'
import { watchPrefix } from './commands/watch.ts'
import { readGatewayConfig } from './io/gatewayCalls.ts'
import { openKey, openSigner } from './io/keyFiles.ts'
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
    const { key, storeKey, listeners } = await readGatewayConfig(path)
    const { warnings, facts } = await checkKey(key)
    const warning = storeKey && (await readStoreKey(storeKey, process.env)).warning
    const others = [...(warning ? [warning] : []), ...(await checkListeners(listeners))]
    return { warnings: [...warnings, ...others], facts }
  },
  agent: async (path) => {
    const { configWarnings, readAgentConfig } = await import('../agent/io/runAgent.ts')
    const config = await readAgentConfig(path, process.env)
    const { warnings, facts } = await checkDeviceKey(config.key, config.gateway)
    return { warnings: [...warnings, ...configWarnings(config)], facts }
  },
  fleet: async (path) => {
    const config = await readConfigFile(path, fleetPrefix, fleetConfigSchema, process.env)
    return checkSigner(config.key, config.gateway)
  },
  watch: async (path) => {
    const { watchConfigSchema } = await import('../ledger/watch/config.ts')
    await readConfigFile(path, watchPrefix, watchConfigSchema, process.env)
    return { warnings: [], facts: {} }
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

/** Certificates fit their keys and are to be trusted; some of them may end soon. */
async function checkListeners(listeners: readonly ListenerConfig[]): Promise<readonly string[]> {
  const { readTlsFiles } = await import('../gateway/broker/io/tlsFiles.ts')
  const all = await Promise.all(
    listeners.map((one) => ('certificate' in one ? readTlsFiles(one, undefined) : undefined)),
  )
  return all.flatMap((files) => files?.warningsAt(Date.now()) ?? [])
}

/** The key opens with its passphrase. */
async function checkKey(key: KeyFileConfig): Promise<CheckResult> {
  const warnings: string[] = []
  const { publicKey } = await openKey(key, (line) => warnings.push(line))
  return { warnings, facts: { publicKey: formatPublicKey(publicKey) } }
}

/** As `checkKey`; a command is asked for a signature. */
async function checkSigner(key: SignerKeyConfig, broker: BrokerAddress): Promise<CheckResult> {
  const warnings: string[] = []
  const { signerKey, ownKey } = await openSigner(key, (line) => warnings.push(line))
  if (ownKey === undefined) await probeSigner({ sign: (digest) => signFor(signerKey, digest) })
  warnings.push(...(await checkBroker(broker, ownKey)))
  return { warnings, facts: { publicKey: formatPublicKey(publicKeyFor(signerKey)) } }
}

/** As `checkKey`; a command is asked for a signature, to see that the public key is its. */
async function checkDeviceKey(key: DeviceKeyConfig, broker: BrokerAddress): Promise<CheckResult> {
  const { openDeviceKey } = await import('../agent/io/deviceKey.ts')
  const { ownKey, signer, warnings } = await openDeviceKey(key, process.env)
  if (ownKey === undefined) await probeSigner(signer)
  const others = await checkBroker(broker, ownKey)
  const facts = { publicKey: formatPublicKey(signer.publicKey) }
  return { warnings: [...warnings, ...others], facts }
}

/** Looks at the files that are named, and connects to nobody. */
async function checkBroker(
  broker: BrokerAddress,
  ownKey: PrivateKey | undefined,
): Promise<readonly string[]> {
  await brokerConnector(broker, process.env, ownKey)
  return brokerWarnings(broker, Date.now())
}
