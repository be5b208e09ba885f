/**
 * Runs a long-lived part of the program until somebody stops it.
 * @module
 */
import { nodeTimers } from '../../ports/io/node.ts'
import { serviceManager } from '../../ports/io/serviceManager.ts'
import { OperatorError } from '../../ports/operatorError.ts'
import { type ExitCode, exitCodes } from '../exitCodes.ts'

/** A clean stop that takes longer than this is cut short. */
const stopTimeoutMs = 10_000
/** What has failed can often not be closed either, and nothing of it is to be waited for. */
const failedTimeoutMs = 1_000

type Running = { readonly close: () => Promise<void> }

/**
 * Starts a part and resolves when SIGINT or SIGTERM has stopped it. A second signal ends the
 * process at once. `fail` stops it because it cannot go on; the error is thrown then. A service
 * manager that waits for news gets them.
 */
export async function runUntilStopped(
  start: (fail: (error: unknown) => void) => Promise<Running>,
): Promise<ExitCode> {
  const stopped = stopSignal()
  let fail = (_error: unknown) => {}
  const failed = new Promise<never>((_resolve, reject) => {
    fail = reject
  })
  const running = await Promise.race([start((error) => fail(error)), failed])
  const manager = serviceManager(process.env, nodeTimers, (line) => {
    process.stderr.write(`${line}\n`)
  })
  try {
    await Promise.race([manager.ready().then(() => stopped), failed])
  } catch (error) {
    // What it could not go on for is what the operator has to know, not what that led to.
    await closeInTime(running, failedTimeoutMs).catch(() => undefined)
    throw error
  }
  await Promise.all([manager.stopping(), closeInTime(running, stopTimeoutMs)])
  return exitCodes.ok
}

/**
 * Resolves with the first SIGINT or SIGTERM; the second one exits. A process that was started with
 * a channel to its parent (the demo does so) also stops when the parent is gone.
 */
export function stopSignal(): Promise<void> {
  return new Promise((resolve) => {
    process.once('disconnect', () => resolve())
    let count = 0
    for (const signal of ['SIGINT', 'SIGTERM'] as const) {
      process.on(signal, () => {
        count += 1
        if (count > 1) process.exit(exitCodes.failed)
        resolve()
      })
    }
  })
}

async function closeInTime(running: Running, limitMs: number): Promise<void> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new OperatorError('could not stop in time')), limitMs)
  })
  try {
    await Promise.race([running.close(), late])
  } finally {
    clearTimeout(timer)
  }
}
