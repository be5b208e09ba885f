/**
 * The benchmark suite: runs cases, prints what they measured, and writes docs/benchmarks.md.
 * @module
 */
import { mkdtemp, rm } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import type { Case, CaseResult } from './cases/case.ts'
import { cases } from './cases/index.ts'
import { probeDisk } from './disk.ts'
import { describeMachine } from './measure.ts'
import { helpText, parseOptions, type SuiteOptions } from './options.ts'
import { reportLine, writeReport } from './report/document.ts'
import { textTable } from './report/tables.ts'

export type CaseReport = CaseResult & {
  readonly case: string
  readonly about: string
  readonly at: string
  readonly rounds: number
  readonly seconds: number
  readonly machine: ReturnType<typeof describeMachine>
  readonly disk: Awaited<ReturnType<typeof probeDisk>>
}

async function runCase(one: Case, options: SuiteOptions): Promise<CaseReport> {
  const { rounds, seconds, profile, parts } = options
  const folder = await mkdtemp(join(resolve(options.folder), 'tickpay-bench-'))
  const onProgress = (line: string) => process.stderr.write(`${line}\n`)
  try {
    const machine = describeMachine()
    const disk = await probeDisk(folder)
    const at = new Date().toISOString()
    onProgress(`case ${one.name}: ${one.about}`)
    const result = await one.run({ rounds, seconds, folder, profile, parts, onProgress })
    return { case: one.name, about: one.about, at, rounds, seconds, machine, disk, ...result }
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

function shown(report: CaseReport): string {
  const tables = report.tables.map(textTable)
  const targets = report.targets.map(
    ({ name, target, measured, met }) =>
      `${met ? 'met   ' : 'MISSED'} ${name} ${target}: ${measured}`,
  )
  return `${[...tables, ...targets].join('\n')}\n`
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
  const chosen = cases.filter(
    ({ name }) => options.names.length === 0 || options.names.includes(name),
  )
  for (const one of chosen) {
    const report = await runCase(one, options)
    process.stdout.write(options.output === 'json' ? reportLine(report) : shown(report))
    if (options.output === 'document') await writeReport(report, names)
  }
  return 0
}

main(process.argv.slice(2)).then(
  (code) => process.exit(code),
  (error: unknown) => {
    process.stderr.write(`${error instanceof Error ? (error.stack ?? error.message) : error}\n`)
    process.exit(1)
  },
)
