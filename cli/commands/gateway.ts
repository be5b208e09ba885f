/**
 * `tickpay gateway`
 * @module
 */
import { defineCommand, text } from '../command.ts'
import { configPath, readGatewayConfig } from '../io/gatewayCalls.ts'
import { runUntilStopped } from '../io/runUntilStopped.ts'

export const command = defineCommand({
  summary: 'Runs a gateway: accepts ticks, keeps supply in step, settles',
  details: [
    'Runs until SIGINT or SIGTERM and then stops cleanly. Log lines are JSON on standard error.',
    'Every key of the configuration can be set from the environment: TICKPAY_GATEWAY__DATA is',
    'data, TICKPAY_GATEWAY__SETTLEMENT__PERIOD_SECONDS is settlement.periodSeconds.',
  ],
  arguments: {},
  options: { config: text('FILE', 'configuration (default: gateway.yaml)') },
  examples: ['tickpay gateway --config gateway.yaml'],
  run: async ({ config }, terminal) => {
    const settings = await readGatewayConfig(configPath(config))
    const [{ openGateway }, { brokerPlace }, { areaLog }, { nodePorts }] = await Promise.all([
      import('../../gateway/io/openGateway.ts'),
      import('../../gateway/bridge/io/openBridge.ts'),
      import('../../ports/io/log.ts'),
      import('../../ports/io/node.ts'),
    ])
    const { log, control } = areaLog(settings.log)
    return runUntilStopped(async (fail) => {
      const opened = await openGateway(settings, nodePorts(log), fail, control)
      const places = settings.listeners.map(
        ({ kind, host }, place) => `${kind} ${host}:${opened.listening[place]}`,
      )
      const where = settings.broker
        ? `is a client of the broker at ${brokerPlace(settings.broker)}`
        : `listens on ${places.join(', ')}`
      terminal.out(`gateway ${settings.gateway} ${where}`)
      if (settings.http) {
        terminal.out(`health and metrics at http://${settings.http.host}:${opened.httpPort}`)
      }
      return opened
    })
  },
})
