/**
 * A real gateway in a process of its own, as its parent sees it. Bundled on the fly, because
 * Node 20 runs no TypeScript.
 * @module
 */
import { fork } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'
import { createKeyFile } from '../../ports/io/keyFile.ts'
import { present } from '../../protocol/assert.ts'
import { parseHex } from '../../protocol/bytes.ts'
import type { Domain } from '../../protocol/typedData.ts'
import type { ChildRequest } from './gatewayChild.ts'

const root = fileURLToPath(new URL('../..', import.meta.url))

export type GatewayProcess = {
  readonly port: number
  readonly domain: Domain
  readonly call: (verb: string, args?: unknown) => Promise<unknown>
  /** Everything stored of these channels, as text. */
  readonly channels: (numbers: readonly number[]) => Promise<readonly string[]>
  /** Anonymous memory in bytes, after a collection. */
  readonly memory: () => Promise<number>
  readonly skew: (ms: number) => Promise<void>
  /** What it wrote to standard error. */
  readonly errors: () => string
  /** True until the process has ended, for whatever reason. */
  readonly isAlive: () => boolean
  readonly stop: () => Promise<void>
}

type Answer = { readonly id: number; readonly value?: unknown; readonly error?: string }

/** Starts a gateway on a free port of this machine, in a folder of its own. */
export async function startGatewayProcess(config: object): Promise<GatewayProcess> {
  const cache = join(root, 'node_modules', '.cache')
  mkdirSync(cache, { recursive: true })
  const folder = mkdtempSync(join(cache, 'gateway-'))
  const program = join(folder, 'gateway.mjs')
  await bundle(program)
  const key = join(folder, 'gateway.key')
  await createKeyFile(key, 'p256', 'secret')
  const child = fork(program, {
    cwd: root,
    execArgv: ['--expose-gc'],
    env: { ...process.env, PASSPHRASE: 'secret' },
    stdio: ['ignore', 'inherit', 'pipe', 'ipc'],
  })
  let errors = ''
  child.stderr?.on('data', (chunk) => {
    errors += String(chunk)
  })
  let alive = true
  const ended = new Promise<void>((done) => {
    child.once('exit', () => {
      alive = false
      done()
    })
  })
  const ask = asker(child, ended)
  const full = {
    gateway: 'gw-1',
    data: join(folder, 'data'),
    key: { file: key, passphraseEnv: 'PASSPHRASE' },
    listeners: [{ kind: 'tcp', port: 0 }],
    ...config,
  }
  const [port] = (await ask({ ask: 'open', config: full })) as readonly number[]
  const contract = parseHex(String(await ask({ ask: 'domain' })))
  return {
    port: present(port, 'a port'),
    domain: { chainId: 0n, verifyingContract: present(contract, 'a contract') },
    call: (verb, args = {}) => ask({ ask: 'call', verb, args }),
    channels: async (numbers) => (await ask({ ask: 'channels', numbers })) as readonly string[],
    memory: async () => Number(await ask({ ask: 'memory' })),
    skew: async (ms) => void (await ask({ ask: 'skew', ms })),
    errors: () => errors,
    isAlive: () => alive,
    stop: async () => {
      if (alive) await ask({ ask: 'close' })
      if (alive) child.disconnect()
      await ended
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

function asker(child: ReturnType<typeof fork>, ended: Promise<void>) {
  const waiting = new Map<number, (answer: Answer) => void>()
  child.on('message', (answer: Answer) => waiting.get(answer.id)?.(answer))
  let requests = 0
  return async (request: ChildRequest): Promise<unknown> => {
    const id = ++requests
    const answered = new Promise<Answer>((done) => waiting.set(id, done))
    child.send({ id, request })
    const answer = await Promise.race([answered, ended])
    waiting.delete(id)
    if (!answer) throw new Error('the gateway has ended')
    if (answer.error !== undefined) throw new Error(answer.error)
    return answer.value
  }
}

async function bundle(program: string): Promise<void> {
  await build({
    entryPoints: [join(root, 'test/support/gatewayChild.ts')],
    outfile: program,
    bundle: true,
    platform: 'node',
    format: 'esm',
    target: 'node20',
    packages: 'external',
    logLevel: 'error',
  })
}
