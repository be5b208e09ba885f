/**
 * Events of a contract in ranges of blocks that nodes answer. Most refuse ranges that are long or
 * hold much; none says beforehand how much is too much.
 * @module
 */
import type { RawLog } from './chain.ts'

/** What common nodes and services answer at once. */
export const LOG_BLOCKS_MAX = 2_000

/** Answers the events of blocks `from` to `to`, both included. */
export type AskLogs = (from: number, to: number) => Promise<readonly RawLog[]>

export type LogRange = { readonly to: number; readonly logs: readonly RawLog[] }

/** True where the node answered that it will not; false where it could not be asked. */
export function isRefusal(error: unknown): boolean {
  for (let one = error; one instanceof Object; one = (one as { cause?: unknown }).cause) {
    const { code, status } = one as { code?: unknown; status?: unknown }
    if (typeof code === 'number' || typeof status === 'number') return true
  }
  return false
}

/**
 * All events from block `from` to `to`, range after range, oldest first. A range that is refused is
 * halved, and the next ones stay so short; what was handed out before an error stays good.
 * @throws what `ask` rejects with, when it could not be asked or refuses a single block
 */
export async function* logRanges(ask: AskLogs, from: number, to: number): AsyncGenerator<LogRange> {
  let blocks = LOG_BLOCKS_MAX
  for (let start = from; start <= to; ) {
    const end = Math.min(to, start + blocks - 1)
    const logs = await ask(start, end).catch((error: unknown) => {
      if (start === end || !isRefusal(error)) throw error
      return undefined
    })
    if (!logs) {
      blocks = Math.ceil((end - start + 1) / 2)
      continue
    }
    yield { to: end, logs }
    start = end + 1
  }
}
