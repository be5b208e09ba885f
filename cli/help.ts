/**
 * The text of `--help`, from the tables alone. A golden test holds it.
 * @module
 */
import type { Command, Option } from './command.ts'
import { commonOptions } from './parse.ts'

/** A row of a help list: what is typed, and what it is. */
type Row = readonly [string, string]

/** Lines of `tickpay NAME --help`. */
export function commandHelp(name: string, command: Command): readonly string[] {
  const own = Object.entries(command.options)
  return [
    `${command.summary}.`,
    '',
    `Usage: ${usageOf(name, command)}`,
    ...titled('', command.details),
    ...titled('Arguments:', rows(argumentRows(command))),
    ...titled('Options:', rows([...own, ...Object.entries(commonOptions)].map(optionRow))),
    ...titled(
      'Examples:',
      command.examples.map((example) => `  ${example}`),
    ),
  ]
}

/** Lines of a list of commands: `tickpay --help`, `tickpay ledger --help`. */
export function listHelp(
  title: string,
  usage: string,
  commands: readonly Row[],
  closing: readonly string[],
): readonly string[] {
  return [title, '', `Usage: ${usage}`, ...titled('Commands:', rows(commands)), ...closing]
}

/** One line: what to type. */
export function usageOf(name: string, command: Command): string {
  const places = Object.entries(command.arguments).map(([argument, { kind }]) =>
    kind === 'argument' ? argument.toUpperCase() : `[${argument.toUpperCase()}]`,
  )
  const needed = Object.entries(command.options).flatMap(([option, { kind }]) =>
    kind === 'needed' ? [optionWord(option, command.options[option])] : [],
  )
  const others = Object.values(command.options).some(({ kind }) => kind !== 'needed')
  return ['tickpay', name, ...places, ...needed, ...(others ? ['[options]'] : [])].join(' ')
}

function titled(title: string, lines: readonly string[]): readonly string[] {
  if (lines.length === 0) return []
  return title === '' ? ['', ...lines] : ['', title, ...lines]
}

function rows(pairs: readonly Row[]): readonly string[] {
  const width = Math.max(0, ...pairs.map(([left]) => left.length))
  return pairs.map(([left, right]) => `  ${left.padEnd(width)}  ${right}`)
}

function argumentRows(command: Command): readonly Row[] {
  return Object.entries(command.arguments).map(([name, { about }]) => [name.toUpperCase(), about])
}

function optionRow([name, option]: readonly [string, Option]): Row {
  const repeats = option.kind === 'list' ? ' (may be repeated)' : ''
  return [optionWord(name, option), `${option.about}${repeats}`]
}

function optionWord(name: string, option: Option | undefined): string {
  return option === undefined || option.kind === 'switch'
    ? `--${name}`
    : `--${name} ${option.value}`
}
