/**
 * The command line of a script.
 * @module
 */

/**
 * What `read` makes of the command line; the program ends with `usage` where that is nothing, or
 * an error.
 * @template T
 * @param {string} usage
 * @param {() => T | undefined} read
 * @returns {T}
 */
export function readArguments(usage, read) {
  const values = valuesOf(read)
  if (values !== undefined) return values
  process.stderr.write(`${usage}\n`)
  return process.exit(2)
}

/**
 * @template T
 * @param {() => T | undefined} read
 */
function valuesOf(read) {
  try {
    return read()
  } catch {
    return undefined
  }
}
