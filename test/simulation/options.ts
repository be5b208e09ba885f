/**
 * What `npm run simulate` can be told.
 * @module
 */
import { parseArgs } from 'node:util'

export type SimulateOptions = {
  readonly first: number
  readonly seeds: number
  /** Ends after so long, whatever is left. */
  readonly minutes: number | undefined
  /** Only these faults of the plan, by their place. */
  readonly keep: readonly number[] | undefined
  /** Without these devices. */
  readonly without: readonly string[]
  /** One JSON line for each seed. */
  readonly isJson: boolean
  /** Every line of the history. */
  readonly isTold: boolean
  /** Only the seeds that have found something before. */
  readonly isRegression: boolean
  /** Goes on from the count in the document and counts there. */
  readonly isRecorded: boolean
}

export const usage =
  'usage: npm run simulate -- [--seeds 500] [--seed FIRST] [--minutes M] [--regressions] ' +
  '[--record] [--json] [--tell] [--keep PLACES] [--without DEVICES] [--mutants [NAME]]'

const whole = /^\d{1,9}$/

/** Undefined when it makes no sense. `--seed` alone is that one seed. */
export function readOptions(args: readonly string[]): SimulateOptions | undefined {
  try {
    const { values } = parseArgs({
      args: [...args],
      options: {
        seeds: { type: 'string' },
        seed: { type: 'string' },
        minutes: { type: 'string' },
        keep: { type: 'string' },
        without: { type: 'string' },
        json: { type: 'boolean', default: false },
        tell: { type: 'boolean', default: false },
        regressions: { type: 'boolean', default: false },
        record: { type: 'boolean', default: false },
      },
    })
    const numbers = [values.seeds, values.seed].filter((one) => one !== undefined)
    const minutes = values.minutes === undefined ? undefined : Number(values.minutes)
    const isTime = minutes === undefined || minutes > 0
    if (!isTime || !numbers.every((one) => whole.test(one))) return undefined
    const many = minutes === undefined ? 500 : Number.MAX_SAFE_INTEGER
    return {
      first: Number(values.seed ?? 1),
      seeds: Number(values.seeds ?? (values.seed === undefined ? many : 1)),
      minutes,
      keep: values.keep === undefined ? undefined : placesIn(values.keep),
      without: values.without?.split(',') ?? [],
      isJson: values.json,
      isTold: values.tell,
      isRegression: values.regressions,
      isRecorded: values.record,
    }
  } catch {
    return undefined
  }
}

/** `-` keeps none. */
function placesIn(text: string): readonly number[] {
  return text === '-' ? [] : text.split(',').map(Number)
}
