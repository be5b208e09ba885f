/**
 * Calls to a program that may go away and come back: each that fails gives the connection up, and
 * the next one opens another.
 * @module
 */
import { UnreachableError } from '../exitCodes.ts'
import type { Calls } from './controlClient.ts'

/** `open` rejects with UnreachableError while nothing answers. Calls are made one at a time. */
export function lastingCalls(first: Calls, open: () => Promise<Calls>): Calls {
  let current: Calls | undefined = first
  return {
    call: async (verb, args) => {
      const calls = current ?? (await open())
      current = calls
      try {
        return await calls.call(verb, args)
      } catch (error) {
        if (error instanceof UnreachableError) {
          current = undefined
          await calls.close()
        }
        throw error
      }
    },
    close: async () => current?.close(),
  }
}
