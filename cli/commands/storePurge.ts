/**
 * `tickpay store purge`
 * @module
 */
import { defineCommand, jsonOption, needed } from '../command.ts'
import { UsageError } from '../exitCodes.ts'
import { gatewayOptions, worksOffline } from '../gatewayOptions.ts'
import { runVerb } from '../verb.ts'

export const command = defineCommand({
  summary: 'Drops journal segments in which everything is older than a date',
  details: [
    'Whatever retention says; but not what a restart needs, which moves on with each snapshot, so',
    'run it again after ten minutes when "heldBack" is true. The heads of what is gone stay in the',
    'chain, and "tickpay journal verify" says what was purged and when.',
    '',
    worksOffline,
  ],
  arguments: {},
  options: {
    before: needed('DATE', 'such as 2026-01-31 or 2026-01-31T06:00:00Z'),
    ...gatewayOptions,
    ...jsonOption,
  },
  examples: ['tickpay store purge --before 2026-01-31 --config gateway.yaml'],
  run: async ({ before, ...how }, terminal) => {
    const beforeSeconds = Math.floor(Date.parse(before) / 1_000)
    if (!Number.isSafeInteger(beforeSeconds) || beforeSeconds < 0) {
      throw new UsageError(`--before ${before}: give a date such as 2026-01-31`)
    }
    return runVerb('store_purge', { beforeSeconds }, how, terminal)
  },
})
