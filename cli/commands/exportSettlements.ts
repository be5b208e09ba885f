/**
 * `tickpay export settlements`
 * @module
 */
import { OperatorError } from '../../ports/operatorError.ts'
import { defineCommand, text } from '../command.ts'
import { exitCodes, UsageError } from '../exitCodes.ts'
import { gatewayOptions, withGateway, worksOffline } from '../gatewayOptions.ts'
import { readEntries } from '../ledgerEntries.ts'
import { camt053Of } from '../settlements/camt053.ts'
import type { AccountStatement } from '../settlements/movements.ts'
import { accountStatement, csvOf, payeeAccounts } from '../settlements/movements.ts'

const formats: Readonly<Record<string, (statement: AccountStatement) => readonly string[]>> = {
  csv: csvOf,
  camt053: (statement) => camt053Of(statement, Math.floor(Date.now() / 1_000)),
}

export const command = defineCommand({
  summary: 'Prints what was settled to the payee, for accounting programs',
  details: [
    'Settlements, fees and payouts of the payee from the beginning of --from until just before',
    '--to, in UTC, or of one --day, as CSV or as a camt.053 statement. docs/exports.md describes',
    'both.',
    '',
    worksOffline,
  ],
  arguments: {},
  options: {
    day: text('DATE', 'one day, for example 2026-01-01, or "today"'),
    from: text('DATE', 'the first day, for example 2026-01-01, or a time'),
    to: text('DATE', 'the day after the last, or a time'),
    format: text('FORMAT', 'csv or camt053 (default: csv)'),
    account: text('ACCOUNT', 'which account and asset, where there are several'),
    ...gatewayOptions,
  },
  examples: [
    'tickpay export settlements --day today > today.csv',
    'tickpay export settlements --from 2026-01-01 --to 2026-02-01 > january.csv',
    'tickpay export settlements --from 2026-01-01 --to 2026-02-01 --format camt053 > january.xml',
  ],
  run: async ({ day, from, to, format = 'csv', account, ...place }, terminal) => {
    const write = Object.hasOwn(formats, format) ? formats[format] : undefined
    if (!write) throw new UsageError(`--format is csv or camt053, not "${format}"`)
    const span = spanOf(day, from, to)
    const all = { account: undefined, from: undefined, limit: undefined }
    const entries = await withGateway(place, terminal, (calls) => readEntries(calls, all))
    const [name = '', asset = ''] = oneAccount(payeeAccounts(entries), account).split(' ')
    for (const line of write(accountStatement(entries, name, asset, span))) terminal.out(line)
    return exitCodes.ok
  },
})

function oneAccount(accounts: readonly string[], asked: string | undefined): string {
  const found = accounts.filter((one) => asked === undefined || one.startsWith(asked))
  const [only] = found
  if (only !== undefined && found.length === 1) return only
  if (accounts.length === 0) throw new OperatorError('nothing was ever settled here')
  throw new OperatorError(
    `name one with --account: ${accounts.map((one) => `"${one}"`).join(', ')}`,
  )
}

const DAY_SECONDS = 86_400

function spanOf(day: string | undefined, from: string | undefined, to: string | undefined) {
  if (day !== undefined && from === undefined && to === undefined) {
    const date = day === 'today' ? new Date().toISOString().slice(0, 10) : day
    const fromSeconds = secondsOf('day', date)
    return { fromSeconds, toSeconds: fromSeconds + DAY_SECONDS }
  }
  if (day !== undefined || from === undefined || to === undefined) {
    throw new UsageError('name the span: either --from and --to, or --day alone')
  }
  const span = { fromSeconds: secondsOf('from', from), toSeconds: secondsOf('to', to) }
  if (span.fromSeconds >= span.toSeconds) throw new UsageError('--from has to be before --to')
  return span
}

function secondsOf(name: string, typed: string): number {
  const seconds = /^\d{4}-\d\d-\d\d/.test(typed) ? Date.parse(typed) / 1_000 : Number.NaN
  if (Number.isInteger(seconds)) return seconds
  throw new UsageError(`--${name} is a date such as 2026-01-31, not "${typed}"`)
}
