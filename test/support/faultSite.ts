/**
 * A gateway in a process of its own on a store that is made once and copied for each run, and a
 * device that pays: for faults at single system calls, and for what must hold after them.
 * @module
 */
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { channelsAnswer, readAnswer } from '../../cli/answers.ts'
import { enrol, signFirstMandates } from '../../cli/enrolment.ts'
import { type Calls, connectControl } from '../../cli/io/controlClient.ts'
import { newKeyFiles } from '../../cli/io/keyFiles.ts'
import { readEntries } from '../../cli/ledgerEntries.ts'
import { run as runCommand } from '../../cli/run.ts'
import { nodeClock, nodeRandom } from '../../ports/io/node.ts'
import { formatPublicKey } from '../../ports/keyText.ts'
import { present } from '../../protocol/assert.ts'
import { parseHex } from '../../protocol/bytes.ts'
import { publicKeyOf } from '../../protocol/keys.ts'
import type { Session } from './deviceSession.ts'
import { loginSession } from './deviceSession.ts'
import type { Committed, DeviceIdentity } from './scriptedDevice.ts'
import { settledBy } from './siteFigures.ts'
import { bundleProgram, type Program, type Run } from './siteProgram.ts'
import { testTerminal } from './testTerminal.ts'
import { until } from './until.ts'
import { signerKey, testKey, testTariff } from './virtualGateway.ts'

const fleet = 'acme'
const device = 'meter-1'
const unitsPerTick = 10n
const pricePerTick = 300n
const deposit = 10n ** 12n
const EPOCH_TICKS = 4_096
const EPOCH_SECONDS = 20 * 86_400
const tariff = testTariff({ validUntil: Date.UTC(2100, 0, 1) / 1_000 })

export type FaultSite = {
  /** A fresh copy of the store, not opened; in `folder` where it is to be in one that is there. */
  readonly copy: (folder?: string) => FaultStore
  /** The epoch that is open in every copy, and its ticks that are acknowledged there. */
  readonly committed: Committed
  readonly ticks: number
  readonly program: Program
  readonly remove: () => Promise<void>
}

export type FaultStore = {
  readonly folder: string
  readonly data: string
  readonly start: (options?: StartWith) => Promise<FaultGateway>
  /** Runs a command while no gateway runs; answers what it wrote and its exit code. */
  readonly ran: (...words: string[]) => Promise<Said>
  /** Restores a backup into a folder of its own. */
  readonly restored: (file: string) => Promise<Said>
  readonly remove: () => void
}

export type Said = { readonly code: number; readonly said: string }

export type StartWith = { readonly env?: Readonly<Record<string, string>> }

export type FaultGateway = {
  readonly run: Run
  readonly pid: number
  readonly calls: Calls
  /** Connects the device. */
  readonly login: () => Promise<Session>
  readonly figures: () => Promise<Figures>
}

/** What all books say, each from its own source. */
export type Figures = {
  /** Ticks that the gateway holds. */
  readonly held: number
  readonly accepted: bigint
  readonly unsettled: bigint
  /** From the entries of the ledger. */
  readonly settled: bigint
  readonly ledgerSum: bigint
}

type Made = {
  readonly folder: string
  readonly program: Program
  readonly identity: DeviceIdentity
  readonly channelIds: readonly Uint8Array[]
}

/** Makes the store: a fleet with money, a device with a mandate, an epoch, some ticks settled. */
export async function faultSite(): Promise<FaultSite> {
  const program = await bundleProgram()
  try {
    return await siteOf(program)
  } catch (error) {
    await program.remove()
    throw error
  }
}

async function siteOf(program: Program): Promise<FaultSite> {
  const folder = mkdtempSync(join(tmpdir(), 'tickpay-faults-'))
  await newKeyFiles(join(folder, 'gateway.key'), 'p256', join(folder, 'pass'))
  const original = join(folder, 'original')
  mkdirSync(original)
  const run = await startGateway(program, folder, original, {})
  const calls = present(await connectControl(join(original, 'data', 'control.sock')), 'a gateway')
  const made = { folder, program, ...(await enrolled(calls)) }
  const session = await login(made, portOf(run))
  const expiry = Math.floor(nodeClock.nowMs() / 1_000) + EPOCH_SECONDS
  const committed = await session.commit({ length: EPOCH_TICKS, startReading: 0n, expiry })
  for (let index = 1; index <= 3; index++) await session.tick(committed, index)
  await calls.call('settle', {})
  for (let index = 4; index <= 5; index++) await session.tick(committed, index)
  await session.transport.close()
  await calls.close()
  await run.stop()
  let copies = 0
  return {
    program,
    committed,
    ticks: 5,
    copy: (place = join(folder, `copy-${copies++}`)) => {
      cpSync(original, place, { recursive: true })
      return storeAt(made, place)
    },
    remove: async () => {
      rmSync(folder, { recursive: true, force: true })
      await program.remove()
    },
  }
}

async function enrolled(calls: Calls) {
  const signer = formatPublicKey(publicKeyOf(signerKey))
  await calls.call('enrol_fleet', { fleet, signerKey: signer })
  await calls.call('ledger_fund', { fleet, amount: `${deposit}` })
  const key = testKey('p256', 31)
  const publicKey = formatPublicKey(publicKeyOf(key))
  const meters = [{ meter: 'main', unit: 'Wh' }]
  const answer = await enrol(calls, { fleet, device, publicKey, meters })
  const limits = { limit: `${deposit}`, limitPerDay: `${deposit}`, life: 'unattended' } as const
  await signFirstMandates(calls, answer, fleet, signerKey, limits)
  const verifyingContract = present(parseHex(answer.ledger.contract.slice(2)), 'a contract')
  const domain = { chainId: 0n, verifyingContract }
  const rootSecret = new Uint8Array(32).fill(9)
  const identity: DeviceIdentity = { fleet, device, gateway: 'gw-1', domain, key, rootSecret }
  const channelIds = answer.channels.map(({ channelId }) => present(parseHex(channelId), 'an id'))
  return { identity, channelIds }
}

function storeAt(made: Made, folder: string): FaultStore {
  const data = join(folder, 'data')
  return {
    folder,
    data,
    start: async (options = {}) => {
      const run = await startGateway(made.program, made.folder, folder, options)
      const calls = present(await connectControl(join(data, 'control.sock')), 'a gateway')
      return {
        run,
        pid: Number(readFileSync(join(data, 'lock'), 'utf8')),
        calls,
        login: () => login(made, portOf(run)),
        figures: () => figuresOf(calls),
      }
    },
    ran: (...words) => command([...words, '--config', join(folder, 'gateway.yaml')]),
    restored: async (file) => {
      const config = join(folder, 'restored.yaml')
      const elsewhere = join(folder, 'restored')
      const before = JSON.parse(readFileSync(join(folder, 'gateway.yaml'), 'utf8')) as object
      writeFileSync(config, JSON.stringify({ ...before, data: elsewhere }))
      return command(['restore', file, '--config', config])
    },
    remove: () => rmSync(folder, { recursive: true, force: true }),
  }
}

async function command(words: readonly string[]): Promise<Said> {
  const terminal = testTerminal()
  const code = await runCommand(words, terminal)
  return { code, said: [...terminal.outLines, ...terminal.errorLines].join('\n') }
}

async function startGateway(
  program: Program,
  keys: string,
  folder: string,
  { env = {} }: StartWith,
): Promise<Run> {
  const settings = {
    gateway: 'gw-1',
    data: join(folder, 'data'),
    key: { file: join(keys, 'gateway.key'), passphraseFile: join(keys, 'pass') },
    payee: 'acme-energy',
    asset: { code: 'EUR', scale: 6 },
    feeBasisPoints: 100,
    listeners: [{ kind: 'tcp', host: '127.0.0.1', port: 0 }],
    tariffs: [{ unit: 'Wh', unitsPerTick: `${unitsPerTick}`, pricePerTick: `${pricePerTick}` }],
    settlement: { periodSeconds: 3_600 },
    log: 'warn',
  }
  const config = join(folder, 'gateway.yaml')
  writeFileSync(config, JSON.stringify(settings))
  const run = program.start(['gateway', '--config', config], { env })
  await until('the gateway is ready', () => run.out.length > 0 || run.ending() !== undefined)
  if (run.out.length === 0) throw new Error(`it did not start: ${run.errors.join('\n')}`)
  return run
}

function portOf(run: Run): number {
  return Number(/:(\d+)$/.exec(run.out[0] ?? '')?.[1])
}

function login({ identity, channelIds }: Made, port: number): Promise<Session> {
  const nonce = nodeRandom.bytes(32)
  return loginSession({ identity, channelIds, port, tariff, clock: nodeClock, nonce })
}

async function figuresOf(calls: Calls): Promise<Figures> {
  const [channel] = readAnswer(channelsAnswer, await calls.call('channels', {}))
  const everything = { account: undefined, from: undefined, limit: undefined }
  const entries = await readEntries(calls, everything)
  const status = (await calls.call('status', {})) as Readonly<Record<string, string>>
  return {
    held: Number(present(channel, 'a channel').unitsPaid / unitsPerTick),
    accepted: BigInt(present(status['acceptedAmount'], 'accepted')),
    unsettled: BigInt(present(status['unsettled'], 'unsettled')),
    settled: settledBy(entries),
    ledgerSum: BigInt(present(status['ledgerSum'], 'a sum')),
  }
}

/** Minor units due for `ticks`. */
export function priceOf(ticks: number): bigint {
  return BigInt(ticks) * pricePerTick
}
