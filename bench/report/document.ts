/**
 * docs/benchmarks.md and its charts, from the newest report of every case.
 * @module
 */
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { CaseReport } from '../main.ts'
import { chartSvg } from './svg.ts'
import { figure, markdownTable } from './tables.ts'

/** The program runs from `dist/bench/report/`. */
const docs = fileURLToPath(new URL('../../../docs/', import.meta.url))
const folder = join(docs, 'benchmarks')

/** Keeps `report` and writes the document anew from all that are kept. */
export async function writeReport(report: CaseReport, order: readonly string[]): Promise<void> {
  await mkdir(folder, { recursive: true })
  await writeFile(join(folder, `${report.case}.json`), reportJson(report))
  for (const chart of report.charts) {
    await writeFile(join(folder, `${chart.name}.svg`), chartSvg(chart))
  }
  const reports = await readReports()
  const sorted = reports.toSorted((a, b) => order.indexOf(a.case) - order.indexOf(b.case))
  await writeFile(join(docs, 'benchmarks.md'), documentOf(sorted))
}

/** One line; amounts as decimal strings. */
export function reportLine(report: CaseReport): string {
  return `${JSON.stringify(report, plain)}\n`
}

function reportJson(report: CaseReport): string {
  return `${JSON.stringify(report, plain, 1)}\n`
}

function plain(_name: string, value: unknown): unknown {
  return typeof value === 'bigint' ? value.toString() : value
}

async function readReports(): Promise<readonly CaseReport[]> {
  const names = (await readdir(folder)).filter((name) => name.endsWith('.json'))
  return Promise.all(
    names.map(async (name) => JSON.parse(await readFile(join(folder, name), 'utf8')) as CaseReport),
  )
}

const opening = `# Benchmarks

Written by \`npm run bench\`; do not edit. What the figures mean and where the time goes is in
[performance.md](performance.md).

## Method

- Compared systems run alternately in one run, round by round, in processes of their own, each under
  a load generator in yet another process that sends packets made before the clock started.
- A figure is the median of its rounds, with the lowest and the highest in brackets.
- All ticks are real: every word meets the one before it. The gateway's own counter of accepted
  ticks must agree with what its clients were acknowledged; then it is killed, and its store, opened
  again, must hold exactly that.
- Every tick is durable before it is acknowledged: the journal is synced (fdatasync) once a batch.
  The brokers that it is compared with make nothing durable.
- CPU is what the kernel charges the server's processes, all threads included. Where the generator
  takes more than 0.85 of a core the row says "generator-limited": the server could do more.
- Limits that are meant for single devices are raised by configuration where a load needs it; each
  case names them.
`

function documentOf(reports: readonly CaseReport[]): string {
  return [opening, ...reports.map(sectionOf)].join('\n')
}

function sectionOf(report: CaseReport): string {
  const { machine, disk, targets, limits, rounds, seconds } = report
  const targetTable = markdownTable({
    title: 'Targets',
    columns: ['target', 'bound', 'measured', 'met'],
    rows: targets.map(({ name, target, measured, met }) => [
      name,
      target,
      `${measured}`,
      met ? 'yes' : '**no**',
    ]),
  })
  const raised = Object.entries(limits).map(([name, value]) => `\`${name}\` ${value}`)
  const parts = [
    `## ${report.case}: ${report.about}`,
    ...report.charts.map((chart) => `![${chart.name}](benchmarks/${chart.name}.svg)`),
    ...report.tables.map((table) => `${table.title}:\n\n${markdownTable(table)}`),
    targetTable,
    report.notes.map((note) => `- ${note}`).join('\n'),
    `${report.at.slice(0, 16).replace('T', ' ')} UTC, ${rounds} rounds of ${seconds} s; ` +
      `${machine.processor}, ${machine.cores} cores, ${machine.memoryGiB} GiB, ` +
      `Linux ${machine.kernel} ${machine.architecture}, ` +
      `Node ${machine.node}, OpenSSL ${machine.openssl}; ${disk.fileSystem}, append and ` +
      `fdatasync p50 ${figure(disk.syncP50 / 1_000)} ms, p99 ${figure(disk.syncP99 / 1_000)} ms; ` +
      `load before the start ${machine.loadAtStart}.`,
    ...(raised.length > 0 ? [`Raised limits: ${raised.join(', ')}.`] : []),
  ]
  return `${parts.join('\n\n')}\n`
}
