/**
 * JSON in and out, where amounts are bigint.
 * @module
 */

/** The fields of a JSON object in one line; empty when it is none. */
export function readJsonLine(line: string): Readonly<{
  id?: unknown
  status?: unknown
  data?: unknown
  error?: unknown
}> {
  try {
    const value: unknown = JSON.parse(line)
    return typeof value === 'object' && value !== null ? value : {}
  } catch {
    return {}
  }
}

/** One line of JSON; bigint becomes a decimal string, as amounts and units travel. */
export function jsonText(value: unknown): string {
  return JSON.stringify(value, (_key, one: unknown) => (typeof one === 'bigint' ? `${one}` : one))
}
