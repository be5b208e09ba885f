/**
 * `npm run soak -- --minutes 60 [--devices 200] [--herds 8] [--seed N] [--collect-minutes 3]
 * [--out FILE]`: a whole site under random faults for that long; docs/soak.md explains what it does
 * and what it reports.
 * @module
 */
import { spawnSync } from 'node:child_process'
import { mkdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { build } from 'esbuild'
import { readArguments } from './readArguments.js'

const usage =
  'usage: npm run soak -- [--minutes 60] [--devices 200] [--herds 8] [--seed NUMBER] ' +
  '[--collect-minutes 3] [--out FILE]'
const numbers = ['minutes', 'devices', 'herds', 'seed', 'collect-minutes']

readArguments(usage, () => {
  const names = [...numbers, 'out']
  const options = Object.fromEntries(
    names.map((name) => [name, /** @type {const} */ ({ type: 'string' })]),
  )
  const { values } = parseArgs({ options })
  return numbers.every((name) => /^\d{1,9}$/.test(String(values[name] ?? 0))) ? values : undefined
})

const root = fileURLToPath(new URL('..', import.meta.url))
// Two below the root, as the sources of what is bundled are.
const folder = join(root, 'dist', `soak-${process.pid}`)
mkdirSync(folder, { recursive: true })
await build({
  absWorkingDir: root,
  entryPoints: ['test/soak/main.ts', 'test/soak/herd.ts', 'bench/collector.ts'],
  entryNames: '[name]',
  outdir: folder,
  outExtension: { '.js': '.mjs' },
  bundle: true,
  platform: 'node',
  format: 'esm',
  target: 'node20',
  packages: 'external',
  logLevel: 'error',
})
const words = [
  join(folder, 'main.mjs'),
  ...process.argv.slice(2),
  '--herd',
  join(folder, 'herd.mjs'),
  '--collector',
  join(folder, 'collector.mjs'),
]
const { status } = spawnSync(process.execPath, words, { cwd: root, stdio: 'inherit' })
rmSync(folder, { recursive: true, force: true })
process.exit(status ?? 1)
