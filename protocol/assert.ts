/**
 * Assertions for what only a bug can cause. They stay on in production: stopping is cheaper than
 * going on with wrong money.
 * @module
 */

export class AssertionError extends Error {
  override readonly name = 'AssertionError'
}

/** Throws when `condition` is false. `message` names the rule that was broken. */
export function assert(condition: boolean, message: string): asserts condition {
  if (!condition) throw new AssertionError(message)
}

/** Narrows away undefined where the program's own logic guarantees a value. */
export function present<T>(value: T | undefined, message: string): T {
  if (value === undefined) throw new AssertionError(message)
  return value
}
