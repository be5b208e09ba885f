/**
 * `npm run faults`: kills the gateway, and lets its disk fail, at every single system call of a
 * group commit, a settlement and a backup, and writes a row for each. `--done 40` leaves out the
 * rows that an interrupted run has written; `--some --seed 7` picks a few.
 * @module
 */
import { parseArgs } from 'node:util'
import { readArguments } from './readArguments.js'
import { runTests } from './runTests.js'

const usage = 'usage: npm run faults -- [--done NUMBER] [--some [--seed NUMBER]]'

const values = readArguments(usage, () => {
  const { values } = parseArgs({
    options: {
      done: { type: 'string', default: '0' },
      some: { type: 'boolean', default: false },
      seed: { type: 'string' },
    },
  })
  return [values.done, values.seed ?? '0'].every((one) => /^\d{1,9}$/.test(one))
    ? values
    : undefined
})
runTests(['test/faults/calls.test.ts'], {
  FAULTS_ALL: values.some ? 'no' : 'yes',
  FAULTS_DONE: values.done,
  ...(values.seed === undefined ? {} : { FAULTS_SEED: values.seed }),
})
