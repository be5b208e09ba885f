/**
 * `npm run crash -- --seconds 60 --seed 7`: kills programs and connections of a whole site at
 * random moments for that long. Without a seed it is another story each time, and says which.
 * @module
 */
import { parseArgs } from 'node:util'
import { readArguments } from './readArguments.js'
import { runTests } from './runTests.js'

const usage =
  'usage: npm run crash -- [--seconds 60 | --cycles NUMBER [--done NUMBER]] [--seed NUMBER] ' +
  '[--virtual-seeds NUMBER]'

const values = readArguments(usage, () => {
  const { values } = parseArgs({
    options: {
      seconds: { type: 'string', default: '60' },
      cycles: { type: 'string', default: '0' },
      done: { type: 'string', default: '0' },
      seed: { type: 'string' },
      'virtual-seeds': { type: 'string', default: '0' },
    },
  })
  const { seconds, cycles, done, seed = '0' } = values
  const numbers = [seconds, cycles, done, seed, values['virtual-seeds']]
  return numbers.every((one) => /^\d{1,9}$/.test(one)) ? values : undefined
})
const seeds = values['virtual-seeds']
const tests = [
  'test/crash/kill.test.ts',
  ...(seeds === '0' ? [] : ['test/crash/virtualKill.test.ts']),
]
runTests(tests, {
  CRASH_SECONDS: values.seconds,
  CRASH_CYCLES: values.cycles,
  CRASH_DONE: values.done,
  CRASH_SEEDS: seeds,
  ...(values.seed === undefined ? {} : { CRASH_SEED: values.seed }),
})
