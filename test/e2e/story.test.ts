/**
 * docs/ten-minutes.md, command by command in a copy of the project, with a browser looking on.
 */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join, relative } from 'node:path'
import type { Browser, Page } from 'playwright-core'
import * as v from 'valibot'
import { afterAll, expect, test } from 'vitest'
import { connectControl } from '../../cli/io/controlClient.ts'
import { codeAt } from '../../gateway/operators/oneTimeCode.ts'
import { present } from '../../protocol/assert.ts'
import { chromiumPath, hasChromium, openBrowser, signIn } from '../support/browser.ts'
import { runBlocks, shellBlocks } from '../support/docBlocks.ts'
import { projectRoot } from '../support/tidyFiles.ts'
import { until } from '../support/until.ts'

const page = 'docs/ten-minutes.md'
const timeoutMs = 120_000
const waitMs = 20_000
/** All of it, with the build; a person reads meanwhile. */
const storyLimitMs = 10 * 60_000
const stopLimitMs = 2_000

const missing = [
  ...(spawnSync('mosquitto_pub', ['--help']).error ? ['mosquitto_pub'] : []),
  ...(hasChromium ? [] : [chromiumPath]),
]
if (missing.length > 0) process.stderr.write(`SKIPPED: the ten minutes need ${missing}\n`)

const folder = mkdtempSync(join(tmpdir(), 'tickpay-story-'))
const clone = join(folder, 'clone')
let terminal: ChildProcess | undefined
let browser: Browser | undefined

afterAll(async () => {
  await browser?.close()
  if (terminal && terminal.exitCode === null && terminal.signalCode === null) await pressControlC()
  rmSync(folder, { recursive: true, force: true, maxRetries: 10 })
})

/** What a clone has, with the packages that `npm ci` would bring. */
function copyProject(): void {
  const left = new Set(['node_modules', 'dist', '.git', 'coverage', 'my-demo'])
  mkdirSync(clone)
  cpSync(projectRoot, clone, {
    recursive: true,
    filter: (path) => !left.has(relative(projectRoot, path)) && !path.endsWith('.log'),
  })
  symlinkSync(join(projectRoot, 'node_modules'), join(clone, 'node_modules'))
}

/** Starts the block of the first terminal, and resolves with all that it has said when asked. */
async function startFirstTerminal(block: string): Promise<() => string> {
  const started = spawn('bash', ['-c', block], {
    cwd: clone,
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  terminal = started
  let said = ''
  for (const stream of [started.stdout, started.stderr]) {
    stream.on('data', (chunk) => {
      said += String(chunk)
    })
  }
  const isUp = () => {
    if (started.exitCode !== null) throw new Error(`npm start ended: ${said}`)
    return said.includes('| ev-charger')
  }
  await until('the demo shows what flows', isUp, timeoutMs)
  return () => said
}

/** Ctrl-C reaches everything in the foreground of a terminal; resolves when all of it has ended. */
async function pressControlC(): Promise<void> {
  const started = present(terminal, 'the first terminal')
  const ended = new Promise<void>((resolve) => started.once('close', () => resolve()))
  process.kill(-present(started.pid, 'its process'), 'SIGINT')
  await ended
}

const agentAnswer = v.object({ meters: v.array(v.object({ relayClosed: v.boolean() })) })
const traceAnswer = v.object({ events: v.array(v.object({ reason: v.nullable(v.string()) })) })

/** Asks one of the programs again and again until `isSo`; resolves with the time of that. */
async function asked<const S extends v.GenericSchema>(
  socket: string,
  [verb, args]: readonly [string, Readonly<Record<string, unknown>>],
  schema: S,
  isSo: (answer: v.InferOutput<S>) => boolean,
): Promise<number> {
  const { call, close } = present(await connectControl(join(clone, 'my-demo', socket)), socket)
  const endMs = performance.now() + waitMs
  try {
    while (!isSo(v.parse(schema, await call(verb, args)))) {
      if (performance.now() > endMs) throw new Error(`${socket}: ${verb} is never as expected`)
      await new Promise((resolve) => setTimeout(resolve, 20))
    }
    return performance.now()
  } finally {
    await close()
  }
}

/** The meter's own relay, as its agent reads it back over the line. */
function relayIs(isClosed: boolean): Promise<number> {
  return asked('ev-charger/state/agent.sock', ['status', {}], agentAnswer, ({ meters }) =>
    meters.every(({ relayClosed }) => relayClosed === isClosed),
  )
}

async function dashboardSays(seen: Page, text: RegExp): Promise<number> {
  await seen.locator('.title .badge', { hasText: text }).waitFor()
  return performance.now()
}

function operatorSecret(): string {
  const access = readFileSync(join(clone, 'my-demo', 'access.env'), 'utf8')
  return present(/^operator_secret=(.*)$/m.exec(access)?.[1], 'a secret')
}

/** What a reader does at the browser, by what the block before it holds. */
function reader() {
  let seen: Page | undefined
  let blockMs = performance.now()
  const stops: number[] = []
  const acts: Readonly<Record<string, (output: string) => Promise<void>>> = {
    'echo "$dashboard': async (output) => {
      const [url = '', username = '', password = ''] = output.trim().split(' ')
      browser = await openBrowser()
      seen = await browser.newPage()
      await signIn(seen, { url }, { username, password })
      await seen.getByRole('link', { name: 'Devices' }).click()
      await seen.getByRole('link', { name: 'ev-charger' }).click()
      await dashboardSays(seen, /^on$/)
    },
    'request/pause': async () => {
      const dashboard = dashboardSays(present(seen, 'a page'), /off: paused/)
      const all = await Promise.all([relayIs(false), dashboard])
      stops.push(...all.map((atMs) => atMs - blockMs))
    },
    'request/resume': async () => {
      const page = present(seen, 'a page')
      await Promise.all([relayIs(true), dashboardSays(page, /^on$/)])
      await page.getByRole('button', { name: 'Pause' }).click()
      await page.getByLabel('Code').waitFor()
      await page.keyboard.type(codeAt(operatorSecret(), Date.now()))
      await page.keyboard.press('Enter')
      await Promise.all([relayIs(false), dashboardSays(page, /off: paused/)])
      await page.getByRole('button', { name: 'Resume' }).click()
      await Promise.all([relayIs(true), dashboardSays(page, /^on$/)])
    },
    'channels close': async () => {
      const trace = ['trace', { device: 'ev-charger' }] as const
      await asked('data/control.sock', trace, traceAnswer, ({ events }) =>
        events.some(({ reason }) => reason === 'closed'),
      )
      const overview = present(seen, 'a page')
      await overview.getByRole('link', { name: 'Overview' }).click()
      const refused = overview.locator('section', { hasText: 'Refused, by reason' })
      await refused.locator('tr', { hasText: 'closed' }).waitFor()
    },
  }
  const afterBlock = async (block: string, output: string) => {
    const [, act] = Object.entries(acts).find(([words]) => block.includes(words)) ?? []
    await act?.(output)
    blockMs = performance.now()
  }
  return { stops, afterBlock }
}

test.skipIf(missing.length > 0)(
  'the ten minutes: watch, stop within two seconds, resume, read a refusal, export the day',
  async () => {
    const startedMs = performance.now()
    copyProject()
    expect(shellBlocks(page, 'install')).toEqual(['npm ci\n'])
    const [first = '', ...others] = shellBlocks(page, 'first-terminal')
    expect(others).toEqual([])
    const said = await startFirstTerminal(first)
    const blocks = shellBlocks(page)
    const { stops, afterBlock } = reader()
    const run = await runBlocks(blocks, timeoutMs, { cwd: clone, afterBlock })
    const story = [run.outputs.at(-1), run.errors, said()].join('\n')
    expect({ exitCode: run.exitCode, done: run.outputs.length }, story).toEqual({
      exitCode: 0,
      done: blocks.length,
    })
    const output = (words: string) => run.outputs[blocks.findIndex((one) => one.includes(words))]
    expect(output('tickpay top')).toMatch(/demo-fleet\/ev-charger .* on$/m)
    expect(output('tickpay status')).toMatch(/main +Wh +reading .* false .* off +paused/)
    expect(output('tickpay trace')).toMatch(/refused tick: closed.*: the channel was closed/)
    expect(output('today.csv')).toMatch(/^\d+,\d{4}-.*Z,settlement,payee:0x[0-9a-f]{40},/m)
    expect(stops).toHaveLength(2)
    expect(Math.max(...stops)).toBeLessThanOrEqual(stopLimitMs)
    await pressControlC()
    expect(said()).toContain('the books of meters, agents, gateway and ledger agree')
    expect(existsSync(join(clone, 'my-demo', 'demo.json'))).toBe(true)
    const lines = readFileSync(join(clone, 'today.csv'), 'utf8').trimEnd().split('\n')
    expect(lines.slice(0, 3).join('\n')).toBe(output('today.csv'))
    const tookMs = performance.now() - startedMs
    const [relayMs = 0, dashboardMs = 0] = stops.map(Math.round)
    process.stderr.write(
      `ten minutes: ${Math.round(tookMs / 1_000)} s; relay ${relayMs} ms, page ${dashboardMs} ms\n`,
    )
    expect(tookMs).toBeLessThan(storyLimitMs)
  },
  timeoutMs + 20_000,
)
