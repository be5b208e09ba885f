/**
 * `tickpay settle`
 * @module
 */
import { defineCommand, jsonOption, text } from '../command.ts'
import { type ExitCode, exitCodes, UsageError } from '../exitCodes.ts'
import { type GatewayValues, gatewayOptions, withGateway, worksOffline } from '../gatewayOptions.ts'
import { readClaims, submitClaims } from '../io/claimFiles.ts'
import { jsonText } from '../jsonLine.ts'
import type { Terminal } from '../terminal.ts'
import { runVerb } from '../verb.ts'

export const command = defineCommand({
  summary: 'Settles now what is owed, without waiting for the period',
  details: [
    'With --claims it settles what "tickpay export claims" wrote, on this machine or another: the',
    'ledger checks every claim itself and pays what was not paid yet. Exit code 1 when it refuses',
    'one.',
    '',
    '"tickpay status" lists what the ledger refused, with its reason. --retry shows it again,',
    'when what was wrong is mended.',
    '',
    worksOffline,
  ],
  arguments: {},
  options: {
    claims: text('FILE', 'settle the evidence in this file instead'),
    retry: text('CHANNEL', 'also what was put aside: fleet/device/meter, an id, or "all"'),
    ...gatewayOptions,
    ...jsonOption,
  },
  examples: [
    'tickpay settle --config gateway.yaml',
    'tickpay settle --retry acme/ev-1/main --config gateway.yaml',
    'tickpay settle --claims claims.cbor --config gateway.yaml',
  ],
  run: ({ claims, retry, ...how }, terminal) => {
    if (claims === undefined) {
      return runVerb('settle', retry === undefined ? {} : { retry }, how, terminal)
    }
    if (retry === undefined) return settleClaims(claims, how, terminal)
    throw new UsageError('--claims and --retry exclude each other')
  },
})

async function settleClaims(
  path: string,
  { json, ...place }: GatewayValues & { readonly json: boolean },
  terminal: Terminal,
): Promise<ExitCode> {
  const read = await readClaims(path)
  const results = await withGateway(place, terminal, (calls, { tell }) =>
    submitClaims(calls, path, read, tell),
  )
  const paid = results.reduce((sum, one) => sum + BigInt(one.paid), 0n)
  const refused = results.filter(({ status }) => status === 'refused')
  if (json) {
    const counts = { channels: results.length, paid: paid.toString(), refused: refused.length }
    terminal.out(jsonText({ ...counts, results }))
  } else {
    for (const { channelId, reason } of refused) terminal.out(`refused ${channelId}: ${reason}`)
    terminal.out(`${results.length} claims, ${paid} minor units paid, ${refused.length} refused`)
  }
  return refused.length === 0 ? exitCodes.ok : exitCodes.failed
}
