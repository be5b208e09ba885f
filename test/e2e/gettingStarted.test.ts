/**
 * docs/getting-started.md, command by command, as a newcomer types it.
 */
import { spawnSync } from 'node:child_process'
import { expect, test } from 'vitest'
import { runBlocks, shellBlocks } from '../support/docBlocks.ts'

const timeoutMs = 90_000
const tools = ['socat', 'mbpoll', 'mosquitto_sub']
const missing = tools.filter((tool) => spawnSync(tool, ['-h']).error !== undefined)
if (missing.length > 0) process.stderr.write(`SKIPPED: getting-started needs ${missing}\n`)

test.skipIf(missing.length > 0)(
  'every block of docs/getting-started.md runs, in order',
  async () => {
    const blocks = shellBlocks('docs/getting-started.md')
    const { exitCode, outputs, errors, logs } = await runBlocks(blocks, timeoutMs)
    const story = [outputs.at(-1), errors, logs].join('\n')
    expect({ exitCode, done: outputs.length }, story).toEqual({ exitCode: 0, done: blocks.length })
    const said = (words: string) => outputs[blocks.findIndex((block) => block.includes(words))]
    expect(said('mbpoll -m rtu')).toMatch(/\[73\]:\s+1204/)
    expect(said('tickpay detect')).toContain('sdm630')
    const reports = (said('mosquitto_sub') ?? '').split('\n').filter((line) => line.startsWith('{'))
    expect(reports.length).toBeGreaterThanOrEqual(5)
    const paid = reports.map((line) => BigInt(JSON.parse(line).channels[0].paid))
    expect((paid.at(-1) ?? 0n) > (paid[0] ?? 0n)).toBe(true)
    expect(said('tickpay pause')).toContain('paused')
    expect(said('tickpay ledger balance')).toMatch(/payee:0x[0-9a-f]{40} +\d+\.\d{6} EUR/)
    expect(said('kill %"tickpay agent"')).toContain('closed')
  },
  timeoutMs + 10_000,
)
