/**
 * A site of real programs: one gateway, agents and simulated meters, each a process that can be
 * killed and started again, and a proxy between agents and gateway whose connections can break.
 * @module
 */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { askStatus, SOCKET_FILE } from '../../agent/io/controlSocket.ts'
import { parseRecord, RECORD_FILE } from '../../agent/records.ts'
import type { AgentStatus } from '../../agent/status.ts'
import { channelsAnswer, type DeviceAnswer, readAnswer } from '../../cli/answers.ts'
import { enrol, signFirstMandates } from '../../cli/enrolment.ts'
import { type Calls, connectControl } from '../../cli/io/controlClient.ts'
import { openCalls } from '../../cli/io/gatewayCalls.ts'
import { newKeyFiles, openKey } from '../../cli/io/keyFiles.ts'
import { readEntries } from '../../cli/ledgerEntries.ts'
import { type MeterSimKind, meterSetup, parseMeterSimConfig } from '../../firmware-sim/config.ts'
import { register } from '../../firmware-sim/meter.ts'
import { restoreMeter } from '../../firmware-sim/saved.ts'
import type { ChannelReport } from '../../fleet/reports.ts'
import { formatPublicKey } from '../../ports/keyText.ts'
import { present } from '../../protocol/assert.ts'
import { freePort } from './freePort.ts'
import { hasSocat, openPty } from './pty.ts'
import type { Books, DeviceBooks } from './siteFigures.ts'
import { settledBy } from './siteFigures.ts'
import type { Program, Run } from './siteProgram.ts'
import { openProxy, type SiteProxy } from './siteProxy.ts'
import { until } from './until.ts'

export type RealDevice = {
  readonly device: string
  readonly kind: MeterSimKind
  /** A real serial line where this machine can make one; else the bytes go over TCP. */
  readonly line: 'pty' | 'tcp'
  readonly unit: string
  readonly unitsPerTick: bigint
  readonly pricePerTick: bigint
  readonly creditTicks: number
  readonly unitsPerSecond: number
  readonly pollMs: number
  readonly initialRegister: bigint
}

/** A program that is started, killed and started again with the same words. */
export type Place = {
  readonly name: string
  /** Resolves when it said that it is ready. */
  readonly start: () => Promise<void>
  readonly kill: () => Promise<void>
  /** SIGTERM; resolves with the exit code. */
  readonly stop: () => Promise<number | string>
  readonly isRunning: () => boolean
  /** How it ended and what it said last, when nobody ended it. */
  readonly lost: () => string | undefined
  /** Everything that any of its runs said on standard error. */
  readonly said: () => readonly string[]
}

export type RealSite = {
  readonly folder: string
  readonly devices: readonly RealDevice[]
  readonly gateway: Place
  readonly agents: readonly Place[]
  readonly meters: readonly Place[]
  readonly proxy: SiteProxy
  /** What an agent says, or undefined while it does not answer. */
  readonly agentStatus: (device: RealDevice) => Promise<AgentStatus | undefined>
  /** What the gateway holds, durably; undefined while it does not answer. */
  readonly channels: () => Promise<readonly ChannelReport[] | undefined>
  /** What the meter's file would bring back. */
  readonly register: (device: RealDevice) => bigint
  /** Reads all books of a site whose programs have ended. */
  readonly books: () => Promise<Books>
  readonly remove: () => Promise<void>
}

/** Much, for a machine that is busy with other things is no fault of a program. */
const readyLimitMs = 90_000
const statusTimeoutMs = 2_000
const fleet = 'acme'
const limit = 1_000_000_000n

/** Makes keys, starts everything and enrols it; agents may not be connected yet. */
export async function realSite(
  program: Program,
  devices: readonly RealDevice[],
): Promise<RealSite> {
  const folder = mkdtempSync(join(tmpdir(), 'tickpay-site-'))
  const port = await freePort()
  const proxy = await openProxy(port)
  writeJson(join(folder, 'gateway.yaml'), gatewaySettings(folder, devices, port))
  const passphraseFile = join(folder, 'pass')
  await newKeyFiles(join(folder, 'gateway.key'), 'p256', passphraseFile)
  const gateway = place(program, 'gateway', ['gateway', '--config', join(folder, 'gateway.yaml')])
  await gateway.start()
  const calls = present(await connectControl(controlSocket(folder)), 'the gateway answers')
  const signer = await enrolFleet(calls, folder, passphraseFile)
  const agents: Place[] = []
  const meters: Place[] = []
  const wires: Wire[] = []
  for (const device of devices) {
    const own = join(folder, device.device)
    mkdirSync(own)
    const wire = await openWire(device)
    wires.push(wire)
    writeJson(join(own, 'meter.yaml'), meterSettings(folder, device, wire.meterEnd))
    await newKeyFiles(join(own, 'device.key'), 'p256', passphraseFile)
    const answer = await enrolDevice(calls, own, device, signer)
    const agent = agentSettings(own, device, answer, proxy.port, wire.agentEnd)
    writeJson(join(own, 'agent.yaml'), agent)
    const words = (what: string, file: string) => [what, '--config', join(own, file)]
    meters.push(place(program, `meter ${device.device}`, words('meter-sim', 'meter.yaml')))
    agents.push(place(program, `agent ${device.device}`, words('agent', 'agent.yaml')))
  }
  await calls.close()
  await Promise.all([...meters, ...agents].map(({ start }) => start()))
  const site: RealSite = {
    folder,
    devices,
    gateway,
    agents,
    meters,
    proxy,
    agentStatus: async ({ device }) => {
      const path = join(folder, device, 'state', SOCKET_FILE)
      return (await askStatus(path, statusTimeoutMs)) as AgentStatus | undefined
    },
    channels: () => channelsOf(folder),
    register: (device) => registerOf(folder, device),
    books: () => booksOf(folder, devices),
    remove: async () => {
      await Promise.all([...agents, ...meters, gateway].map(({ kill }) => kill()))
      await proxy.close()
      await Promise.all(wires.map(({ remove }) => remove()))
      rmSync(folder, { recursive: true, force: true })
    },
  }
  return site
}

/** The serial line between one meter and its agent. */
type Wire = {
  readonly meterEnd: string
  readonly agentEnd: string
  readonly remove: () => Promise<void>
}

async function openWire({ line }: RealDevice): Promise<Wire> {
  if (line === 'pty' && hasSocat) {
    const { meterPath, agentPath, remove } = await openPty()
    const end = (path: string) => `serial://${path}?baud=9600`
    return { meterEnd: end(meterPath), agentEnd: end(agentPath), remove }
  }
  const port = await freePort()
  return {
    meterEnd: `tcp-listen://127.0.0.1:${port}`,
    agentEnd: `tcp://127.0.0.1:${port}`,
    remove: async () => {},
  }
}

export function place(
  program: Program,
  name: string,
  words: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Place {
  let run: Run | undefined
  const earlier: string[] = []
  const gone = async (how: 'kill' | 'stop') => {
    const ending = run
    const code = (await ending?.[how]()) ?? 'was not running'
    if (ending !== undefined && run === ending) {
      earlier.push(...ending.errors)
      run = undefined
    }
    return code
  }
  return {
    name,
    start: async () => {
      if (run !== undefined) return
      const started = program.start(words, { env })
      run = started
      const isReady = () => started.out.length > 0 || started.ending() !== undefined
      await until(`${name} is ready`, isReady, readyLimitMs)
      // Killed before it was ready is no failure; ended by itself is one.
      if (started.ending() !== undefined && started.ending() !== 'SIGKILL') {
        throw new Error(`${name} ended: ${started.ending()} ${started.errors.join('\n')}`)
      }
    },
    kill: async () => {
      await gone('kill')
    },
    stop: () => gone('stop'),
    isRunning: () => run !== undefined && run.ending() === undefined,
    lost: () => {
      const how = run?.ending()
      if (how === undefined || how === 'SIGKILL') return undefined
      return `${name} ended by itself (${how}): ${run?.errors.slice(-3).join(' | ')}`
    },
    said: () => [...earlier, ...(run?.errors ?? [])],
  }
}

export function controlSocket(folder: string): string {
  return join(folder, 'data', 'control.sock')
}

/** JSON is YAML. */
export function writeJson(path: string, value: unknown): void {
  writeFileSync(path, JSON.stringify(value, undefined, 2))
}

function gatewaySettings(folder: string, devices: readonly RealDevice[], port: number) {
  return {
    gateway: 'gw-1',
    data: join(folder, 'data'),
    key: { file: join(folder, 'gateway.key'), passphraseFile: join(folder, 'pass') },
    payee: 'acme-energy',
    asset: { code: 'EUR', scale: 6 },
    feeBasisPoints: 100,
    listeners: [{ kind: 'tcp', host: '127.0.0.1', port }],
    tariffs: devices.map(({ unit, unitsPerTick, pricePerTick, creditTicks }) => ({
      unit,
      unitsPerTick: `${unitsPerTick}`,
      pricePerTick: `${pricePerTick}`,
      creditTicks,
    })),
    settlement: { periodSeconds: 2 },
    reportSeconds: 1,
    log: 'warn',
  }
}

export function meterSettings(folder: string, device: RealDevice, line: string) {
  return {
    name: device.device,
    kind: device.kind,
    line,
    profile: 'steady',
    unit: device.unit,
    ratePerHour: device.unitsPerSecond * 3_600,
    initialRegister: `${device.initialRegister}`,
    stateFile: join(folder, device.device, 'register.json'),
  }
}

export function agentSettings(
  own: string,
  { device, kind, unit, pollMs, unitsPerSecond }: RealDevice,
  { gateway, ledger }: DeviceAnswer,
  port: number,
  source: string,
) {
  return {
    fleet,
    device,
    gateway: { id: gateway.id, url: `mqtt://127.0.0.1:${port}`, key: gateway.key },
    ledger: { chainId: Number(ledger.chainId), contract: ledger.contract },
    key: { file: join(own, 'device.key'), passphraseFile: join(own, '..', 'pass') },
    stateDirectory: join(own, 'state'),
    logLevel: 'warn',
    meters: [
      {
        name: 'main',
        unit,
        driver: kind,
        source,
        pollMs,
        timeoutMs: 400,
        unitsPerSecondMax: unitsPerSecond * 4,
      },
    ],
  }
}

export async function enrolFleet(calls: Calls, folder: string, passphraseFile: string) {
  const file = join(folder, 'fleet.key')
  const { publicKey } = await newKeyFiles(file, 'p256', passphraseFile)
  await calls.call('enrol_fleet', { fleet, signerKey: formatPublicKey(publicKey) })
  await calls.call('ledger_fund', { fleet, amount: `${10n * limit}` })
  return openKey({ file, passphraseFile }, () => {})
}

async function enrolDevice(
  calls: Calls,
  own: string,
  { device, unit }: RealDevice,
  signer: Awaited<ReturnType<typeof openKey>>,
): Promise<DeviceAnswer> {
  const publicKey = readFileSync(join(own, 'device.key.pub'), 'utf8').trim()
  const meters = [{ meter: 'main', unit }]
  const answer = await enrol(calls, { fleet, device, publicKey, meters })
  const terms = { limit: `${limit}`, limitPerDay: `${limit}`, life: 'unattended' } as const
  await signFirstMandates(calls, answer, fleet, signer.privateKey, terms)
  return answer
}

export async function channelsOf(folder: string): Promise<readonly ChannelReport[] | undefined> {
  let calls: Calls | undefined
  try {
    calls = await connectControl(controlSocket(folder))
    return calls && readAnswer(channelsAnswer, await calls.call('channels', {}))
  } catch {
    // It was killed while it answered.
    return undefined
  } finally {
    await calls?.close().catch(() => undefined)
  }
}

function registerOf(folder: string, device: RealDevice): bigint {
  const options = meterSettings(folder, device, 'tcp-listen://127.0.0.1:0')
  let text: string
  try {
    text = readFileSync(options.stateFile, 'utf8')
  } catch {
    return device.initialRegister
  }
  const state = restoreMeter(text, meterSetup(parseMeterSimConfig(options), 0))
  return register(present(state, `a register in ${options.stateFile}`))
}

/** Reads all books; `folder` is that of the devices, and the gateway does not run. */
export async function booksOf(
  folder: string,
  devices: readonly RealDevice[],
  config = join(folder, 'gateway.yaml'),
): Promise<Books> {
  const calls = await openCalls({ config, socket: undefined }, () => {})
  try {
    const channels = readAnswer(channelsAnswer, await calls.call('channels', {}))
    const everything = { account: undefined, from: undefined, limit: undefined }
    const entries = await readEntries(calls, everything)
    const status = (await calls.call('status', {})) as Readonly<Record<string, string>>
    return {
      devices: devices.map((device) => deviceBooks(folder, device, channels)),
      accepted: BigInt(present(status['acceptedAmount'], 'accepted')),
      settled: settledBy(entries),
      unsettled: BigInt(present(status['unsettled'], 'unsettled')),
      ledgerSum: BigInt(present(status['ledgerSum'], 'a sum')),
    }
  } finally {
    await calls.close()
  }
}

function deviceBooks(
  folder: string,
  device: RealDevice,
  channels: readonly ChannelReport[],
): DeviceBooks {
  const { unitsPerTick, pricePerTick, initialRegister } = device
  const channel = present(
    channels.find((one) => one.device === device.device),
    'a channel',
  )
  const record = readFileSync(join(folder, device.device, 'state', RECORD_FILE), 'utf8')
  const seen = present(parseRecord(record)?.meters.get('main')?.seen, 'what the agent knew last')
  const open = present(seen.units, 'units') - present(seen.unitsPaid, 'units paid')
  return {
    device: device.device,
    units: registerOf(folder, device) - initialRegister,
    unitsPaid: channel.unitsPaid,
    unitsUnpaid: open - (open % unitsPerTick),
    creditUnits: channel.creditUnits,
    unitsPerTick,
    paid: channel.paid,
    due: (channel.unitsPaid / unitsPerTick) * pricePerTick,
  }
}
