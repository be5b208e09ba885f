/**
 * A process that is there to be killed: it carries out the one order that it is sent.
 * @module
 */
import { setImmediate as turn } from 'node:timers/promises'

/** Carries out what it is told first; the process ends with an error where that comes to an end. */
export function obeyOnce<Order>(obey: (order: Order) => Promise<never>): void {
  process.on('message', (order: Order) => {
    obey(order).catch((error: unknown) => {
      process.stderr.write(`${error instanceof Error ? error.stack : error}\n`)
      process.exit(1)
    })
  })
}

/** Dies; during a step, once what was said is on its way. */
export async function die(step: string): Promise<void> {
  if (step.startsWith('during')) await turn()
  process.kill(process.pid, 'SIGKILL')
}
