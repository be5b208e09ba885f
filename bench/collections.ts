/**
 * Asks a gateway for a collection, and reads what is left after it.
 * @module
 */
import { readFileSync } from 'node:fs'
import { anonymousBytes } from './measure.ts'

/** Names the file in which the gateway says what is left. */
export const COLLECTED_FILE = 'TICKPAY_BENCH_COLLECTED'
const ANSWER_TIMEOUT_MS = 60_000
/** V8 gives pages back in a thread of its own, after the collection. */
const RETURN_MS = 5_000
const LOOK_MS = 100

/** After a collection, in bytes. */
export type Collected = {
  /** The least of RssAnon in the seconds after it. */
  readonly anonymous: number
  readonly heapUsed: number
  readonly heapTotal: number
  /** Memory outside the heap that objects of it hold, `arrayBuffers` among it. */
  readonly external: number
  readonly arrayBuffers: number
}

/** How a gateway is started so that it answers. */
export function collectedEnvironment(collector: string, file: string) {
  return { NODE_OPTIONS: `--import=${collector}`, [COLLECTED_FILE]: file }
}

/** Only for a gateway that was started so and is ready: any other ends. */
export async function collect(pid: number, file: string): Promise<Collected> {
  const before = readAnswer(file)?.number
  process.kill(pid, 'SIGUSR2')
  const endMs = performance.now() + ANSWER_TIMEOUT_MS
  while ((readAnswer(file)?.number ?? before) === before) {
    if (performance.now() > endMs) throw new Error('the gateway has not collected')
    await pause(LOOK_MS)
  }
  const { heapUsed, heapTotal, external, arrayBuffers } = readAnswer(file) ?? NOTHING
  const anonymous = await leastFor(RETURN_MS, () => anonymousBytes(pid))
  return { anonymous, heapUsed, heapTotal, external, arrayBuffers }
}

async function leastFor(lengthMs: number, read: () => number): Promise<number> {
  const endMs = performance.now() + lengthMs
  let least = read()
  while (performance.now() < endMs) {
    await pause(LOOK_MS)
    least = Math.min(least, read())
  }
  return least
}

const pause = (ms: number) => new Promise<void>((end) => setTimeout(end, ms))

const NOTHING = { heapUsed: 0, heapTotal: 0, external: 0, arrayBuffers: 0 }

function readAnswer(file: string): (NodeJS.MemoryUsage & { readonly number: number }) | undefined {
  try {
    return JSON.parse(readFileSync(file, 'utf8'))
  } catch {
    // There was none yet.
    return undefined
  }
}
