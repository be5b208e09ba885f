/**
 * Loaded into a gateway before its own modules: on SIGUSR2 it collects what is no
 * longer used and writes down what is left, so that a leak can be told from a heap that has not
 * been collected for a while.
 * @module
 */
import { renameSync, writeFileSync } from 'node:fs'
import { isMainThread } from 'node:worker_threads'
import { collectAll } from '../gateway/broker/io/heapTidy.ts'
import { present } from '../protocol/assert.ts'
import { COLLECTED_FILE } from './collections.ts'

if (isMainThread) {
  const file = present(process.env[COLLECTED_FILE], `${COLLECTED_FILE} in the environment`)
  let number = 0
  process.on('SIGUSR2', () => {
    // What the first leaves to finalizers goes in the second.
    collectAll()
    setImmediate(() => {
      collectAll()
      number += 1
      writeFileSync(`${file}.new`, JSON.stringify({ number, ...process.memoryUsage() }))
      renameSync(`${file}.new`, file)
    })
  })
}
