/**
 * `tickpay evidence export`
 * @module
 */
import * as v from 'valibot'
import { readAnswer } from '../answers.ts'
import { argument, defineCommand, text } from '../command.ts'
import { exitCodes, UsageError } from '../exitCodes.ts'
import { gatewayOptions, withGateway, worksOffline } from '../gatewayOptions.ts'
import { agentEvidence } from '../io/agentEvidence.ts'
import { writeEvidence } from '../io/evidenceFiles.ts'

const answer = v.object({ bundle: v.string() })

export const command = defineCommand({
  summary: 'Writes all evidence of one channel to a file that stands alone',
  details: [
    'At the gateway with --channel: tariff, channel, mandates, commitment, last word, receipt and',
    'what was stated. At a device with --agent and --meter: the newest receipt of the gateway.',
    '"tickpay evidence verify" decides by such files alone. They prove the same to everybody and',
    'contain no secret; they do name fleet, gateway and meter.',
    '',
    worksOffline,
  ],
  arguments: { file: argument('new file') },
  options: {
    ...gatewayOptions,
    channel: text('ID', 'id of the channel, in hex'),
    agent: text('FILE', 'configuration of an agent, instead of a gateway'),
    meter: text('NAME', 'meter of the agent'),
  },
  examples: [
    'tickpay evidence export bundle.json --channel 1f2e... --config gateway.yaml',
    'tickpay evidence export device.json --agent agent.yaml --meter energy',
  ],
  run: async ({ file, channel, agent, meter, ...place }, terminal) => {
    if (agent !== undefined) {
      if (meter === undefined) throw new UsageError('--agent needs --meter')
      await writeEvidence(file, await agentEvidence(agent, meter, process.env))
    } else {
      if (channel === undefined) throw new UsageError('name a channel with --channel')
      const said = await withGateway(place, terminal, ({ call }) => call('evidence', { channel }))
      await writeEvidence(file, readAnswer(answer, said).bundle)
    }
    terminal.out(`${file} was written`)
    return exitCodes.ok
  },
})
