/**
 * `tickpay export claims`
 * @module
 */
import { jsonLog } from '../../ports/io/log.ts'
import { nodePorts } from '../../ports/io/node.ts'
import { argument, defineCommand, flag, jsonOption, text } from '../command.ts'
import { type ExitCode, exitCodes, UnreachableError, UsageError } from '../exitCodes.ts'
import { type GatewayValues, gatewayOptions, withGateway, worksOffline } from '../gatewayOptions.ts'
import { exportClaims, type Followed, followClaims } from '../io/claimFiles.ts'
import { openRunning } from '../io/gatewayCalls.ts'
import { runUntilStopped } from '../io/runUntilStopped.ts'
import { jsonText } from '../jsonLine.ts'
import type { Terminal } from '../terminal.ts'

const EVERY_SECONDS = 10
const EVERY_SECONDS_MAX = 86_400

export const command = defineCommand({
  summary: 'Writes the evidence of all unsettled channels to one file',
  details: [
    'Channel, mandate, commitment and last word of each: all that the ledger needs to pay, on',
    'whichever machine "tickpay settle --claims" is run. It is evidence for this payee and ledger',
    'alone, so it is not encrypted; it does name fleets, gateway and meters.',
    '',
    'With --follow it keeps the file up to date until SIGINT or SIGTERM, for "tickpay watch": it',
    'asks the running gateway, replaces the file whenever more was accepted, and leaves it as it',
    'is while the gateway is away.',
    '',
    worksOffline,
  ],
  arguments: { file: argument('new file; with --follow it is replaced') },
  options: {
    follow: flag('keeps the file up to date'),
    every: text('SECONDS', `how often the gateway is asked with --follow (${EVERY_SECONDS})`),
    ...gatewayOptions,
    ...jsonOption,
  },
  examples: [
    'tickpay export claims claims.cbor --config gateway.yaml',
    'tickpay export claims claims.cbor --follow --config gateway.yaml',
  ],
  run: async ({ file, json, follow, every, ...place }, terminal) => {
    if (follow) return keepExporting(file, place, everySeconds(every), terminal)
    if (every !== undefined) throw new UsageError('--every needs --follow')
    const claims = await withGateway(place, terminal, (calls, { tell }) =>
      exportClaims(calls, file, Date.now(), tell),
    )
    terminal.out(json ? jsonText({ file, claims }) : `${file}: ${claims} claims`)
    return exitCodes.ok
  },
})

function everySeconds(typed: string | undefined): number {
  const seconds = Number(typed ?? EVERY_SECONDS)
  if (Number.isInteger(seconds) && seconds >= 1 && seconds <= EVERY_SECONDS_MAX) return seconds
  throw new UsageError(`--every is a whole number of seconds from 1 to ${EVERY_SECONDS_MAX}`)
}

function keepExporting(
  file: string,
  place: GatewayValues,
  seconds: number,
  terminal: Terminal,
): Promise<ExitCode> {
  const { log, timers } = nodePorts(jsonLog('info'))
  let last: Followed | undefined
  let isAway = false
  const once = async () => {
    const calls = await openRunning(place)
    try {
      const next = await followClaims(calls, file, Date.now(), last)
      if (next !== last) log('info', 'claims were written', { file, claims: next.items.length })
      last = next
      isAway = false
    } finally {
      await calls.close()
    }
  }
  const onError = (error: unknown) => {
    if (!isAway) log('warn', 'no claims just now, the file stays as it is', { reason: `${error}` })
    isAway = error instanceof UnreachableError
  }
  return runUntilStopped(async () => {
    await once()
    terminal.out(`${file} is kept up to date`)
    let cancel = () => {}
    let under: Promise<void> = Promise.resolve()
    const again = () => {
      under = once()
        .catch(onError)
        .then(() => {
          cancel = timers.after(seconds * 1_000, again)
        })
    }
    cancel = timers.after(seconds * 1_000, again)
    return {
      close: async () => {
        cancel()
        await under
        cancel()
      },
    }
  })
}
