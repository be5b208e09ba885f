/**
 * Runs tests with settings of their own and ends as they do.
 * @module
 */
import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('..', import.meta.url))

/** @param {readonly string[]} tests @param {Record<string, string>} settings */
export function runTests(tests, settings) {
  const { status } = spawnSync(
    process.execPath,
    ['node_modules/vitest/vitest.mjs', 'run', ...tests, '--disableConsoleIntercept', '--bail=1'],
    { cwd: root, stdio: 'inherit', env: { ...process.env, ...settings } },
  )
  process.exit(status ?? 1)
}
