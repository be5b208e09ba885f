/**
 * `tickpay journal verify`
 * @module
 */
import type { Head } from '../../gateway/store/heads.ts'
import { bytesToHex, parseHex } from '../../protocol/bytes.ts'
import { defineCommand, jsonOption, list, text } from '../command.ts'
import { exitCodes, UsageError } from '../exitCodes.ts'
import { configPath, readGatewayConfig } from '../io/gatewayCalls.ts'
import { withProgress } from '../io/progress.ts'
import { jsonText } from '../jsonLine.ts'
import { timeText } from '../show.ts'

export const command = defineCommand({
  summary: 'Checks the journal record by record and names the first altered one',
  details: [
    'Follows the chain of hashes from the first record to the last and prints its head. The',
    'gateway publishes its head in its retained health topic: with --head the chain is also held',
    'against what was published then, which shows an end that was cut off or written anew. Reads',
    'files only, also while the gateway runs. Exit code 1 when something was altered.',
  ],
  arguments: {},
  options: {
    head: list('POSITION:HASH', 'a head that was published; may be given several times'),
    config: text('FILE', 'configuration (default: gateway.yaml)'),
    ...jsonOption,
  },
  examples: ['tickpay journal verify --config gateway.yaml'],
  run: async ({ head: heads, config, json }, terminal) => {
    const published = heads.map(parseHead)
    const settings = await readGatewayConfig(configPath(config))
    const [{ faultText, verifyJournalFiles }, { jsonLog }, { nodePorts }] = await Promise.all([
      import('../../gateway/io/verifyStore.ts'),
      import('../../ports/io/log.ts'),
      import('../../ports/io/node.ts'),
    ])
    const verdict = await withProgress('the journal is read', ({ tell }) => {
      const onSegment = (_: string, records: number) => tell(`${records} records`)
      return verifyJournalFiles(settings, published, nodePorts(jsonLog('warn')), onSegment)
    })
    const { fault, head, records, segments, droppedTo, purges, tornBytes } = verdict
    if (json) {
      const altered = fault ? { ...fault, position: fault.position.toString() } : null
      const purged = purges.map((one) => ({ ...headJson(one.head), atSeconds: one.atSeconds }))
      const counts = { records, segments, droppedTo: droppedTo.toString(), purged, tornBytes }
      terminal.out(jsonText({ sound: !fault, altered, head: headJson(head), ...counts }))
    } else {
      if (fault) terminal.out(`altered: ${fault.segment}: ${faultText(fault)}`)
      if (droppedTo > 0n) terminal.out(`positions 1 to ${droppedTo} were dropped, their heads kept`)
      for (const { atSeconds, head: gone } of purges) {
        terminal.out(`purged at ${timeText(atSeconds)}: up to position ${gone.position}`)
      }
      if (tornBytes > 0) terminal.out(`${tornBytes} bytes at the end are of an unfinished write`)
      terminal.out(`${records} records in ${segments} segments are sound`)
      terminal.out(`head ${head.position}:${bytesToHex(head.hash)}`)
    }
    return fault ? exitCodes.failed : exitCodes.ok
  },
})

function headJson({ position, hash }: Head) {
  return { position: position.toString(), hash: bytesToHex(hash) }
}

function parseHead(typed: string): Head {
  const [, position, digits] = /^(\d{1,19}):([0-9a-f]{64})$/.exec(typed) ?? []
  const hash = digits === undefined ? undefined : parseHex(digits)
  if (position === undefined || !hash) {
    throw new UsageError(`--head ${typed}: give a position and 64 hex digits, such as 120:5f...`)
  }
  return { position: BigInt(position), hash }
}
