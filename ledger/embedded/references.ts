/**
 * What people and gateways call a movement of money.
 * @module
 */
import { REFERENCE_CHARS_MAX } from '../limits.ts'

const pattern = /^[A-Za-z0-9][A-Za-z0-9._:/#-]*$/

/** True for a name that needs no quoting in CSV, in a shell or in a spreadsheet. */
export function isReference(text: string): boolean {
  return text.length <= REFERENCE_CHARS_MAX && pattern.test(text)
}
