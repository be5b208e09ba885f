/**
 * One verb of the control table: what its arguments must look like, and what it does.
 * @module
 */
import type * as v from 'valibot'

/** Runs a verb; rejects with OperatorError when the arguments or the state do not allow it. */
export type VerbCall = (verb: string, args: unknown) => Promise<unknown>

export type Verb = { readonly schema: v.GenericSchema; readonly run: (args: never) => unknown }

/** Ties the arguments of `run` to its schema. */
export function verb<const S extends v.GenericSchema>(
  schema: S,
  run: (args: v.InferOutput<S>) => unknown,
): Verb {
  return { schema, run: run as Verb['run'] }
}
