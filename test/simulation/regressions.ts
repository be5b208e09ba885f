/**
 * Seeds that have found something, with what it was. They run in every test.
 * @module
 */

export type Regression = { readonly seed: number; readonly found: string }

export const regressions: readonly Regression[] = [
  {
    seed: 42,
    found:
      'a channel that had lapsed by a jump of the clock never went on: its device repeated words',
  },
  {
    seed: 49,
    found:
      'a tick delivered again after a repeated hello made a clone of an honest device, for good',
  },
]
