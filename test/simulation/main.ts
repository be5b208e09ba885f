/**
 * The program behind `npm run simulate`; docs/simulation.md explains its options.
 * @module
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { readOptions, type SimulateOptions, usage } from './options.ts'
import { type Plan, planOf } from './plan.ts'
import { regressions } from './regressions.ts'
import { type Outcome, runPlan } from './run.ts'
import { failsBy, partOf, shrink, wholePlan } from './shrink.ts'

/** What `--json` says of a seed. */
export type SeedLine = Pick<Outcome, 'history' | 'virtualMs' | 'violations'> & {
  readonly seed: number
}

const progressMs = 5_000
const failuresMax = 5
const linesShown = 60
const columnsShown = 200

function say(line: string): void {
  process.stdout.write(`${line}\n`)
}

function* seedsOf(options: SimulateOptions): Iterable<number> {
  if (options.isRegression) {
    for (const { seed } of regressions) yield seed
    return
  }
  for (let count = 0; count < options.seeds; count++) yield options.first + count
}

/** Prints what was violated, the shortest history that still does, and how to see it again. */
async function report({ plan, violations }: Outcome): Promise<void> {
  say(`seed ${plan.seed} failed`)
  for (const { invariant, detail } of violations) say(`  ${invariant}: ${detail}`)
  const [first] = violations
  if (!first) return
  const part = await shrink(plan, failsBy(first.invariant))
  const lines: string[] = []
  await runPlan(partOf(plan, part), { tell: (line) => lines.push(line) })
  say(`  ${part.keep.length} of ${plan.faults.length} faults are enough:`)
  for (const line of lines.slice(-linesShown)) say(`  ${line.slice(0, columnsShown)}`)
  const keep = part.keep.length === 0 ? '-' : part.keep.join()
  const without = part.without.length === 0 ? '' : ` --without ${part.without.join()}`
  say(`  again: npm run simulate -- --seed ${plan.seed} --tell --keep ${keep}${without}`)
}

/** The whole plan of a seed, or the part that was asked for. */
function planFor(seed: number, { keep, without }: SimulateOptions): Plan {
  const plan = planOf(seed)
  return partOf(plan, { keep: keep ?? wholePlan(plan).keep, without })
}

/** `onPassed` is told of every seed that violates nothing, up to the first that does. */
async function simulate(
  options: SimulateOptions,
  onPassed: (seed: number) => void = () => undefined,
): Promise<number> {
  const beganMs = performance.now()
  const cpu = process.cpuUsage()
  let toldMs = beganMs
  let done = 0
  let failures = 0
  let virtualMs = 0
  const summary = () => {
    const { user, system } = process.cpuUsage(cpu)
    const seconds = (performance.now() - beganMs) / 1_000
    const perSeed = (user + system) / 1_000 / Math.max(1, done)
    return (
      `${done} seeds, ${failures} failed, ${Math.round(virtualMs / 60_000)} virtual minutes, ` +
      `${(done / seconds).toFixed(1)} seeds/s, ${perSeed.toFixed(0)} ms CPU a seed`
    )
  }
  for (const seed of seedsOf(options)) {
    const now = performance.now()
    if (options.minutes !== undefined && now - beganMs > options.minutes * 60_000) break
    const lines: string[] = []
    const outcome = await runPlan(planFor(seed, options), { tell: (line) => lines.push(line) })
    done += 1
    virtualMs += outcome.virtualMs
    if (options.isTold) for (const line of lines) say(line)
    if (options.isJson) {
      const { history, violations } = outcome
      say(JSON.stringify({ seed, history, virtualMs: outcome.virtualMs, violations }))
    } else if (now - toldMs > progressMs) {
      toldMs = now
      process.stderr.write(`${summary()}\n`)
    }
    if (outcome.violations.length === 0) {
      if (failures === 0) onPassed(seed)
      continue
    }
    failures += 1
    if (options.isJson) break
    await report(outcome)
    if (failures >= failuresMax) break
  }
  if (!options.isJson) say(summary())
  return failures === 0 ? 0 : 1
}

/** Goes on where the document says that the last run ended, and writes down how far it came. */
async function record(options: SimulateOptions): Promise<number> {
  const text = readFileSync(document, 'utf8')
  const before = Number(counted.exec(text)?.[1] ?? 0)
  let reached = before
  const write = () => {
    const line = `Seeds run without a violation, from 1 on: ${reached}.`
    writeFileSync(document, text.replace(counted, line))
  }
  const code = await simulate({ ...options, first: before + 1 }, (seed) => {
    reached = seed
    if (seed % seedsPerWrite === 0) write()
  })
  write()
  return code
}

/** A run that is interrupted loses no more. */
const seedsPerWrite = 50

const document = 'docs/simulation.md'
const counted = /Seeds run without a violation, from 1 on: (\d+)\./

const options = readOptions(process.argv.slice(2))
if (options?.isRecorded) process.exitCode = await record(options)
else if (options) process.exitCode = await simulate(options)
else {
  process.stderr.write(`${usage}\n`)
  process.exitCode = 2
}
