/**
 * `tickpay top`
 * @module
 */
import { defineCommand, flag, jsonOption, text } from '../command.ts'
import { exitCodes } from '../exitCodes.ts'
import { gatewayOptions } from '../gatewayOptions.ts'
import { openRunning } from '../io/gatewayCalls.ts'
import { lastingCalls } from '../io/lastingCalls.ts'
import { runTop } from '../live/top.ts'

export const command = defineCommand({
  summary: 'Shows a running gateway live: who consumes, who pays, what is settled',
  details: [
    'A screen that is drawn again every second; q or Ctrl-C ends it. What does not fit is left',
    'out: of the devices the busiest are shown, of the columns the last ones go first. Where there',
    'is no screen it prints a line a second. Units are those of the last report of each device.',
    'A gateway that goes away is waited for, on a screen; elsewhere that ends with exit code 3.',
    'Of a gateway with more than 2000 channels it shows some of the fleet that --fleet names.',
  ],
  arguments: {},
  options: {
    once: flag('look for a second, print what is seen and end'),
    fleet: text('FLEET', 'only devices of this fleet'),
    device: text('DEVICE', 'only this device'),
    ...gatewayOptions,
    ...jsonOption,
  },
  examples: ['tickpay top --config gateway.yaml', 'tickpay top --once --json --fleet acme'],
  run: async ({ once, fleet, device, json, ...place }, terminal) => {
    const open = () => openRunning(place)
    const calls = lastingCalls(await open(), open)
    try {
      const output = json ? 'json' : 'people'
      await runTop(calls, { part: { fleet, device }, looks: once ? 1 : 'many', output }, terminal)
      return exitCodes.ok
    } finally {
      await calls.close()
    }
  },
})
