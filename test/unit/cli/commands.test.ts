/**
 * The commands themselves: what they say of themselves, held to docs/cli.md.
 */
import { expect, test } from 'vitest'
import { commandTable } from '../../../cli/commandTable.ts'
import { commandHelp } from '../../../cli/help.ts'
import { parseCommandLine } from '../../../cli/parse.ts'
import { run } from '../../../cli/run.ts'
import { cliReference } from '../../support/cliReference.ts'
import { testTerminal } from '../../support/testTerminal.ts'

const commands = await Promise.all(
  Object.entries(commandTable).map(
    async ([name, { summary, load }]) => [name, summary, await load()] as const,
  ),
)

test.each(commands)(
  '%s: its help is the same in the table and for itself',
  async (name, summary, command) => {
    expect(command.summary).toBe(summary)
    const lines = commandHelp(name, command)
    for (const line of lines) expect(line.length, line).toBeLessThanOrEqual(100)
    const terminal = testTerminal()
    expect(await run([...name.split(' '), '--help'], terminal)).toBe(0)
    expect(terminal.outLines).toEqual(lines)
  },
)

test.each(commands)('%s: its examples can be parsed', (name, _summary, command) => {
  const text = command.examples.join('\n').replaceAll('\\\n', ' ')
  for (const line of text.split('\n')) {
    const words = [...line.replace(/ >.*$/, '').matchAll(/"([^"]*)"|(\S+)/g)]
    const typed = words.map(([, quoted, bare]) => quoted ?? bare ?? '')
    expect(typed[0]).toBe('tickpay')
    const rest = typed.slice(1 + name.split(' ').length)
    expect(typed.slice(1).join(' ')).toBe([name, ...rest].join(' '))
    expect(() => parseCommandLine(command, rest), line).not.toThrow()
  }
})

test('docs/cli.md is what the commands say (update it with: npx vitest run -u)', async () => {
  const terminal = testTerminal()
  await run(['--help'], terminal)
  const helps = commands.map(([name, , command]) => [name, commandHelp(name, command)] as const)
  const text = cliReference(terminal.outLines, helps)
  await expect(text).toMatchFileSnapshot('../../../docs/cli.md')
})
