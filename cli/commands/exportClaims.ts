/**
 * `tickpay export claims`
 * @module
 */
import { argument, defineCommand, jsonOption } from '../command.ts'
import { exitCodes } from '../exitCodes.ts'
import { gatewayOptions, withGateway, worksOffline } from '../gatewayOptions.ts'
import { exportClaims } from '../io/claimFiles.ts'
import { jsonText } from '../jsonLine.ts'

export const command = defineCommand({
  summary: 'Writes the evidence of all unsettled channels to one file',
  details: [
    'Channel, mandate, commitment and last word of each: all that the ledger needs to pay, on',
    'whichever machine "tickpay settle --claims" is run. It is evidence for this payee and ledger',
    'alone, so it is not encrypted; it does name fleets, gateway and meters.',
    '',
    worksOffline,
  ],
  arguments: { file: argument('new file') },
  options: { ...gatewayOptions, ...jsonOption },
  examples: ['tickpay export claims claims.cbor --config gateway.yaml'],
  run: async ({ file, json, ...place }, terminal) => {
    const claims = await withGateway(place, terminal, (calls) =>
      exportClaims(calls, file, Date.now()),
    )
    terminal.out(json ? jsonText({ file, claims }) : `${file}: ${claims} claims`)
    return exitCodes.ok
  },
})
