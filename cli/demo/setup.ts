/**
 * Gets a demo going: keys, gateway, fleet, and for each device a line, a meter and an agent, all
 * of them programs of their own.
 * @module
 */
import { mkdir, readdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { formatPublicKey } from '../../ports/keyText.ts'
import { OperatorError } from '../../ports/operatorError.ts'
import { assert } from '../../protocol/assert.ts'
import type { PrivateKey, PublicKey } from '../../protocol/keys.ts'
import { credentialAnswer, type DeviceAnswer, operatorAnswer, readAnswer } from '../answers.ts'
import { enrol, signFirstMandates } from '../enrolment.ts'
import { type Calls, connectControl } from '../io/controlClient.ts'
import { newKeyFiles, openKey } from '../io/keyFiles.ts'
import { type Access, accessText, demoPerson, demoTool } from './access.ts'
import { type Child, startChild } from './children.ts'
import { configureLedger, type DemoLedger } from './ledgers.ts'
import { type Line, type LineKind, lineKind, openLine } from './lines.ts'
import {
  agentYaml,
  type DemoDevice,
  demoDeposit,
  demoDevices,
  demoFleet,
  demoLimit,
  demoMeter,
  deviceFolder,
  fleetYaml,
  gatewayYaml,
  meterOptions,
  passphrase,
  type Settling,
} from './plan.ts'

export type RunningDemo = {
  readonly calls: Calls
  /** By device. */
  readonly agentCalls: ReadonlyMap<string, Calls>
  readonly link: LineKind
  /** How somebody watches it and takes part. */
  readonly access: Access
  /** Resolves with a line when one of the programs ends without being told to. */
  readonly lost: Promise<string>
  /** Ends agents, then meters, then `beforeGatewayEnds`, then the fleet and the gateway. */
  readonly stop: (beforeGatewayEnds: () => Promise<void>) => Promise<void>
}

/** How the lines are called to people. */
export const linkNames: Readonly<Record<LineKind, string>> = {
  pty: 'ptys through socat',
  tcp: 'serial over TCP (for ptys install socat)',
}

/** Everything that was started, to be ended in the right order whatever happens. */
type Started = {
  readonly agents: Child[]
  readonly meters: Child[]
  readonly fleets: Child[]
  readonly gateways: Child[]
  readonly lines: Line[]
}

export type StartDemo = {
  /** Empty, or not there yet. */
  readonly folder: string
  /** Program and first words of `tickpay`. */
  readonly program: { readonly file: string; readonly words: readonly string[] }
  readonly settling: Settling
  readonly ledger: DemoLedger
  readonly onProgress: (line: string) => void
}

/** @throws OperatorError when a program does not start; whatever had started is ended then */
export async function startDemo(options: StartDemo): Promise<RunningDemo> {
  const started: Started = { agents: [], meters: [], fleets: [], gateways: [], lines: [] }
  try {
    return await startAll(options, started)
  } catch (error) {
    await endAll(started, async () => {})
    throw error
  }
}

async function startAll(options: StartDemo, started: Started): Promise<RunningDemo> {
  const { folder, onProgress } = options
  await prepareFolder(folder, options.settling)
  await configureLedger(folder, options.ledger)
  onProgress('making keys')
  const keys = await makeKeys(folder)
  onProgress('starting the gateway and the meters')
  const link = await lineKind()
  onProgress(`lines: ${linkNames[link]}`)
  const [gateway, lines] = await Promise.all([
    startGateway(options, started),
    settled(demoDevices.map((device) => startMeter(options, started, link, device))),
  ])
  onProgress('enrolling the fleet and its devices')
  const { calls, ports } = gateway
  const url = `mqtt://127.0.0.1:${ports.broker}`
  await enrolFleet(calls, keys.signer)
  const access = await giveAccess(folder, calls, ports)
  onProgress('starting the agents')
  const answers: DeviceAnswer[] = []
  const agentCalls = await settled(
    demoDevices.map(async (device, place) => {
      const publicKey = keys.devices[place]
      const source = lines[place]
      assert(publicKey !== undefined && source !== undefined, 'a key and a line for each device')
      const answer = await enrolDevice(calls, device, publicKey, keys.signer.privateKey)
      const config = join(deviceFolder(folder, device), 'agent.yaml')
      await writeFile(config, agentYaml(folder, device, { answer, url, source }))
      const agent = start(options, device.device, ['agent', '--config', config], 'agent')
      started.agents.push(agent)
      await agent.ready
      answers.push(answer)
      return [device.device, await mustConnect(agentSocket(folder, device))] as const
    }),
  )
  const [answer] = answers
  if (answer && options.settling === 'statements') await startFleet(options, started, answer, url)
  const { agents, meters, fleets, gateways } = started
  const all = [...agents, ...meters, ...fleets, ...gateways]
  return {
    calls,
    agentCalls: new Map(agentCalls),
    link,
    access,
    lost: Promise.race(all.map(({ lost }) => lost)),
    stop: (beforeGatewayEnds) => endAll(started, beforeGatewayEnds),
  }
}

/** Like Promise.all, but nothing is still under way when it rejects. */
async function settled<T>(promises: readonly Promise<T>[]): Promise<readonly T[]> {
  await Promise.allSettled(promises)
  return Promise.all(promises)
}

async function endAll(started: Started, beforeGatewayEnds: () => Promise<void>): Promise<void> {
  await Promise.all(started.agents.map(({ stop }) => stop()))
  await Promise.all(started.meters.map(({ stop }) => stop()))
  await beforeGatewayEnds()
  await Promise.all(started.fleets.map(({ stop }) => stop()))
  await Promise.all(started.gateways.map(({ stop }) => stop()))
  for (const { close } of started.lines) close()
}

async function prepareFolder(folder: string, settling: Settling): Promise<void> {
  await mkdir(folder, { recursive: true, mode: 0o700 })
  if ((await readdir(folder)).length > 0) {
    throw new OperatorError(`${folder} is not empty; name a new folder for the demo`)
  }
  await mkdir(join(folder, 'logs'))
  for (const device of demoDevices) await mkdir(deviceFolder(folder, device))
  await writeFile(join(folder, 'gateway.yaml'), gatewayYaml(folder, settling))
}

type Signer = { readonly privateKey: PrivateKey; readonly publicKey: PublicKey }

async function makeKeys(
  folder: string,
): Promise<{ readonly signer: Signer; readonly devices: readonly PublicKey[] }> {
  const passphraseFile = passphrase(folder)
  const file = join(folder, 'fleet.key')
  await newKeyFiles(file, 'p256', passphraseFile)
  const [signer, , ...devices] = await Promise.all([
    openKey({ file, passphraseFile }, () => {}),
    newKeyFiles(join(folder, 'gateway.key'), 'p256', passphraseFile),
    ...demoDevices.map((device) =>
      newKeyFiles(join(deviceFolder(folder, device), 'device.key'), 'p256', passphraseFile),
    ),
  ])
  return { signer, devices: devices.map(({ publicKey }) => publicKey) }
}

function start(
  options: StartDemo,
  name: string,
  words: readonly string[],
  role: 'agent' | 'meter' | 'fleet' | 'gateway',
): Child {
  const { file, words: first } = options.program
  const log = join(
    options.folder,
    'logs',
    role === 'gateway' || role === 'fleet' ? `${role}.log` : `${name}.${role}.log`,
  )
  return startChild(`${role} ${name}`, file, [...first, ...words], log)
}

type GatewayPorts = { readonly broker: number; readonly dashboard: number }

async function startGateway(
  options: StartDemo,
  started: Started,
): Promise<{ readonly calls: Calls; readonly ports: GatewayPorts }> {
  const { folder } = options
  const config = join(folder, 'gateway.yaml')
  const gateway = start(options, 'demo', ['gateway', '--config', config], 'gateway')
  started.gateways.push(gateway)
  // In the order of its listeners.
  const said = (await gateway.ready).matchAll(/:(\d+)/g)
  const [broker = 0, dashboard = 0] = [...said].map(([, port]) => Number(port))
  const calls = await mustConnect(join(folder, 'data', 'control.sock'))
  return { calls, ports: { broker, dashboard } }
}

/** An operator for the page and a credential for tools, in a file too. */
async function giveAccess(folder: string, calls: Calls, ports: GatewayPorts): Promise<Access> {
  const wanted = { fleet: demoFleet, name: demoTool, rights: ['read', 'supply'] }
  const tool = readAnswer(credentialAnswer, await calls.call('credential_add', wanted))
  const person = { fleet: demoFleet, name: demoPerson }
  const operator = readAnswer(operatorAnswer, await calls.call('operator_add', person))
  const dashboard = `http://127.0.0.1:${ports.dashboard}/`
  const access = { dashboard, brokerPort: ports.broker, tool, operator }
  await writeFile(join(folder, 'access.env'), accessText(access), { mode: 0o600 })
  return access
}

async function startFleet(
  options: StartDemo,
  started: Started,
  answer: DeviceAnswer,
  url: string,
): Promise<void> {
  options.onProgress("starting the fleet's service")
  const config = join(options.folder, 'fleet.yaml')
  await writeFile(config, fleetYaml(options.folder, answer, url))
  const fleet = start(options, 'demo', ['fleet', 'serve', '--config', config], 'fleet')
  started.fleets.push(fleet)
  await fleet.ready
}

async function mustConnect(socket: string): Promise<Calls> {
  const calls = await connectControl(socket)
  if (calls !== undefined) return calls
  throw new OperatorError(`nothing answers at ${socket} although it said that it was ready`)
}

function agentSocket(folder: string, device: DemoDevice): string {
  return join(deviceFolder(folder, device), 'state', 'agent.sock')
}

/** Resolves with the source that the agent opens. */
async function startMeter(
  options: StartDemo,
  started: Started,
  link: LineKind,
  device: DemoDevice,
): Promise<string> {
  const folder = deviceFolder(options.folder, device)
  const line = await openLine(link, folder, device.baudRate)
  started.lines.push(line)
  const config = join(folder, 'meter.yaml')
  // JSON is YAML, and needs no thought about quotes.
  const settings = meterOptions(options.folder, device, line.meterEnd)
  await writeFile(config, JSON.stringify(settings, undefined, 2))
  const meter = start(options, device.device, ['meter-sim', '--config', config], 'meter')
  started.meters.push(meter)
  const said = await meter.ready
  return line.agentEnd ?? said.slice(said.lastIndexOf(' ') + 1)
}

async function enrolFleet(calls: Calls, signer: Signer): Promise<void> {
  const signerKey = formatPublicKey(signer.publicKey)
  await calls.call('enrol_fleet', { fleet: demoFleet, signerKey })
  await calls.call('ledger_fund', { fleet: demoFleet, amount: `${demoDeposit}` })
}

async function enrolDevice(
  calls: Calls,
  { device, unit }: DemoDevice,
  key: PublicKey,
  signerKey: PrivateKey,
): Promise<DeviceAnswer> {
  const meters = [{ meter: demoMeter, unit }]
  const publicKey = formatPublicKey(key)
  const answer = await enrol(calls, { fleet: demoFleet, device, publicKey, meters })
  const limit = `${demoLimit}`
  const terms = { limit, limitPerDay: limit, life: 'unattended' } as const
  await signFirstMandates(calls, answer, demoFleet, signerKey, terms)
  return answer
}
