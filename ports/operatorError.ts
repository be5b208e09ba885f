/**
 * The error a person can act on: its message says what is wrong, where, and what to do, in one
 * line. Everything else that is thrown is a bug.
 * @module
 */

export class OperatorError extends Error {
  override readonly name = 'OperatorError'
}
