/**
 * The demo with a server that it starts for itself, PostgreSQL or a chain, both ways of settling.
 */
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { projectRoot } from '../support/tidyFiles.ts'

const program = join(projectRoot, 'dist', 'cli', 'main.js')

function demo(ledger: string, ...words: string[]) {
  const all = [program, 'demo', '--ledger', ledger, ...words]
  return spawnSync(process.execPath, all, { encoding: 'utf8', timeout: 110_000 })
}

const runs = ['postgres', 'evm'].flatMap((ledger) =>
  [[], ['--no-cosign']].map((words) => ({ ledger, words })),
)

test.each(runs)('all books agree: $ledger $words', { timeout: 120_000 }, ({ ledger, words }) => {
  const { status, stdout, stderr } = demo(ledger, '--for', '14s', '--json', ...words)
  expect(stderr).toBe('')
  expect(status).toBe(0)
  const figures = JSON.parse(stdout)
  expect(figures.settlements).toBeGreaterThanOrEqual(2)
  expect(BigInt(figures.settled)).toBeGreaterThan(0n)
  expect(BigInt(figures.settled) + BigInt(figures.unsettled)).toBe(BigInt(figures.accepted))
  expect(figures.ledgerSum).toBe('0')
})

test('a ledger that is not known, or that cannot be kept, is refused', () => {
  expect(demo('postgres', '--data', 'somewhere')).toMatchObject({ status: 2 })
  const all = [program, 'demo', '--ledger', 'paper']
  const { status, stderr } = spawnSync(process.execPath, all, { encoding: 'utf8' })
  expect(status).toBe(2)
  expect(stderr).toMatch(/--ledger is embedded or postgres/)
})
