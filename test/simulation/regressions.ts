/**
 * Seeds that have found something, with what it was. They run in every test.
 * @module
 */

export type Regression = { readonly seed: number; readonly found: string }

export const regressions: readonly Regression[] = []
