import { expect, test } from 'vitest'
import {
  argument,
  defineCommand,
  flag,
  list,
  needed,
  optionalArgument,
  text,
} from '../../../cli/command.ts'
import type { CommandTable } from '../../../cli/commandTable.ts'
import { exitCodes, RefusedError, UnreachableError } from '../../../cli/exitCodes.ts'
import { run } from '../../../cli/run.ts'
import { VERSION } from '../../../cli/version.ts'
import { OperatorError } from '../../../ports/operatorError.ts'
import { testTerminal } from '../../support/testTerminal.ts'

const copy = defineCommand({
  summary: 'Copies',
  details: ['More about copying.'],
  arguments: { from: argument('source'), to: optionalArgument('target') },
  options: {
    fleet: needed('FLEET', 'whose'),
    limit: text('COUNT', 'how many'),
    tag: list('TAG', 'a mark'),
    json: flag('as JSON'),
  },
  examples: ['tickpay copy a b --fleet acme'],
  run: async (values, terminal) => {
    terminal.out(JSON.stringify(values))
    return exitCodes.ok
  },
})

function failing(error: unknown) {
  return defineCommand({
    summary: 'Fails',
    arguments: {},
    options: {},
    examples: [],
    run: () => Promise.reject(error),
  })
}

const table: CommandTable = {
  copy: { summary: 'Copies', load: async () => copy },
  'ledger fund': { summary: 'Funds', load: async () => copy },
  'ledger entries': { summary: 'Lists', load: async () => copy },
  refuse: { summary: 'Fails', load: async () => failing(new RefusedError('no')) },
  reach: { summary: 'Fails', load: async () => failing(new UnreachableError('nobody')) },
  break: { summary: 'Fails', load: async () => failing(new OperatorError('disk is full')) },
  crash: { summary: 'Fails', load: async () => failing(new TypeError('x is undefined')) },
}

async function ran(line: string) {
  const terminal = testTerminal()
  const code = await run(line.split(' ').filter(Boolean), terminal, table)
  return { code, out: terminal.outLines, error: terminal.errorLines }
}

test('values arrive by name, with what is absent undefined, false or empty', async () => {
  const { code, out } = await ran('copy a --fleet acme --tag x --tag=y')
  expect(code).toBe(0)
  expect(JSON.parse(out[0] ?? '')).toEqual({
    fleet: 'acme',
    tag: ['x', 'y'],
    json: false,
    from: 'a',
  })
})

test.each([
  ['copy a', '--fleet FLEET is missing', 'copy '],
  ['copy --fleet acme', 'FROM is missing', 'copy '],
  ['copy a b c --fleet acme', 'unexpected argument "c"', 'copy '],
  ['copy a --fleet', '--fleet needs a value: --fleet FLEET', 'copy '],
  ['copy a --fleet x --fleet y', '--fleet is given twice', 'copy '],
  ['copy a --flet x', 'unknown option --flet; did you mean --fleet?', 'copy '],
  ['copy a --fleet x --json=1', '--json takes no value', 'copy '],
  ['copy a --fleet x --frobnicate', 'unknown option --frobnicate', 'copy '],
  ['coppy', 'unknown command "coppy"; did you mean "copy"?', ''],
  ['frobnicate', 'unknown command "frobnicate"', ''],
  ['ledger entires', 'unknown command "ledger entires"; did you mean "entries"?', ''],
  ['--json copy', 'expected a command before "--json"', ''],
])('"%s" is a usage error of one line', async (line, message, name) => {
  const { code, out, error } = await ran(line)
  expect(code).toBe(exitCodes.usage)
  expect(out).toEqual([])
  expect(error).toEqual([`tickpay: ${message}`, `  see: tickpay ${name}--help`])
})

test('help and version are everywhere', async () => {
  for (const line of ['--help', '-h', 'help', '', 'ledger --help', 'copy --help', 'copy x -h']) {
    const { code, out, error } = await ran(line)
    expect(code, line).toBe(0)
    expect(out.join('\n'), line).toContain('Usage: tickpay')
    expect(error).toEqual([])
  }
  for (const line of ['--version', '-V', 'copy --version', 'ledger --version']) {
    expect(await ran(line), line).toEqual({ code: 0, out: [VERSION], error: [] })
  }
})

test('a group without its command shows its list and is a usage error', async () => {
  const { code, out } = await ran('ledger')
  expect(code).toBe(exitCodes.usage)
  expect(out).toContain('  ledger fund     Funds')
})

test.each([
  ['refuse', 1, 'tickpay: no'],
  ['reach', 3, 'tickpay: nobody'],
  ['break', 4, 'tickpay: disk is full'],
])('%s ends with its own exit code and its message', async (line, code, message) => {
  expect(await ran(line)).toEqual({ code, out: [], error: [message] })
})

test('a bug is one line without a stack, and --debug shows the stack', async () => {
  const calm = await ran('crash')
  expect(calm.code).toBe(70)
  expect(calm.error).toEqual([
    'tickpay: internal error: x is undefined (please report; --debug shows the stack)',
  ])
  const loud = await ran('crash --debug')
  expect(loud.code).toBe(70)
  expect(loud.error.join('\n')).toMatch(/TypeError: x is undefined\n +at /)
})
