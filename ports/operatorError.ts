/**
 * The error a person can act on: its message says what is wrong, where, and what to do, in one
 * line. Everything else that is thrown is a bug.
 * @module
 */

/** Control characters, and the two that break lines beside them. */
const lineBreakers = /[\p{Cc}\u2028\u2029]/gu

/** What a message quotes may come from anywhere: it stays one line whatever was quoted. */
export class OperatorError extends Error {
  override readonly name = 'OperatorError'

  constructor(message: string, options?: ErrorOptions) {
    super(message.replaceAll(lineBreakers, ' '), options)
  }
}
