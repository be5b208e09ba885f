#!/usr/bin/env node
/**
 * `npm run crash -- --seconds 60 --seed 7`: kills every program of a whole site at random moments
 * for that long and compares the books. Without a seed it draws one and prints it.
 */
import { spawnSync } from 'node:child_process'
import { parseArgs } from 'node:util'

const { values } = parseArgs({
  options: {
    seconds: { type: 'string', default: '60' },
    seed: { type: 'string' },
    help: { type: 'boolean', default: false },
  },
})

if (values.help) {
  console.log('Usage: npm run crash -- [--seconds 60] [--seed N]')
} else {
  const seed = values.seed ?? String(Math.floor(Math.random() * 1_000_000))
  console.log(`seed ${seed}, ${values.seconds} s of kills`)
  const words = ['vitest', 'run', 'test/crash', '--reporter=verbose']
  const env = { ...process.env, CRASH_SECONDS: values.seconds, CRASH_SEED: seed }
  const { status } = spawnSync('npx', words, { stdio: 'inherit', env })
  process.exitCode = status ?? 1
}
