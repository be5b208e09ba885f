/**
 * docs/benchmarks.md and its charts, from the newest result of every case.
 * @module
 */
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { CaseResult } from '../cases/case.ts'
import type { Disk } from '../disk.ts'
import type { Machine } from '../measure.ts'
import { reasonOf } from './reasons.ts'
import { chartSvg } from './svg.ts'
import { figure, markdownTable } from './tables.ts'

/** The program runs from `dist/bench/report/`. */
const docs = fileURLToPath(new URL('../../../docs/', import.meta.url))
const folder = join(docs, 'benchmarks')

export type CaseReport = CaseResult & {
  readonly case: string
  readonly about: string
  readonly at: string
  readonly rounds: number
  readonly seconds: number
  readonly machine: Machine
  readonly disk: Disk
}

/** What could not be measured. */
export type Failure = { readonly case: string; readonly reason: string }

/** Keeps a result and its charts, in place of the last one of its case. */
export async function keepReport(report: CaseReport): Promise<void> {
  await mkdir(folder, { recursive: true })
  await writeFile(join(folder, `${report.case}.json`), `${JSON.stringify(report, plain, 1)}\n`)
}

/** Writes the page and the charts from all results that are kept. */
export async function writePage(
  order: readonly string[],
  failures: readonly Failure[],
): Promise<void> {
  const reports = await readReports()
  const sorted = reports.toSorted((a, b) => placeIn(order, a) - placeIn(order, b))
  for (const chart of reports.flatMap(({ charts }) => charts)) {
    await writeFile(join(folder, `${chart.name}.svg`), chartSvg(chart))
  }
  await writeFile(join(docs, 'benchmarks.md'), pageOf(sorted, failures))
}

/** A variant, such as `settle-evm`, comes after its case. */
function placeIn(order: readonly string[], { case: name }: CaseReport): number {
  const known = order.indexOf(name)
  return known < 0 ? order.indexOf(name.split('-')[0] ?? '') + 0.5 : known
}

/** One line; amounts as decimal strings. */
export function reportLine(report: CaseReport): string {
  return `${JSON.stringify(report, plain)}\n`
}

export function failureLine(failure: Failure): string {
  return `${JSON.stringify({ case: failure.case, failures: [failure.reason] })}\n`
}

function plain(_name: string, value: unknown): unknown {
  return typeof value === 'bigint' ? value.toString() : value
}

async function readReports(): Promise<readonly CaseReport[]> {
  await mkdir(folder, { recursive: true })
  const names = (await readdir(folder)).filter((name) => name.endsWith('.json'))
  return Promise.all(
    names.map(async (name) => JSON.parse(await readFile(join(folder, name), 'utf8')) as CaseReport),
  )
}

const opening = `# Benchmarks

Written by \`npm run bench\`; do not edit. What the figures mean and where the time goes is in
[performance.md](performance.md).

\`npm run bench\` measures everything again on your machine; \`npm run bench -- --help\` names the
cases and how to run one of them. Mosquitto must be installed; the case \`agent\` says what else it
would like to have.
`

const method = `## Method

- Compared systems run alternately in one run, round by round, in processes of their own, each under
  a load generator in yet another process that sends packets made before the clock started.
- A figure is the median of its rounds, with the lowest and the highest in brackets. A share is
  taken round by round, and its median counts.
- All ticks are real: every word meets the one before it. The gateway's own counter of accepted
  ticks must agree with what its clients were acknowledged; then it is killed, and its store, opened
  again, must hold exactly that. A run in which it does not, fails.
- Every tick is durable before it is acknowledged: the journal is synced (fdatasync) once a batch.
  The brokers that it is compared with make nothing durable.
- CPU is what the kernel charges the server's processes, all threads included. Where the generator
  takes more than 0.85 of a core the row says "generator-limited": the server could do more.
- Limits that are meant for single devices are raised by configuration where a load needs it; each
  case names them.
`

/** The whole page. */
export function pageOf(reports: readonly CaseReport[], failures: readonly Failure[]): string {
  const parts = [opening, summaryOf(reports), method, ...reports.map(sectionOf)]
  return (failures.length > 0 ? parts.toSpliced(1, 0, failedOf(failures)) : parts).join('\n')
}

function failedOf(failures: readonly Failure[]): string {
  const lines = failures.map((failure) => `- \`${failure.case}\`: ${failure.reason}`)
  return `## Failed in the last run\n\n${lines.join('\n')}\n`
}

function summaryOf(reports: readonly CaseReport[]): string {
  const rows = reports.flatMap((report) =>
    report.targets.map(({ name, target, measured, met }) => [
      `\`${report.case}\``,
      name,
      target,
      `${measured}`,
      met ? 'yes' : '**no**',
      met ? '' : reasonOf(report.case, name),
    ]),
  )
  if (rows.length === 0) return '## Targets\n\nNothing has been measured yet.\n'
  const columns = ['case', 'target', 'bound', 'measured', 'met', 'reason']
  return `## Targets\n\n${markdownTable({ title: '', columns, rows })}\n`
}

function sectionOf(report: CaseReport): string {
  const { limits, charts, tables, notes, failures = [] } = report
  const raised = Object.entries(limits).map(([name, value]) => `\`${name}\` ${value}`)
  const lines = [
    ...notes,
    ...failures.map((failure) => `Not measured: ${failure}`),
    ...(raised.length > 0 ? [`Raised limits: ${raised.join(', ')}.`] : []),
    circumstancesOf(report),
  ]
  const parts = [
    `## ${report.case}: ${report.about}`,
    ...charts.map((chart) => `![${chart.name}, ${chart.unit}](benchmarks/${chart.name}.svg)`),
    ...tables.map((table) => `${table.title}:\n\n${markdownTable(table)}`),
    lines.map((line) => `- ${line}`).join('\n'),
  ]
  return `${parts.join('\n\n')}\n`
}

function circumstancesOf({ at, rounds, seconds, machine, disk }: CaseReport): string {
  const milliseconds = (micros: number) => `${figure(micros / 1_000)} ms`
  return [
    `${at.slice(0, 16).replace('T', ' ')} UTC, ${rounds} rounds of ${seconds} s`,
    `${machine.processor}, ${machine.cores} cores, ${machine.memoryGiB} GiB`,
    `Linux ${machine.kernel} ${machine.architecture}`,
    `Node ${machine.node}, OpenSSL ${machine.openssl}, ${machine.mosquitto}`,
    `${disk.fileSystem}, append of 16 KiB and fdatasync p50 ${milliseconds(disk.syncP50)}, ` +
      `p99 ${milliseconds(disk.syncP99)}`,
    `load before the start ${machine.loadAtStart}.`,
  ].join('; ')
}
