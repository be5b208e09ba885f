import { expect, test } from 'vitest'
import { helpText, parseOptions } from '../../../bench/options.ts'

const known = ['chain', 'ingest']
const parse = (line: string) => parseOptions(line.split(' ').filter(Boolean), known)

test('without a case all run and the document is written', () => {
  expect(parse('')).toMatchObject({ kind: 'run', names: [], output: 'document', rounds: 5 })
})

test('a named case is only shown, unless it is to be written', () => {
  expect(parse('chain')).toMatchObject({ names: ['chain'], output: 'text' })
  expect(parse('chain --json')).toMatchObject({ output: 'json' })
  expect(parse('chain --write')).toMatchObject({ output: 'document' })
  expect(parse('--rounds 7 ingest --seconds 0.5 --parts a,b')).toMatchObject({
    names: ['ingest'],
    rounds: 7,
    seconds: 0.5,
    parts: ['a', 'b'],
  })
})

test.each([
  ['nonsense', /no case "nonsense"; there are chain, ingest/],
  ['--rounds 0', /--rounds takes/],
  ['--rounds 1.5', /--rounds takes/],
  ['--seconds many', /--seconds takes/],
  ['--wat', /--wat/],
])('%s is told in one line', (line, expected) => {
  const parsed = parse(line)
  expect(parsed).toMatchObject({ kind: 'mistake', message: expect.stringMatching(expected) })
  expect(parsed.kind === 'mistake' && parsed.message).not.toContain('\n')
})

test('the page can be made anew without measuring', () => {
  expect(parse('--page')).toEqual({ kind: 'page' })
})

test('help names every case and every option', () => {
  expect(parse('--help')).toEqual({ kind: 'help' })
  const help = helpText([{ name: 'chain', about: 'one step' }])
  expect(help).toContain('chain  one step')
  for (const option of [
    'json',
    'write',
    'rounds',
    'seconds',
    'parts',
    'folder',
    'profile',
    'page',
  ]) {
    expect(help).toContain(`--${option}`)
  }
})
