/**
 * `tickpay device rotate`
 * @module
 */
import { rotateDevice } from '../../agent/io/rotateKey.ts'
import { readAgentConfig } from '../../agent/io/runAgent.ts'
import { defineCommand, needed } from '../command.ts'
import { exitCodes } from '../exitCodes.ts'

export const command = defineCommand({
  summary: 'Moves a device to a new key, which it proves with the old one',
  details: [
    'Runs on the device. Stop its agent first: it pays what has flowed. The channels of the device',
    'close and settle under the old key, new ones begin at 0, and the fleet gives them mandates.',
    'Afterwards start the agent with the new configuration. Again it changes nothing.',
  ],
  arguments: {},
  options: {
    config: needed('FILE', 'configuration of the agent, with the old key'),
    next: needed('FILE', 'the same configuration, with the new key'),
  },
  examples: ['tickpay device rotate --config agent.yaml --next agent.next.yaml'],
  run: async ({ config, next }, terminal) => {
    const [before, after] = [
      await readAgentConfig(config, process.env),
      await readAgentConfig(next, process.env),
    ]
    const outcome = await rotateDevice(before, after, process.env)
    const what = outcome === 'rotated' ? 'has a new key' : 'had this key already'
    terminal.out(`device ${before.fleet}/${before.device} ${what}: start its agent with ${next}`)
    return exitCodes.ok
  },
})
