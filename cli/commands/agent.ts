/**
 * `tickpay agent`
 * @module
 */
import { join } from 'node:path'
import { startAgent } from '../../agent/agent.ts'
import { AGENT_PREFIX, agentSchema } from '../../agent/config.ts'
import { openSerial } from '../../agent/io/serial.ts'
import { readConfigFile } from '../../ports/io/configFile.ts'
import { nodeDisk } from '../../ports/io/disk.ts'
import { jsonLog } from '../../ports/io/log.ts'
import { mqttConnector } from '../../ports/io/mqttConnector.ts'
import { nodePorts } from '../../ports/io/node.ts'
import { signDigest } from '../../protocol/keys.ts'
import { defineCommand, needed } from '../command.ts'
import { openKey } from '../io/keyFiles.ts'
import { runUntilStopped } from '../io/runUntilStopped.ts'
import { VERSION } from '../version.ts'

export const command = defineCommand({
  summary: 'Runs the agent of a device: reads its meters and pays for what they count',
  details: [
    'Never ends because the gateway or a meter is away: it says so and keeps trying. On SIGINT or',
    'SIGTERM it turns supply off, pays what has flowed and stops. Log lines are JSON on standard',
    'error. Every key can be set from the environment: TICKPAY_AGENT__GATEWAY__URL is gateway.url.',
  ],
  arguments: {},
  options: { config: needed('FILE', 'configuration, for example agent.yaml') },
  examples: ['tickpay agent --config agent.yaml'],
  run: async ({ config: path }, terminal) => {
    const config = await readConfigFile(path, AGENT_PREFIX, agentSchema, process.env)
    const { privateKey, publicKey, rootSecret } = await openKey(config.key, terminal.error)
    return runUntilStopped(async () => {
      const agent = await startAgent(config, {
        ports: nodePorts(jsonLog(config.logLevel)),
        connector: mqttConnector(config.gateway.url),
        openSerial,
        disk: await nodeDisk(join(config.stateDirectory)),
        signer: { publicKey, sign: (digest) => signDigest(privateKey, digest) },
        rootSecret,
        version: VERSION,
      })
      terminal.out(`agent ${config.fleet}/${config.device} pays at ${config.gateway.url}`)
      return agent
    })
  },
})
