/**
 * Waiting for something real: looks again and again until it is so, or fails with what it was.
 * @module
 */

const lookEveryMs = 10

/** Resolves with the first value that is not undefined or false; rejects after `limitMs`. */
export async function until<T>(
  what: string,
  look: () => T | undefined | false,
  limitMs = 20_000,
): Promise<T> {
  const endMs = performance.now() + limitMs
  while (performance.now() < endMs) {
    const seen = look()
    if (seen !== undefined && seen !== false) return seen
    await new Promise((done) => setTimeout(done, lookEveryMs))
  }
  throw new Error(`${what}: not within ${limitMs} ms`)
}
