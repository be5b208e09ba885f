/**
 * `tickpay ledger migrate`
 * @module
 */
import { jsonLog } from '../../ports/io/log.ts'
import { nodePorts } from '../../ports/io/node.ts'
import { OperatorError } from '../../ports/operatorError.ts'
import { defineCommand, jsonOption, text } from '../command.ts'
import { exitCodes } from '../exitCodes.ts'
import { configPath, readGatewayConfig } from '../io/gatewayCalls.ts'
import { jsonText } from '../jsonLine.ts'

export const command = defineCommand({
  summary: 'Sets up the ledger in a PostgreSQL database, or brings it to this version',
  details: [
    'Makes the schema and its roles, or applies what is missing, all of it or nothing. Needs a',
    'login that may create roles; gateways then use logins of their own, which are granted the',
    'role tickpay_gateway. A database of a newer version is left as it is.',
  ],
  arguments: {},
  options: {
    config: text('FILE', 'configuration that names the database (default: gateway.yaml)'),
    user: text('NAME', 'login that may create roles (default: that of the configuration)'),
    'password-file': text('FILE', 'file with its password'),
    ...jsonOption,
  },
  examples: ['tickpay ledger migrate --user postgres --password-file admin.pass'],
  run: async (values, terminal) => {
    const { ledger } = await readGatewayConfig(configPath(values.config))
    if (ledger?.kind !== 'postgres') {
      throw new OperatorError('the configuration names no ledger of kind postgres under "ledger"')
    }
    const { migrateDatabase } = await import('../../ledger/postgres/io/openPostgres.ts')
    const login = { user: values.user, passwordFile: values['password-file'] }
    const done = await migrateDatabase(ledger, login, nodePorts(jsonLog('warn')))
    const { place, from, to } = done
    if (values.json) terminal.out(jsonText(done))
    else if (from === to) terminal.out(`the ledger ${place} has version ${to} already`)
    else terminal.out(`the ledger ${place} went from version ${from} to ${to}`)
    return exitCodes.ok
  },
})
