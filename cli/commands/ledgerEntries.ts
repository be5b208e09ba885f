/**
 * `tickpay ledger entries`
 * @module
 */
import { entriesAnswer, readAnswer } from '../answers.ts'
import { defineCommand, flag, text } from '../command.ts'
import { exitCodes, UsageError } from '../exitCodes.ts'
import { gatewayOptions, jsonOption, withGateway, worksOffline } from '../gatewayOptions.ts'
import { jsonText } from '../jsonLine.ts'
import { csvLines, dataLines } from '../show.ts'

export const command = defineCommand({
  summary: 'Lists the entries of the ledger, oldest first',
  details: [worksOffline],
  arguments: {},
  options: {
    account: text('ACCOUNT', 'only of this account'),
    from: text('NUMBER', 'the first entry to show'),
    limit: text('COUNT', 'how many at most'),
    csv: flag('print CSV, for spreadsheets'),
    ...gatewayOptions,
    ...jsonOption,
  },
  examples: ['tickpay ledger entries --csv > entries.csv'],
  run: async ({ account, from, limit, csv, json, ...place }, terminal) => {
    if (csv && json) throw new UsageError('--csv and --json exclude each other')
    const args = { account, from: wholeNumber('from', from), limit: wholeNumber('limit', limit) }
    const data = await withGateway(place, terminal, ({ call }) => call('ledger_entries', args))
    const { entries } = readAnswer(entriesAnswer, data)
    const lines = json ? [jsonText(entries)] : csv ? csvLines(entries) : dataLines(entries)
    for (const line of lines) terminal.out(line)
    return exitCodes.ok
  },
})

function wholeNumber(name: string, typed: string | undefined): number | undefined {
  if (typed === undefined) return undefined
  const value = Number(typed)
  if (/^\d{1,15}$/.test(typed)) return value
  throw new UsageError(`--${name} is a whole number, not "${typed}"`)
}
