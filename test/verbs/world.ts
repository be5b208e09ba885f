/**
 * A real gateway, and a fleet's people at it with the tools that they use: mosquitto_pub, and Paho
 * for Python.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import * as v from 'valibot'
import { type SignedRequest, signRequest } from '../../fleet/command.ts'
import type { FleetIdentity } from '../../fleet/login.ts'
import { gatewayConfigSchema } from '../../gateway/config.ts'
import { type OpenGateway, openGateway } from '../../gateway/io/openGateway.ts'
import { createKeyFile } from '../../ports/io/keyFile.ts'
import { mqttConnector } from '../../ports/io/mqttConnector.ts'
import { nodePorts } from '../../ports/io/node.ts'
import { formatPublicKey } from '../../ports/keyText.ts'
import { present } from '../../protocol/assert.ts'
import { utf8ToBytes } from '../../protocol/bytes.ts'
import type { PrivateKey } from '../../protocol/keys.ts'
import { publicKeyOf } from '../../protocol/keys.ts'
import { python } from '../independent/python.ts'
import { until } from '../support/until.ts'
import { signerKey, testKey } from '../support/virtualGateway.ts'

export type Message = { readonly topic: string; readonly payload: Record<string, unknown> }

export type Tool = {
  readonly heard: Message[]
  readonly publish: (topic: string, payload: string) => void
  /** Publishes a request and resolves with its response. */
  readonly ask: (verb: string, fields: object) => Promise<Record<string, unknown>>
  readonly close: () => Promise<void>
}

export type VerbWorld = {
  readonly opened: OpenGateway
  readonly logs: string[]
  readonly port: number
  readonly login: (name: string) => { readonly user: string; readonly password: string }
  readonly tool: (name: string, fleet?: string) => Promise<Tool>
  /** Publishes with mosquitto_pub; resolves with its exit code. */
  readonly pub: (name: string, topic: string, payload: string) => Promise<number>
  /** Publishes a request that nobody may make; resolves when the connection is closed for it. */
  readonly closes: (name: string, topic: string) => Promise<void>
  readonly sign: (verb: string, args: object, change?: SignChange) => SignedRequest
  readonly close: () => Promise<void>
}

export type SignChange = {
  readonly key?: PrivateKey
  readonly fleet?: string
  readonly gateway?: string
  readonly scope?: string
  readonly verb?: string
  readonly issuedSecondsAgo?: number
  readonly lifeSeconds?: number
  readonly nonce?: number
}

/** People by name, with their rights. */
const people = {
  reader: ['read'],
  switch: ['read', 'supply'],
  bearer: ['read', 'command'],
  /** Sees nothing of the fleet, and may turn it off. */
  lever: ['supply'],
} as const

const device = (at: number) => formatPublicKey(publicKeyOf(testKey('p256', 100 + at)))

export const rivalKey = testKey('p256', 90)
export const devices = ['ev-1', 'ev-2', 'ev-3', 'turned', 'ended', 'shut'] as const

export async function startVerbWorld(): Promise<VerbWorld> {
  const folder = await mkdtemp(join(tmpdir(), 'tickpay-verbs-'))
  const key = join(folder, 'gateway.key')
  process.env['TICKPAY_TEST_SECRET'] = 'secret'
  await createKeyFile(key, 'p256', 'secret')
  const settings = v.parse(gatewayConfigSchema, {
    gateway: 'gw-1',
    data: join(folder, 'data'),
    key: { file: key, passphraseEnv: 'TICKPAY_TEST_SECRET' },
    payee: 'acme-energy',
    asset: { code: 'EUR', scale: 6 },
    listeners: [{ kind: 'tcp', port: 0 }],
    tariffs: [{ unit: 'Wh', unitsPerTick: '10', pricePerTick: '300' }],
  })
  const logs: string[] = []
  const ports = nodePorts((level, message, fields) => {
    logs.push(`${level} ${message} ${JSON.stringify(fields ?? {})}`)
  })
  const opened = await openGateway(settings, ports, (error) => {
    throw error
  })
  const { call, core } = opened.gateway
  const passwords = await enrolAll(call)
  const port = present(opened.listening[0], 'a listener')
  const tools: Tool[] = []
  let nonce = Date.now()
  const login = (name: string) => present(passwords.get(name), name)
  return {
    opened,
    logs,
    port,
    login,
    tool: async (name, fleet = 'acme') => {
      const { user, password } = login(name)
      const tool = await startTool(port, user, password, fleet)
      tools.push(tool)
      return tool
    },
    pub: (name, topic, payload) => publishOnce(port, login(name), topic, payload),
    closes: (name, topic) => closesFor(port, login(name), topic),
    sign: (verb, args, change = {}) => {
      const identity: FleetIdentity<PrivateKey> = {
        fleet: change.fleet ?? 'acme',
        signerKey: change.key ?? signerKey,
        gateway: { id: change.gateway ?? 'gw-1', key: publicKeyOf(core.key) },
        domain: core.state.domain,
      }
      nonce += 1
      return signRequest(identity, {
        verb: change.verb ?? verb,
        scope: change.scope ?? 'fleet',
        args: args as Record<string, unknown>,
        nonce: change.nonce ?? nonce,
        nowSeconds: Math.floor(Date.now() / 1_000) - (change.issuedSecondsAgo ?? 0),
        lifeSeconds: change.lifeSeconds ?? 60,
      })
    },
    close: async () => {
      for (const tool of tools) await tool.close()
      await opened.close()
      await rm(folder, { recursive: true, force: true })
    },
  }
}

async function enrolAll(call: OpenGateway['gateway']['call']) {
  const signers = { acme: signerKey, rival: rivalKey }
  for (const [fleet, key] of Object.entries(signers)) {
    await call('enrol_fleet', { fleet, signerKey: formatPublicKey(publicKeyOf(key)) })
  }
  await call('ledger_fund', { fleet: 'acme', amount: '10000000' })
  for (const [at, name] of devices.entries()) {
    const meters = [{ meter: 'main', unit: 'Wh' }]
    await call('enrol_device', { fleet: 'acme', device: name, publicKey: device(at), meters })
  }
  const passwords = new Map<string, { user: string; password: string }>()
  const wanted = [
    ...Object.entries(people).map(([name, rights]) => ['acme', name, rights] as const),
    ['rival', 'stranger', ['read', 'command']] as const,
  ]
  for (const [fleet, name, rights] of wanted) {
    const answer = await call('credential_add', { fleet, name, rights })
    const { username, password } = answer as { username: string; password: string }
    passwords.set(name, { user: username, password })
  }
  return passwords
}

export const freshKey = device(50)
export const otherKey = device(51)

async function publishOnce(
  port: number,
  { user, password }: { readonly user: string; readonly password: string },
  topic: string,
  payload: string,
): Promise<number> {
  const login = ['-h', '127.0.0.1', '-p', `${port}`, '-u', user, '-P', password]
  const child = spawn('mosquitto_pub', [...login, '-q', '1', '-t', topic, '-s'])
  child.stdin.end(payload)
  const [code] = await once(child, 'exit')
  return Number(code)
}

async function closesFor(
  port: number,
  { user, password }: { readonly user: string; readonly password: string },
  topic: string,
): Promise<void> {
  const transport = await mqttConnector(`mqtt://127.0.0.1:${port}`)({
    clientId: '',
    username: user,
    password: utf8ToBytes(password),
    keepaliveSeconds: 60,
  })
  const closed = new Promise<void>((resolve) => transport.onClose(resolve))
  transport
    .publish(topic, utf8ToBytes('{"transaction":"closes"}'), { retain: false })
    .catch(() => {})
  await closed
}

async function startTool(
  port: number,
  user: string,
  password: string,
  fleet: string,
): Promise<Tool> {
  const script = fileURLToPath(new URL('requester.py', import.meta.url))
  const child = spawn(python, [script, `${port}`, user, password, fleet])
  let errors = ''
  child.stderr.on('data', (chunk) => {
    errors += String(chunk)
  })
  const heard: Message[] = []
  createInterface(child.stdout).on('line', (line) => heard.push(JSON.parse(line) as Message))
  await until('the tool listens', () => heard.length > 0).catch(() => {
    throw new Error(`the tool does not listen: ${errors}`)
  })
  let transactions = 0
  const publish = (topic: string, payload: string) => {
    child.stdin.write(`${JSON.stringify({ topic, payload })}\n`)
  }
  return {
    heard,
    publish,
    ask: async (verb, fields) => {
      const transaction = `${user}-${++transactions}`
      publish(`tickpay/1/${fleet}/_/request/${verb}`, JSON.stringify({ transaction, ...fields }))
      return until(`an answer to ${verb}`, () => answerTo(heard, transaction))
    },
    close: () => end(child),
  }
}

export function answerTo(heard: readonly Message[], transaction: string | null) {
  return heard.find(({ payload }) => payload?.['transaction'] === transaction)?.payload
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null) return
  child.stdin?.end()
  await once(child, 'exit')
}
