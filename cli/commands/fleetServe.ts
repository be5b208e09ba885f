/**
 * `tickpay fleet serve`
 * @module
 */
import { fleetConfigSchema, policyOf } from '../../fleet/config.ts'
import { startHomeAssistant } from '../../fleet/homeAssistantLink.ts'
import { startFleetService } from '../../fleet/service.ts'
import { brokerConnector, brokerWarnings } from '../../ports/io/brokerLogin.ts'
import { readConfigFile } from '../../ports/io/configFile.ts'
import { jsonLog } from '../../ports/io/log.ts'
import { nodePorts } from '../../ports/io/node.ts'
import { defineCommand, needed } from '../command.ts'
import { statementWatch } from '../io/fleetStatements.ts'
import { openSigner } from '../io/keyFiles.ts'
import { runUntilStopped } from '../io/runUntilStopped.ts'
import { VERSION } from '../version.ts'

/** Prefix of the environment variables that override the configuration. */
export const fleetPrefix = 'TICKPAY_FLEET'

export const command = defineCommand({
  summary: 'Runs the service of a fleet: renews mandates, co-signs statements',
  details: [
    'Signs in at the gateway with the signer key of the fleet and keeps the mandates of its',
    'devices alive, within the limits of its policy. When the gateway is away it waits and tries',
    'again. With "statements" in its configuration it compares what the gateway states with what',
    'the devices say themselves, and co-signs or names every difference. Runs until SIGINT or',
    'SIGTERM. Log lines are JSON on standard error.',
  ],
  arguments: {},
  options: { config: needed('FILE', 'configuration, for example fleet.yaml') },
  examples: ['tickpay fleet serve --config fleet.yaml'],
  run: async ({ config: path }, terminal) => {
    const config = await readConfigFile(path, fleetPrefix, fleetConfigSchema, process.env)
    const { signerKey, ownKey } = await openSigner(config.key, terminal.error)
    const { fleet, gateway, ledger } = config
    const domain = { chainId: ledger.chainId, verifyingContract: ledger.contract }
    const identity = { fleet, signerKey, gateway, domain }
    const connector = await brokerConnector(gateway, process.env, ownKey)
    for (const line of await brokerWarnings(gateway, Date.now())) terminal.error(line)
    return runUntilStopped(async () => {
      const ports = nodePorts(jsonLog(config.log))
      const statements = await statementWatch(config, identity, ports)
      const policy = policyOf(config)
      const options = { identity, policy, connector, ...(statements ? { statements } : {}) }
      const home = config.homeAssistant
      const link =
        home &&
        startHomeAssistant(
          {
            fleet,
            prefix: home.prefix,
            version: VERSION,
            connector: await brokerConnector(home, process.env),
            onSwitch: (device, verb) => void service.request(verb, device),
          },
          ports,
        )
      const onReport = link ? { onReport: link.take } : {}
      const service = startFleetService({ ...options, ...onReport }, ports)
      terminal.out(`fleet ${fleet} is served at ${gateway.url}`)
      const close = async () => {
        await Promise.all([service.stop(), link?.stop()])
      }
      return { close }
    })
  },
})
