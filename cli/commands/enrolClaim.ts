/**
 * `tickpay enrol claim`
 * @module
 */
import * as v from 'valibot'
import { OperatorError } from '../../ports/operatorError.ts'
import { argument, defineCommand, jsonOption, list, needed, text } from '../command.ts'
import { readMeters } from '../enrolment.ts'
import { exitCodes, UsageError } from '../exitCodes.ts'
import { gatewayOptions, withGateway, worksOffline } from '../gatewayOptions.ts'
import { jsonText } from '../jsonLine.ts'

const answerValue = v.object({ token: v.string() })

export const command = defineCommand({
  summary: 'Lets a device with this serial number ask to be enrolled',
  details: [
    'Prints a claim, once. Start the agent of the device with it ("tickpay agent --claim"): it',
    'makes its own key and asks; "tickpay enrol pending" lists it, "tickpay enrol approve" lets it',
    'in. A claim is good for the first key that asks with it.',
    '',
    worksOffline,
  ],
  arguments: { serial: argument('serial number of the device: a-z, 0-9 and "-"') },
  options: {
    fleet: needed('FLEET', 'the fleet that pays for the device'),
    device: text('DEVICE', 'its name from then on (default: the serial number)'),
    meter: list('METER:UNIT', 'a meter and what it counts: Wh, mL, s or kB'),
    hours: text('HOURS', 'how long it may ask (default: 168)'),
    ...gatewayOptions,
    ...jsonOption,
  },
  examples: ['tickpay enrol claim sn-4711 --fleet acme --device ev-1 --meter main:Wh'],
  run: async ({ serial, fleet, device, meter, hours, json, ...place }, terminal) => {
    const meters = readMeters(meter)
    const span = hours === undefined ? undefined : Number(hours)
    if (span !== undefined && !Number.isInteger(span)) {
      throw new UsageError(`--hours is a whole number, not "${hours}"`)
    }
    const args = { fleet, serial, device, meters, hours: span }
    const data = await withGateway(place, terminal, ({ call }) => call('claim_add', args))
    const parsed = v.safeParse(answerValue, data)
    if (!parsed.success) throw new OperatorError('the gateway answered no claim')
    if (json) {
      terminal.out(jsonText(data))
    } else {
      terminal.out(parsed.output.token)
      terminal.error('the claim cannot be shown again; whoever has it may ask in its place')
    }
    return exitCodes.ok
  },
})
