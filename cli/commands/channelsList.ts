/**
 * `tickpay channels list`
 * @module
 */
import type { ChannelReport } from '../../fleet/reports.ts'
import { formatAmount } from '../../protocol/amount.ts'
import { channelsAnswer, readAnswer } from '../answers.ts'
import { defineCommand, jsonOption, text } from '../command.ts'
import { exitCodes } from '../exitCodes.ts'
import { gatewayOptions, withGateway, worksOffline } from '../gatewayOptions.ts'
import { jsonText } from '../jsonLine.ts'
import { timeText } from '../show.ts'
import { grouped, left, right, tableLines } from '../table.ts'

export const command = defineCommand({
  summary: 'Lists channels: what was paid, reserved and settled',
  details: [worksOffline],
  arguments: {},
  options: {
    ...gatewayOptions,
    fleet: text('FLEET', 'only of this fleet'),
    device: text('DEVICE', 'only of this device'),
    ...jsonOption,
  },
  examples: ['tickpay channels list --config gateway.yaml --fleet acme'],
  run: async ({ fleet, device, json, ...place }, terminal) => {
    const data = await withGateway(place, terminal, ({ call }) =>
      call('channels', { fleet, device }),
    )
    const lines = json ? [jsonText(data)] : channelLines(readAnswer(channelsAnswer, data))
    for (const line of lines) terminal.out(line)
    return exitCodes.ok
  },
})

const columns = [
  left('fleet/device'),
  left('meter'),
  left('state'),
  right('units paid'),
  right('paid'),
  right('reserved'),
  right('settled'),
  left('supply'),
  left('mandate until'),
]

function channelLines(channels: readonly ChannelReport[]): readonly string[] {
  if (channels.length === 0) return ['no channels']
  return tableLines(columns, channels.map(channelRow))
}

function channelRow(one: ChannelReport): readonly string[] {
  return [
    `${one.fleet}/${one.device}`,
    one.meter,
    one.state,
    `${grouped(one.unitsPaid)} ${one.unit}`,
    formatAmount(one.paid, one.asset),
    formatAmount(one.reserved, one.asset),
    formatAmount(one.settled, one.asset),
    one.reason === 'ok' ? one.supply : `${one.supply} (${one.reason})`,
    one.mandate === null ? '-' : timeText(one.mandate.expiry),
  ]
}
