/**
 * `tickpay agent`
 * @module
 */
import { readClaimedConfig } from '../../agent/io/claim.ts'
import { readAgentConfig, runAgent } from '../../agent/io/runAgent.ts'
import { defineCommand, needed, text } from '../command.ts'
import { runUntilStopped } from '../io/runUntilStopped.ts'
import { VERSION } from '../version.ts'

export const command = defineCommand({
  summary: 'Runs the agent of a device: reads its meters and pays for what they count',
  details: [
    'Never ends because the gateway or a meter is away: it says so and keeps trying. On SIGINT or',
    'SIGTERM it turns supply off, pays what has flowed and stops. Log lines are JSON on standard',
    'error. With a claim (also TICKPAY_CLAIM) it first asks to be enrolled and waits.',
    'Every key can be set from the environment: TICKPAY_AGENT__GATEWAY__URL is gateway.url.',
  ],
  arguments: {},
  options: {
    config: needed('FILE', 'configuration, for example agent.yaml'),
    claim: text('CLAIM', 'the device is new: a claim, or better a file with one'),
  },
  examples: [
    'tickpay agent --config agent.yaml',
    'tickpay agent --config agent.yaml --claim /etc/tickpay/claim',
  ],
  run: async ({ config: path, claim = process.env['TICKPAY_CLAIM'] }, terminal) => {
    const config =
      claim === undefined
        ? await readAgentConfig(path, process.env)
        : await readClaimedConfig(path, process.env, claim)
    return runUntilStopped(async () => {
      const agent = await runAgent(config, process.env, VERSION)
      terminal.out(`agent ${config.fleet}/${config.device} pays at ${config.gateway.url}`)
      return agent
    })
  },
})
