/**
 * The demo from its first line to its reconciliation.
 * @module
 */
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import * as v from 'valibot'
import { OperatorError } from '../../ports/operatorError.ts'
import { type ExitCode, exitCodes } from '../exitCodes.ts'
import { stopSignal } from '../io/runUntilStopped.ts'
import { jsonText } from '../jsonLine.ts'
import { look, remember, type Sight, viewOf } from '../live/look.ts'
import { inlineCanvas } from '../live/screen.ts'
import { OTHER_LINES } from '../live/top.ts'
import { plainLine, viewLines } from '../live/view.ts'
import { styleOf, type Terminal } from '../terminal.ts'
import { accessLines, codeText } from './access.ts'
import { collectFigures, type DemoNote, notePath } from './collect.ts'
import { type DemoLedger, startDemoLedger } from './ledgers.ts'
import { demoAsset, demoDevices, demoFleet, type Settling } from './plan.ts'
import { differences, type Figures, figuresJson, figuresLines } from './reconcile.ts'
import { linkNames, type RunningDemo, startDemo } from './setup.ts'

const lookPeriodMs = 250
/** The service co-signs within a second, unless a reading is late. */
const lastStatementMs = 8_000
/** Where nothing can be drawn over, a line now and then is enough. */
const plainPeriodMs = 5_000

const statementAnswer = v.object({ state: v.string() })

export type DemoOptions = {
  /** Undefined: until Ctrl-C. */
  readonly forSeconds: number | undefined
  /** Kept after the demo; undefined: a temporary folder. */
  readonly folder: string | undefined
  readonly settling: Settling
  /** One of `demoLedgers`. */
  readonly ledger: string
  readonly output: 'json' | 'people'
}

/** Runs the demo; exit code 1 when its books do not agree. */
export async function runDemo(options: DemoOptions, terminal: Terminal): Promise<ExitCode> {
  const stopAsked = stopSignal()
  const kept = options.folder && resolve(options.folder)
  const ledger = await startDemoLedger(options.ledger)
  const folder = kept ?? (await mkdtemp(join(tmpdir(), 'tickpay-demo-')))
  try {
    if (options.output === 'people') terminal.out(`ledger: ${ledger.name}`)
    await runUntil(stopAsked, folder, { ...options, ledger }, terminal)
    return await reconcile(folder, options.output, terminal)
  } finally {
    await ledger.stop()
    if (options.folder === undefined) await rm(folder, { recursive: true, force: true })
    else terminal.error(`everything is kept in ${folder}`)
  }
}

/** Reads the books in `folder` and shows whether they agree. */
export async function reconcile(
  folder: string,
  output: DemoOptions['output'],
  terminal: Terminal,
): Promise<ExitCode> {
  const figures = await collectFigures(folder)
  if (output === 'json') terminal.out(jsonText(figuresJson(figures)))
  else for (const line of ['', ...figuresLines(figures)]) terminal.out(line)
  return verdict(figures, output, terminal)
}

function verdict(figures: Figures, output: DemoOptions['output'], terminal: Terminal): ExitCode {
  const wrong = differences(figures)
  for (const line of wrong) terminal.error(`difference: ${line}`)
  if (wrong.length > 0) return exitCodes.failed
  if (output === 'people') terminal.out('the books of meters, agents, gateway and ledger agree')
  return exitCodes.ok
}

async function runUntil(
  stopAsked: Promise<void>,
  folder: string,
  options: Omit<DemoOptions, 'ledger'> & { readonly ledger: DemoLedger },
  terminal: Terminal,
): Promise<void> {
  const speaks = options.output === 'people'
  const demo = await startDemo({
    folder,
    program: { file: process.execPath, words: [...process.execArgv, process.argv[1] ?? ''] },
    ledger: options.ledger,
    settling: options.settling,
    onProgress: (line) => {
      if (speaks) terminal.out(line)
    },
  })
  let newest: Sight | undefined
  try {
    newest = await show(demo, stopAsked, options, terminal)
  } finally {
    await demo.stop(async () => {
      if (options.settling === 'statements') await settleAtEnd(demo)
      newest = await look(demo.calls, new Map(), performance.now()).catch(() => newest)
      await demo.calls.close()
    })
    if (newest !== undefined) await writeNote(folder, demo, newest)
  }
}

/** Asks for a last statement and waits until the fleet has co-signed it, or will not. */
async function settleAtEnd({ calls }: RunningDemo): Promise<void> {
  const untilMs = performance.now() + lastStatementMs
  const waits = async () => {
    const answer = v.safeParse(statementAnswer, await calls.call('statement', { fleet: demoFleet }))
    return answer.success && answer.output.state !== 'none'
  }
  try {
    while (performance.now() < untilMs && (await waits())) await pause(lookPeriodMs)
    await calls.call('settle', {})
    while (performance.now() < untilMs && (await waits())) await pause(lookPeriodMs)
  } catch {
    // What is not settled is shown as unsettled.
  }
}

async function writeNote(folder: string, { link }: RunningDemo, sight: Sight): Promise<void> {
  const { refused, signatures } = sight.status
  const note: DemoNote = { link, refused, signatures }
  await writeFile(notePath(folder), JSON.stringify(note))
}

/** Shows what goes on until the time is over, somebody stops it or a program is lost. */
async function show(
  demo: RunningDemo,
  stopAsked: Promise<void>,
  options: Pick<DemoOptions, 'forSeconds' | 'output'>,
  terminal: Terminal,
): Promise<Sight | undefined> {
  const startedMs = performance.now()
  const end = endOf(demo, stopAsked, options.forSeconds)
  const draw = options.output === 'json' ? () => {} : painter(demo, options, terminal, startedMs)
  let sights: readonly Sight[] = []
  while (!(await Promise.race([end, pause(lookPeriodMs)]))) {
    sights = remember(sights, await look(demo.calls, demo.agentCalls, performance.now()))
    draw(sights)
  }
  return sights.at(-1)
}

/** Resolves with true at the end; rejects when a program was lost. */
async function endOf(
  demo: RunningDemo,
  stopAsked: Promise<void>,
  forSeconds: number | undefined,
): Promise<true> {
  const lost = demo.lost.then((reason) => {
    throw new OperatorError(reason)
  })
  const over = forSeconds === undefined ? [] : [pause(forSeconds * 1_000)]
  await Promise.race([stopAsked, lost, ...over])
  return true
}

function pause(delayMs: number): Promise<false> {
  return new Promise((resolve) => setTimeout(() => resolve(false), delayMs))
}

function painter(
  demo: RunningDemo,
  { forSeconds }: Pick<DemoOptions, 'forSeconds'>,
  terminal: Terminal,
  startedMs: number,
): (sights: readonly Sight[]) => void {
  const style = styleOf(terminal.isColoured)
  const kinds = new Map(demoDevices.map(({ device, kind }) => [device, kind]))
  const intro = accessLines(demo.access)
  for (const line of intro) terminal.out(line)
  const canvas = inlineCanvas(terminal, intro)
  const setting = {
    title: 'Tickpay demo',
    place: `lines: ${linkNames[demo.link]}`,
    asset: demoAsset,
    nameOf: ({ device }: { readonly device: string }) => {
      return { device, meter: kinds.get(device) ?? '' }
    },
    ...{ forSeconds, startedMs },
  }
  let lastPlainMs = startedMs
  return (sights) => {
    const devicesMax = Math.max(1, terminal.rows() - OTHER_LINES)
    const code = codeText(demo.access, Date.now())
    const note = `${code}   Ctrl-C stops everything and shows the reconciliation.`
    const view = viewOf(sights, { ...setting, note, devicesMax, nowSeconds: Date.now() / 1_000 })
    if (view === undefined) return
    if (terminal.isScreen) {
      canvas.paint(viewLines(view, terminal.columns() - 1, style))
    } else if (performance.now() - lastPlainMs >= plainPeriodMs) {
      lastPlainMs += plainPeriodMs
      terminal.out(`${plainLine(view)} | ${code}`)
    }
  }
}
