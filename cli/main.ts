#!/usr/bin/env node
/**
 * The program `tickpay`.
 * @module
 */
import { exitCodeOf } from './exitCodes.ts'
import { processTerminal } from './io/processTerminal.ts'
import { explain, run } from './run.ts'

/** A program that has said its last word ends by itself sooner than this, or is ended. */
const endTimeoutMs = 1_000

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
// Nor may anything that could not be closed: its clients would wait for answers that never come.
setTimeout(() => process.exit(), endTimeoutMs).unref()
