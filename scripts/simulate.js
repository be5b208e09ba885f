/**
 * `npm run simulate -- --seeds 500`: simulated days of a whole site, each from one seed;
 * docs/simulation.md explains the options.
 * @module
 */
import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { bundleSimulation } from './simulationBundle.js'

const program = await bundleSimulation('test/simulation/main.ts', 'simulate')
const { status } = spawnSync(
  process.execPath,
  ['--enable-source-maps', program, ...process.argv.slice(2)],
  { cwd: fileURLToPath(new URL('..', import.meta.url)), stdio: 'inherit' },
)
process.exit(status ?? 1)
