/**
 * `tickpay store rotate-key`
 * @module
 */
import { defineCommand, jsonOption, text } from '../command.ts'
import { exitCodes } from '../exitCodes.ts'
import { configPath, readGatewayConfig } from '../io/gatewayCalls.ts'
import { withProgress } from '../io/progress.ts'
import { jsonText } from '../jsonLine.ts'

export const command = defineCommand({
  summary: 'Gives an encrypted store new keys',
  details: [
    'Stop the gateway first. What is written from now on, and all of the databases, is sealed with',
    'a new key; former ones stay in the ring as long as journal segments or snapshots need them.',
    'With --new-key-file the ring itself is sealed with that key: let storeKey of the',
    'configuration name it afterwards. Interrupted, it can be run again.',
  ],
  arguments: {},
  options: {
    config: text('FILE', 'configuration (default: gateway.yaml)'),
    'new-key-file': text('FILE', "the operator's new key: 32 bytes, as they are, hex or base64"),
    ...jsonOption,
  },
  examples: [
    'tickpay store rotate-key --config gateway.yaml',
    'tickpay store rotate-key --new-key-file /etc/tickpay/store-2.key',
  ],
  run: async ({ config, json, 'new-key-file': file }, terminal) => {
    const settings = await readGatewayConfig(configPath(config))
    const [{ rotateKey }, { jsonLog }, { nodePorts }] = await Promise.all([
      import('../../gateway/io/rotateKey.ts'),
      import('../../ports/io/log.ts'),
      import('../../ports/io/node.ts'),
    ])
    const next = file === undefined ? undefined : { file }
    const rotation = await withProgress('records are sealed again', () =>
      rotateKey(settings, next, nodePorts(jsonLog('warn'))),
    )
    const { keyId, kept, resealed } = rotation
    const needed = kept.length === 0 ? 'no former key' : `key ${kept.join(', ')} kept for reading`
    terminal.out(
      json
        ? jsonText(rotation)
        : `key ${keyId} is in use, ${resealed} records sealed again, ${needed}`,
    )
    return exitCodes.ok
  },
})
