/**
 * Reads a command line by the tables of a command. Every mistake is a UsageError of one line.
 * @module
 */
import { parseArgs } from 'node:util'
import type { Command, Option, Options } from './command.ts'
import { UsageError } from './exitCodes.ts'
import { nearest } from './suggest.ts'

/** Options that every command has. */
export const commonOptions = {
  help: { kind: 'switch', about: 'show this text' },
  version: { kind: 'switch', about: 'show the version' },
  debug: { kind: 'switch', about: 'show the stack of an internal error' },
} as const satisfies Options

export type ParsedValues = Readonly<
  Record<string, string | boolean | readonly string[] | undefined>
>

/** Values by name of option or argument. `--help` and `--version` are the caller's business. */
export function parseCommandLine(command: Command, words: readonly string[]): ParsedValues {
  const options: Options = { ...command.options, ...commonOptions }
  const { tokens } = parseArgs({
    args: [...words],
    options: parseArgsOptions(options),
    strict: false,
    allowPositionals: true,
    tokens: true,
  })
  const values = new Map<string, string | boolean | string[]>()
  const places: string[] = []
  for (const token of tokens) {
    if (token.kind === 'positional') places.push(token.value)
    if (token.kind === 'option') readOption(options, token.name, token.value, values)
  }
  return { ...named(command.options, values), ...placed(command, places) }
}

function parseArgsOptions(options: Options) {
  return Object.fromEntries(
    Object.entries(options).map(([name, option]) => [
      name,
      { type: option.kind === 'switch' ? ('boolean' as const) : ('string' as const) },
    ]),
  )
}

function readOption(
  options: Options,
  name: string,
  value: string | undefined,
  values: Map<string, string | boolean | string[]>,
): void {
  const option = Object.hasOwn(options, name) ? options[name] : undefined
  if (option === undefined) throw new UsageError(unknownOption(options, name))
  if (option.kind === 'switch') {
    if (value !== undefined) throw new UsageError(`--${name} takes no value`)
    values.set(name, true)
    return
  }
  if (value === undefined || value === '') {
    throw new UsageError(`--${name} needs a value: --${name} ${option.value}`)
  }
  if (option.kind === 'list') {
    const known = values.get(name)
    values.set(name, Array.isArray(known) ? [...known, value] : [value])
    return
  }
  if (values.has(name)) throw new UsageError(`--${name} is given twice`)
  values.set(name, value)
}

function unknownOption(options: Options, name: string): string {
  const dashes = name.length === 1 ? '-' : '--'
  const near = nearest(name, Object.keys(options))
  return `unknown option ${dashes}${name}${near === undefined ? '' : `; did you mean --${near}?`}`
}

function named(
  options: Options,
  values: ReadonlyMap<string, string | boolean | string[]>,
): ParsedValues {
  const entries = Object.entries(options).map(([name, option]) => {
    const value = values.get(name)
    if (value === undefined && option.kind === 'needed') {
      throw new UsageError(`--${name} ${option.value} is missing`)
    }
    return [name, value ?? absent(option)] as const
  })
  return Object.fromEntries(entries)
}

function absent(option: Option): boolean | readonly string[] | undefined {
  if (option.kind === 'switch') return false
  return option.kind === 'list' ? [] : undefined
}

function placed(command: Command, places: readonly string[]): ParsedValues {
  const expected = Object.entries(command.arguments)
  const surplus = places[expected.length]
  if (surplus !== undefined) throw new UsageError(`unexpected argument "${surplus}"`)
  const entries = expected.map(([name, { kind }], place) => {
    const value = places[place]
    if (value === undefined && kind === 'argument') {
      throw new UsageError(`${name.toUpperCase()} is missing`)
    }
    return [name, value] as const
  })
  return Object.fromEntries(entries)
}
