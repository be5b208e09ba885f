/**
 * `tickpay restore`
 * @module
 */
import { readStoreKey } from '../../ports/io/storeKey.ts'
import { argument, defineCommand, jsonOption, text } from '../command.ts'
import { exitCodes } from '../exitCodes.ts'
import { configPath, readGatewayConfig } from '../io/gatewayCalls.ts'
import { withProgress } from '../io/progress.ts'
import { jsonText } from '../jsonLine.ts'

export const command = defineCommand({
  summary: 'Restores a backup into an empty data folder',
  details: [
    'The backup is checked to its last byte before anything is written. The folder that "data" of',
    'the configuration names must be empty or missing. Devices that have seen more than the backup',
    'holds raise the fence when they come back: what they paid counts, and supply goes on with',
    'their next checkpoint. No withdrawal is paid out until "tickpay ledger confirm".',
  ],
  arguments: { file: argument('what "tickpay backup" wrote') },
  options: {
    config: text('FILE', 'configuration (default: gateway.yaml)'),
    'key-file': text('FILE', 'the key that the backup was made with, where it is not storeKey'),
    ...jsonOption,
  },
  examples: ['tickpay restore /mnt/backups/depot.tickpay-backup --config gateway.yaml'],
  run: async ({ file, config, json, 'key-file': keyFile }, terminal) => {
    const settings = await readGatewayConfig(configPath(config))
    const [{ restoreBackup }, { jsonLog }, { nodePorts }] = await Promise.all([
      import('../../gateway/io/restore.ts'),
      import('../../ports/io/log.ts'),
      import('../../ports/io/node.ts'),
    ])
    const key = keyFile === undefined ? undefined : await readStoreKey({ file: keyFile }, {})
    const ports = nodePorts(jsonLog('warn'))
    const result = await withProgress('the backup is checked and restored', () =>
      restoreBackup(settings, file, key?.key, ports),
    )
    const { folder, position } = result
    terminal.out(
      json
        ? jsonText(result)
        : `${folder} is restored up to position ${position}; start the gateway, then see ` +
            'what has left your account since and run "tickpay ledger confirm"',
    )
    return exitCodes.ok
  },
})
