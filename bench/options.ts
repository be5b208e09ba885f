/**
 * The command line of the suite.
 * @module
 */
import { tmpdir } from 'node:os'
import { parseArgs } from 'node:util'

/** Ledgers that `settle` can be run with. */
export const benchLedgers = ['embedded', 'postgres', 'evm'] as const
export type BenchLedger = (typeof benchLedgers)[number]

/** What a case is told of a run. */
export type RunOptions = {
  readonly rounds: number
  /** Length of each measured window. */
  readonly seconds: number
  /** On the disk that the stores are to be on; what a case gets is empty. */
  readonly folder: string
  /** Where CPU profiles of the gateway go; none are made without it. */
  readonly profile: string | undefined
  /** Parts of a case, such as shapes of load; all when empty. */
  readonly parts: readonly string[]
  /** Which ledger the case `settle` settles with. */
  readonly ledger: BenchLedger
  /** How many channels the case `settle` has; the embedded ledger has 10,000. */
  readonly channels: number
}

export type SuiteOptions = RunOptions & {
  readonly kind: 'run'
  /** All cases when empty. */
  readonly names: readonly string[]
  /** `document`: also writes docs/benchmarks.md. */
  readonly output: 'text' | 'json' | 'document'
}

export type Parsed =
  | SuiteOptions
  | { readonly kind: 'help' }
  /** Makes the page anew from the results that are kept. */
  | { readonly kind: 'page' }
  | { readonly kind: 'mistake'; readonly message: string }

const ROUNDS_DEFAULT = 5
const SECONDS_DEFAULT = 4
const ROUNDS_MAX = 1_000
const SECONDS_MAX = 600
const CHANNELS_DEFAULT = 10_000
const CHANNELS_MAX = 100_000

const switches = {
  json: { type: 'boolean' },
  write: { type: 'boolean' },
  page: { type: 'boolean' },
  help: { type: 'boolean' },
  rounds: { type: 'string' },
  seconds: { type: 'string' },
  folder: { type: 'string' },
  profile: { type: 'string' },
  parts: { type: 'string' },
  ledger: { type: 'string' },
  channels: { type: 'string' },
} as const

/** Reads the words after the program's name. */
export function parseOptions(words: readonly string[], known: readonly string[]): Parsed {
  let read: ReturnType<typeof parseWords>
  try {
    read = parseWords(words)
  } catch (error) {
    return mistake(error instanceof Error ? (error.message.split('\n')[0] ?? '') : String(error))
  }
  const { values, positionals: names } = read
  if (values.help) return { kind: 'help' }
  if (values.page) return { kind: 'page' }
  const stranger = names.find((name) => !known.includes(name))
  if (stranger !== undefined) return mistake(`no case "${stranger}"; there are ${known.join(', ')}`)
  const rounds = numberOf(values.rounds, ROUNDS_DEFAULT, ROUNDS_MAX)
  const seconds = numberOf(values.seconds, SECONDS_DEFAULT, SECONDS_MAX)
  if (rounds === undefined || !Number.isInteger(rounds)) {
    return mistake(`--rounds takes a whole number from 1 to ${ROUNDS_MAX}`)
  }
  if (seconds === undefined) return mistake(`--seconds takes a number up to ${SECONDS_MAX}`)
  const ledger = benchLedgers.find((one) => one === (values.ledger ?? 'embedded'))
  if (!ledger) return mistake(`--ledger takes one of ${benchLedgers.join(', ')}`)
  const channels = numberOf(values.channels, CHANNELS_DEFAULT, CHANNELS_MAX)
  if (channels === undefined || !Number.isInteger(channels)) {
    return mistake(`--channels takes a whole number from 1 to ${CHANNELS_MAX}`)
  }
  const writes = values.write === true || (names.length === 0 && values.json !== true)
  const output = writes ? 'document' : values.json === true ? 'json' : 'text'
  const folder = values.folder ?? tmpdir()
  const parts = values.parts?.split(',') ?? []
  const { profile } = values
  const measured = { rounds, seconds, folder, profile, parts, ledger, channels }
  return { kind: 'run', names, ...measured, output }
}

function parseWords(words: readonly string[]) {
  return parseArgs({ args: [...words], options: switches, allowPositionals: true })
}

function mistake(message: string): Parsed {
  return { kind: 'mistake', message: `${message}; see --help` }
}

function numberOf(typed: string | undefined, otherwise: number, max: number): number | undefined {
  if (typed === undefined) return otherwise
  const value = Number(typed)
  return value > 0 && value <= max ? value : undefined
}

export function helpText(
  cases: readonly { readonly name: string; readonly about: string }[],
): string {
  const width = Math.max(...cases.map(({ name }) => name.length)) + 2
  return `Measures Tickpay, beside other systems where there are any.

Usage: npm run bench -- [CASE...] [options]

Without a case all of them run and docs/benchmarks.md is written.

Cases:
${cases.map(({ name, about }) => `  ${name.padEnd(width)}${about}`).join('\n')}

Options:
  --json          print one JSON object a case, the last one as the last line
  --write         keep the results in docs/benchmarks/ and write docs/benchmarks.md
  --page          write docs/benchmarks.md from the results that are kept, and measure nothing
  --rounds N      measured rounds of every system (default: ${ROUNDS_DEFAULT})
  --seconds S     length of a round (default: ${SECONDS_DEFAULT})
  --ledger L      settle with this ledger: ${benchLedgers.join(' or ')} (default: embedded)
  --channels N    channels to settle outside the gateway (default: ${CHANNELS_DEFAULT})
  --parts A,B     only these parts of a case, such as shapes of load
  --folder DIR    where the stores are; use a real disk (default: ${tmpdir()})
  --profile DIR   write CPU profiles of the gateway there
  --help          show this text
`
}
