#!/usr/bin/env node
/**
 * The program `tickpay`.
 * @module
 */
import { exitCodeOf } from './exitCodes.ts'
import { processTerminal } from './io/processTerminal.ts'
import { explain, run } from './run.ts'

const words = process.argv.slice(2)
const terminal = processTerminal()

for (const event of ['uncaughtException', 'unhandledRejection'] as const) {
  process.on(event, (error: unknown) => {
    explain(error, undefined, words, terminal)
    process.exit(exitCodeOf(error))
  })
}

// A library that reports on the console does so with a stack; what matters of it is also thrown.
console.error = (what) => {
  if (words.includes('--debug')) terminal.error(String(what instanceof Error ? what.stack : what))
}

process.exitCode = await run(words, terminal)
// A channel to the parent would keep this process alive.
if (process.connected) process.disconnect()
