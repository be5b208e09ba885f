/**
 * The benchmark suite: runs cases, prints what they measured, and writes docs/benchmarks.md.
 * @module
 */
import { rmSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import type { Case } from './cases/case.ts'
import { cases } from './cases/index.ts'
import { exitOnSignals } from './children.ts'
import { probeDisk } from './disk.ts'
import { describeMachine } from './measure.ts'
import { helpText, parseOptions, type SuiteOptions } from './options.ts'
import {
  type CaseReport,
  type Failure,
  failureLine,
  keepReport,
  reportLine,
  writePage,
} from './report/document.ts'
import { textTable } from './report/tables.ts'

async function runCase(one: Case, options: SuiteOptions): Promise<CaseReport> {
  const { rounds, seconds, profile, parts, ledger, channels } = options
  const folder = await mkdtemp(join(resolve(options.folder), 'tickpay-bench-'))
  const removeNow = () => rmSync(folder, { recursive: true, force: true, maxRetries: 5 })
  process.once('exit', removeNow)
  const onProgress = (line: string) => process.stderr.write(`${line}\n`)
  try {
    const machine = describeMachine()
    const disk = await probeDisk(folder)
    const at = new Date().toISOString()
    onProgress(`case ${one.name}: ${one.about}`)
    const asked = { rounds, seconds, profile, parts, ledger, channels }
    const { variant, ...result } = await one.run({ ...asked, folder, onProgress })
    const { name, about } = variant ?? one
    return { case: name, about, at, rounds, seconds, machine, disk, ...result }
  } finally {
    process.off('exit', removeNow)
    await rm(folder, { recursive: true, force: true })
  }
}

function shown(report: CaseReport): string {
  const tables = report.tables.map(textTable)
  const targets = report.targets.map(
    ({ name, target, measured, met }) =>
      `${met ? 'met   ' : 'MISSED'} ${name} ${target}: ${measured}`,
  )
  const failures = (report.failures ?? []).map((failure) => `FAILED ${failure}`)
  return `${[...tables, ...targets, ...failures].join('\n')}\n`
}

/** What went wrong with a case is told and does not keep the others from running. */
async function perform(one: Case, options: SuiteOptions): Promise<readonly Failure[]> {
  const { name } = one
  try {
    const report = await runCase(one, options)
    process.stdout.write(options.output === 'json' ? reportLine(report) : shown(report))
    if (options.output === 'document') await keepReport(report)
    return (report.failures ?? []).map((reason) => ({ case: name, reason }))
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error)
    process.stderr.write(`case ${name} failed: ${error instanceof Error ? error.stack : error}\n`)
    if (options.output === 'json') process.stdout.write(failureLine({ case: name, reason }))
    return [{ case: name, reason }]
  }
}

async function run(options: SuiteOptions): Promise<number> {
  const order = cases.map(({ name }) => name)
  const { names, output } = options
  const chosen = cases.filter(({ name }) => names.length === 0 || names.includes(name))
  const failures: Failure[] = []
  for (const one of chosen) {
    failures.push(...(await perform(one, options)))
    // After each case: whatever ends the suite, what was measured is there.
    if (output === 'document') await writePage(order, failures)
  }
  for (const failure of failures) {
    process.stderr.write(`FAILED ${failure.case}: ${failure.reason}\n`)
  }
  return failures.length > 0 ? 1 : 0
}

async function main(words: readonly string[]): Promise<number> {
  const names = cases.map(({ name }) => name)
  const options = parseOptions(words, names)
  if (options.kind === 'help') {
    process.stdout.write(helpText(cases))
    return 0
  }
  if (options.kind === 'mistake') {
    process.stderr.write(`${options.message}\n`)
    return 2
  }
  if (options.kind === 'run') return run(options)
  await writePage(names, [])
  return 0
}

exitOnSignals(process)
main(process.argv.slice(2)).then(
  (code) => process.exit(code),
  (error: unknown) => {
    process.stderr.write(`${error instanceof Error ? (error.stack ?? error.message) : error}\n`)
    process.exit(1)
  },
)
