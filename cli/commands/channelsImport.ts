/**
 * `tickpay channels import`
 * @module
 */
import { argument, defineCommand, jsonOption, text } from '../command.ts'
import { exitCodes } from '../exitCodes.ts'
import { configPath, readGatewayConfig } from '../io/gatewayCalls.ts'
import { withProgress } from '../io/progress.ts'
import { jsonText } from '../jsonLine.ts'
import { stayingLines } from '../progress.ts'
import { grouped } from '../table.ts'

/** Channels between two lines about how far it is. */
const REPORT_EVERY = 50_000

export const command = defineCommand({
  summary: 'Opens many channels at once, each with its evidence',
  details: [
    'Each record of the file holds a channel, its mandate and the commitment that opens it, and is',
    'judged as if device and fleet had sent them: both signatures, tariff, reservation, position.',
    'The fleet must be enrolled and funded, and the gateway must not run. A record that is wrong',
    'is named and ends the import; those before it stay. Importing a file again is harmless: what',
    'is there already is left as it is. docs/operating-gateway.md describes the file.',
  ],
  arguments: { file: argument('channels with their mandates and commitments') },
  options: {
    config: text('FILE', 'configuration of the gateway (default: gateway.yaml)'),
    ...jsonOption,
  },
  examples: ['tickpay channels import depot.tpci --config gateway.yaml'],
  run: async ({ file, config, json }, terminal) => {
    const settings = await readGatewayConfig(configPath(config))
    const [{ importFile }, { jsonLog }, { nodePorts }] = await Promise.all([
      import('../../gateway/import/io/importFile.ts'),
      import('../../ports/io/log.ts'),
      import('../../ports/io/node.ts'),
    ])
    const counts = await withProgress('channels are checked and opened', (progress) => {
      const note = stayingLines(progress, terminal.error)
      let told = 0
      return importFile(settings, nodePorts(jsonLog('warn')), file, (so) => {
        const done = so.imported + so.known
        progress.tell(`${grouped(done)} records`)
        if (done - told < REPORT_EVERY) return
        told = done
        note(`${grouped(done)} records are durable`)
      })
    })
    const { imported, known } = counts
    const others = known > 0 ? `, ${grouped(known)} were there already` : ''
    terminal.out(json ? jsonText(counts) : `${grouped(imported)} channels opened${others}`)
    return exitCodes.ok
  },
})
