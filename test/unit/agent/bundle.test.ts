/**
 * The bundled agent as a device runs it: light, free of what only a gateway needs, and calm when
 * everything else is away.
 */
import type { ChildProcess } from 'node:child_process'
import { execFileSync, spawn } from 'node:child_process'
import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { askStatus } from '../../../agent/io/controlSocket.ts'
import { createKeyFile } from '../../../ports/io/keyFile.ts'
import { formatPublicKey } from '../../../ports/keyText.ts'
import { publicKeyOf } from '../../../protocol/keys.ts'
import { gatewayKey } from '../../support/fixtures.ts'

const BYTES_MAX = 1.5 * 1024 * 1024
/** On Node 20, which small machines run; later ones take more for themselves. */
const RSS_KB_MAX = (process.version.startsWith('v20.') ? 80 : 96) * 1024

let folder: string
let bundle: string
let inputs: readonly string[]

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tickpay-bundle-'))
  bundle = join(folder, 'tickpay-agent.mjs')
  const script = new URL('../../../scripts/buildAgent.js', import.meta.url).href
  const { bundleAgent } = (await import(script)) as {
    bundleAgent: (outfile: string) => Promise<{ metafile: { inputs: Record<string, unknown> } }>
  }
  inputs = Object.keys((await bundleAgent(bundle)).metafile.inputs)
})
afterAll(() => rm(folder, { recursive: true }))

describe('the bundle', () => {
  test('is one file of at most 1.5 MB', async () => {
    expect((await stat(bundle)).size).toBeLessThan(BYTES_MAX)
  })

  test('contains the agent and nothing that only others need', () => {
    expect(inputs).toContain('agent/payer.ts')
    const folders = /^(gateway|ledger|fleet|cli|firmware-sim|test)\//
    const packages = /node_modules\/(aedes|mqemitter|lmdb|pg|viem|pino|fast-check|cbor-extract)/
    expect(inputs.filter((path) => folders.test(path) || packages.test(path))).toEqual([])
  })

  test('tells how it is used and which version it is', async () => {
    const run = (...words: string[]) =>
      execFileSync(process.execPath, [bundle, ...words], { encoding: 'utf8' })
    const manifest = await readFile(new URL('../../../package.json', import.meta.url), 'utf8')
    expect(run('--version').trim()).toBe(JSON.parse(manifest).version)
    expect(run('--help')).toContain('Usage:')
  })

  test.each([
    [[], 2, /Usage:/],
    [['a.yaml', 'b'], 2, /Usage:/],
    [['missing.yaml'], 4, /^tickpay-agent: cannot read the configuration missing.yaml: .*\n$/],
    [['status', 'missing.yaml'], 4, /^tickpay-agent: .*\n$/],
  ])('%j ends with %i and a word of help', (words, code, expected) => {
    const failed = (() => {
      try {
        execFileSync(process.execPath, [bundle, ...words], { stdio: 'pipe', encoding: 'utf8' })
      } catch (error) {
        return error as { status: number; stderr: string }
      }
      throw new Error('it did not fail')
    })()
    expect(failed.status).toBe(code)
    expect(failed.stderr).toMatch(expected)
  })
})

describe('the bundled agent, with gateway and meter away', () => {
  let child: ChildProcess
  let config: string
  const state = () => join(folder, 'state')
  const until = async <T>(look: () => Promise<T | undefined>): Promise<T> => {
    const deadlineMs = Date.now() + 15_000
    while (Date.now() < deadlineMs) {
      const seen = await look()
      if (seen !== undefined) return seen
      await new Promise((resolve) => setTimeout(resolve, 50))
    }
    throw new Error('nothing came')
  }
  type Status = { connection: string; connectionReason: string; meters: { state: string }[] }
  const waiting = async () => {
    const status = (await askStatus(join(state(), 'agent.sock'), 1_000)) as Status | undefined
    return status?.connectionReason && status.meters[0]?.state === 'away' ? status : undefined
  }

  beforeAll(async () => {
    await createKeyFile(join(folder, 'device.key'), 'p256', 'pass')
    config = join(folder, 'agent.yaml')
    await writeFile(
      config,
      JSON.stringify({
        fleet: 'acme',
        device: 'ev-1',
        gateway: {
          id: 'gw-1',
          url: 'mqtt://127.0.0.1:9',
          key: formatPublicKey(publicKeyOf(gatewayKey)),
        },
        ledger: { chainId: 0, contract: '00'.repeat(20) },
        key: { file: join(folder, 'device.key'), passphraseEnv: 'PASS' },
        stateDirectory: state(),
        meters: [
          { name: 'main', unit: 'Wh', driver: 'sdm630', source: 'serial:///dev/no-such-port' },
        ],
      }),
    )
    child = spawn(process.execPath, [bundle, config], {
      env: { ...process.env, PASS: 'pass' },
      stdio: 'ignore',
    })
  })
  afterAll(() => {
    child.kill('SIGKILL')
  })

  test('runs, says what is missing, and stays small', async () => {
    const status = await until(waiting)
    expect(status.connectionReason).toMatch(/127.0.0.1:9: nothing listens there/)
    const memory = await readFile(`/proc/${child.pid}/status`, 'utf8')
    expect(Number(/VmRSS:\s+(\d+)/.exec(memory)?.[1])).toBeLessThan(RSS_KB_MAX)
    expect((await stat(join(state(), 'agent.sock'))).mode & 0o777).toBe(0o600)
  })

  test('keeps a second one off its state folder', () => {
    expect(() =>
      execFileSync(process.execPath, [bundle, config], {
        env: { ...process.env, PASS: 'pass' },
        stdio: 'pipe',
      }),
    ).toThrow(/another agent runs/)
  })

  test('stops on SIGTERM, and what it knew can still be asked', async () => {
    const ended = new Promise((resolve) => child.once('exit', resolve))
    child.kill('SIGTERM')
    expect(await ended).toBe(0)
    const run = () =>
      execFileSync(process.execPath, [bundle, 'status', config], {
        stdio: 'pipe',
        encoding: 'utf8',
      })
    try {
      run()
    } catch (error) {
      const { status, stdout } = error as { status: number; stdout: string }
      expect(status).toBe(3)
      expect(JSON.parse(stdout)).toMatchObject({ running: false, meters: [{ meter: 'main' }] })
      return
    }
    throw new Error('nobody runs')
  })
})
