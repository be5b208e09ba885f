/**
 * `tickpay store encrypt`
 * @module
 */
import { argument, defineCommand, jsonOption, text } from '../command.ts'
import { exitCodes } from '../exitCodes.ts'
import { configPath, readGatewayConfig } from '../io/gatewayCalls.ts'
import { withProgress } from '../io/progress.ts'
import { jsonText } from '../jsonLine.ts'

export const command = defineCommand({
  summary: 'Makes an encrypted copy of a store that is not encrypted',
  details: [
    'Stop the gateway and configure storeKey. The store itself is not changed: the copy is read',
    'back, then let "data" of the configuration name its folder and destroy the old one. The copy',
    'has no journal from before it; its chain goes on from the last record.',
  ],
  arguments: { folder: argument('empty folder for the copy') },
  options: { config: text('FILE', 'configuration (default: gateway.yaml)'), ...jsonOption },
  examples: ['tickpay store encrypt /var/lib/tickpay-sealed --config gateway.yaml'],
  run: async ({ folder, config, json }, terminal) => {
    const settings = await readGatewayConfig(configPath(config))
    const [{ encryptStore }, { jsonLog }, { nodePorts }] = await Promise.all([
      import('../../gateway/io/encryptStore.ts'),
      import('../../ports/io/log.ts'),
      import('../../ports/io/node.ts'),
    ])
    const { position, records } = await withProgress('the store is copied', () =>
      encryptStore(settings, folder, nodePorts(jsonLog('warn'))),
    )
    const data = { folder, position: Number(position), records }
    terminal.out(
      json
        ? jsonText(data)
        : `${folder} holds an encrypted copy up to position ${position}; set data: ${folder}`,
    )
    return exitCodes.ok
  },
})
