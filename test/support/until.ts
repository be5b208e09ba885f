/**
 * Waiting for something real: looks again and again until it is so, or fails with what it was.
 * @module
 */

const lookEveryMs = 10

type Looked<T> = T | undefined | false

/** Resolves with the first value that is not undefined or false; rejects after `limitMs`. */
export async function until<T>(
  what: string,
  look: () => Looked<T> | Promise<Looked<T>>,
  limitMs = 20_000,
): Promise<T> {
  const endMs = performance.now() + limitMs
  while (performance.now() < endMs) {
    const seen = await look()
    if (seen !== undefined && seen !== false) return seen
    await new Promise((done) => setTimeout(done, lookEveryMs))
  }
  throw new Error(`${what}: not within ${limitMs} ms`)
}
