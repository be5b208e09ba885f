/**
 * `npm run fuzz -- --seconds 60`: throws inputs at every parser and state machine for that long in
 * all, says how many a second each target took, and ends with 1 when something is found. What it
 * prints then repeats it. Without a seed it is other inputs each time, and says which.
 * @module
 */
import { spawnSync } from 'node:child_process'
import { randomInt } from 'node:crypto'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { readArguments } from './readArguments.js'

const root = fileURLToPath(new URL('..', import.meta.url))
const usage =
  'usage: npm run fuzz -- [--seconds 60] [--target NAME] [--seed NUMBER] [--input HEX]\n' +
  'docs/fuzzing.md names the targets'

const values = readArguments(usage, () => {
  const { values } = parseArgs({
    options: {
      seconds: { type: 'string', default: '60' },
      target: { type: 'string' },
      seed: { type: 'string' },
      input: { type: 'string' },
    },
  })
  const isNumber = (text) => text === undefined || /^\d{1,9}$/.test(text)
  const isHex = values.input === undefined || /^([0-9a-f]{2})*$/.test(values.input)
  const isWhole = values.input === undefined || values.target !== undefined
  return isNumber(values.seconds) && isNumber(values.seed) && isHex && isWhole ? values : undefined
})
const seed = values.seed ?? String(randomInt(1_000_000_000))
process.stdout.write(`seed ${seed}\n`)
const { status } = spawnSync(
  process.execPath,
  [
    ...['node_modules/vitest/vitest.mjs', 'run', 'test/fuzz/fuzz.test.ts'],
    ...['--disable-console-intercept', '-t', 'fuzz: '],
  ],
  {
    cwd: root,
    stdio: 'inherit',
    env: {
      ...process.env,
      FUZZ_SECONDS: values.seconds,
      FUZZ_SEED: seed,
      ...(values.target === undefined ? {} : { FUZZ_TARGET: values.target }),
      ...(values.input === undefined ? {} : { FUZZ_INPUT: values.input }),
    },
  },
)
process.exit(status ?? 1)
