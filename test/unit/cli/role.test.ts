import { expect, test } from 'vitest'
import { roleOf } from '../../../cli/role.ts'

test.each([
  ['gateway', ['gateway', 'data', 'listeners']],
  ['agent', ['fleet', 'device', 'gateway', 'meters']],
  ['fleet', ['fleet', 'gateway', 'ledger', 'policy']],
  ['meter-sim', ['name', 'line']],
])('%s is known by its keys', (role, keys) => {
  expect(roleOf('x.yaml', keys)).toBe(role)
})

test('keys of two roles or of none are a question to the person', () => {
  expect(() => roleOf('x.yaml', ['policy', 'listeners'])).toThrow(/^x\.yaml: whose configuration/)
  expect(() => roleOf('x.yaml', ['frobnicate'])).toThrow(/^x\.yaml: whose configuration/)
})
