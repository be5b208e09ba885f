/**
 * `npm run ledger-faults -- --ledger postgres --kills 300`: kills settlements between every two
 * steps, so often in all and every step at least 20 times.
 * @module
 */
import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { readArguments } from './readArguments.js'

const root = fileURLToPath(new URL('..', import.meta.url))
/** Where the settlements of each ledger are killed. */
const tests = {
  embedded: 'test/ledger/embeddedKills.test.ts',
  postgres: 'test/ledger/postgresKills.test.ts',
  evm: 'test/evm/kills.test.ts',
}
const known = Object.keys(tests).join('|')
const usage = `usage: npm run ledger-faults -- --ledger ${known} [--kills 300]`

const values = readArguments(usage, () => {
  const { values } = parseArgs({
    options: {
      ledger: { type: 'string', default: 'postgres' },
      kills: { type: 'string', default: '300' },
    },
  })
  return values.ledger in tests && /^[1-9]\d{0,5}$/.test(values.kills) ? values : undefined
})
const { status } = spawnSync(
  process.execPath,
  ['node_modules/vitest/vitest.mjs', 'run', tests[values.ledger]],
  { cwd: root, stdio: 'inherit', env: { ...process.env, LEDGER_KILLS: values.kills } },
)
process.exit(status ?? 1)
