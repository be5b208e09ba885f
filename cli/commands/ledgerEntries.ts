/**
 * `tickpay ledger entries`
 * @module
 */
import { defineCommand, flag, jsonOption, text } from '../command.ts'
import { exitCodes, UsageError } from '../exitCodes.ts'
import { gatewayOptions, withGateway, worksOffline } from '../gatewayOptions.ts'
import { jsonText } from '../jsonLine.ts'
import { readEntries } from '../ledgerEntries.ts'
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
    const query = { account, from: wholeNumber('from', from), limit: wholeNumber('limit', limit) }
    const entries = await withGateway(place, terminal, (calls) => readEntries(calls, query))
    const lines = json ? [jsonText(entries)] : csv ? csvLines(entries) : dataLines(entries)
    for (const line of lines) terminal.out(line)
    return exitCodes.ok
  },
})

function wholeNumber(name: string, typed: string | undefined): number | undefined {
  if (typed === undefined) return undefined
  if (/^[1-9]\d{0,14}$/.test(typed)) return Number(typed)
  throw new UsageError(`--${name} is a whole number from 1, not "${typed}"`)
}
