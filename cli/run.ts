/**
 * From the words of a command line to an exit code: finds the command, reads its values, runs it,
 * and says in one line what went wrong.
 * @module
 */
import type { Command } from './command.ts'
import { type CommandTable, commandTable } from './commandTable.ts'
import { type ExitCode, exitCodeOf, exitCodes, UsageError } from './exitCodes.ts'
import { commandHelp, listHelp } from './help.ts'
import { parseCommandLine } from './parse.ts'
import { nearest } from './suggest.ts'
import type { Terminal } from './terminal.ts'
import { VERSION } from './version.ts'

/** Runs `words` (without `node` and the script) and resolves with the exit code. */
export async function run(
  words: readonly string[],
  terminal: Terminal,
  table: CommandTable = commandTable,
): Promise<ExitCode> {
  const name = commandName(words, table)
  try {
    if (name === undefined) return overview(words, terminal, table)
    const rest = words.slice(name.split(' ').length)
    const command = await (table[name]?.load() ?? Promise.reject(new Error(`no command ${name}`)))
    return await runCommand(name, command, rest, terminal)
  } catch (error) {
    explain(error, name, words, terminal)
    return exitCodeOf(error)
  }
}

async function runCommand(
  name: string,
  command: Command,
  rest: readonly string[],
  terminal: Terminal,
): Promise<ExitCode> {
  if (isAsked(rest, '--help', '-h')) return print(commandHelp(name, command), terminal)
  if (isAsked(rest, '--version', '-V')) return print([VERSION], terminal)
  // The parsed values have the types that the command's own tables promise.
  return await command.run(parseCommandLine(command, rest) as never, terminal)
}

/** The longest command that the words begin with. */
function commandName(words: readonly string[], table: CommandTable): string | undefined {
  const [first = '', second = ''] = words
  return [`${first} ${second}`, first].find((name) => Object.hasOwn(table, name))
}

function isAsked(words: readonly string[], ...names: readonly string[]): boolean {
  const end = words.indexOf('--')
  return words.slice(0, end < 0 ? words.length : end).some((word) => names.includes(word))
}

/** What is not one command: `tickpay`, `tickpay --help`, `tickpay ledger`, or a mistake. */
function overview(words: readonly string[], terminal: Terminal, table: CommandTable): ExitCode {
  const [first, second] = words
  if (first === '--version' || first === '-V') return print([VERSION], terminal)
  if (first === undefined || first === '--help' || first === '-h' || first === 'help') {
    return print(topHelp(table), terminal)
  }
  const group = Object.keys(table).filter((name) => name.startsWith(`${first} `))
  if (group.length === 0) throw new UsageError(unknownCommand(first, groupsOf(table)))
  if (second === undefined || isAsked(words, '--help', '-h')) {
    print(groupHelp(first, group, table), terminal)
    return second === undefined ? exitCodes.usage : exitCodes.ok
  }
  if (isAsked(words, '--version', '-V')) return print([VERSION], terminal)
  const known = group.map((name) => name.slice(first.length + 1))
  throw new UsageError(unknownCommand(`${first} ${second}`, known, second))
}

function unknownCommand(typed: string, known: readonly string[], word = typed): string {
  if (word.startsWith('-')) return `expected a command before "${word}"`
  const near = nearest(word, known)
  return `unknown command "${typed}"${near === undefined ? '' : `; did you mean "${near}"?`}`
}

function groupsOf(table: CommandTable): readonly string[] {
  return [...new Set(Object.keys(table).map((name) => name.split(' ')[0] ?? name))]
}

function topHelp(table: CommandTable): readonly string[] {
  const rows = Object.entries(table).map(([name, { summary }]) => [name, summary] as const)
  return listHelp(
    'Tickpay: machines that pay for what they consume, while they consume it.',
    'tickpay COMMAND [options]',
    rows,
    ['', 'Each command explains itself: tickpay COMMAND --help. Exit codes: docs/cli.md.'],
  )
}

function groupHelp(
  group: string,
  names: readonly string[],
  table: CommandTable,
): readonly string[] {
  const rows = names.map((name) => [name, table[name]?.summary ?? ''] as const)
  return listHelp(`Commands of "${group}".`, `tickpay ${group} COMMAND [options]`, rows, [])
}

function print(lines: readonly string[], terminal: Terminal): ExitCode {
  for (const line of lines) terminal.out(line)
  return exitCodes.ok
}

/** One line for the person; the stack of a bug only when asked for. */
export function explain(
  error: unknown,
  name: string | undefined,
  words: readonly string[],
  terminal: Terminal,
): void {
  const code = exitCodeOf(error)
  const message = error instanceof Error ? error.message : String(error)
  const [line = message] = message.split('\n')
  if (code === exitCodes.usage) {
    terminal.error(`tickpay: ${line}`)
    terminal.error(`  see: tickpay ${name === undefined ? '' : `${name} `}--help`)
  } else if (code === exitCodes.internal) {
    terminal.error(`tickpay: internal error: ${line} (please report; --debug shows the stack)`)
    if (isAsked(words, '--debug') && error instanceof Error) terminal.error(error.stack ?? '')
  } else {
    terminal.error(`tickpay: ${line}`)
  }
}
