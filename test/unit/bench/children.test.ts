/** Whatever ends the suite ends what it has started. */
import { EventEmitter } from 'node:events'
import { expect, test } from 'vitest'
import { exitOnSignals } from '../../../bench/children.ts'

test.each([
  ['SIGINT', 130],
  ['SIGTERM', 143],
  ['SIGHUP', 129],
] as const)('%s is an end that listeners for "exit" hear of, once', (signal, code) => {
  const program = Object.assign(new EventEmitter(), { exit: (code: number) => codes.push(code) })
  const codes: number[] = []
  exitOnSignals(program)
  program.emit(signal)
  program.emit(signal)
  expect(codes).toEqual([code])
})
