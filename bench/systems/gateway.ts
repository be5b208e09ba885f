/**
 * The gateway as operators run it: the program `tickpay gateway` on a store of its own, talked to
 * through its control socket.
 * @module
 */
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type Calls, connectControl } from '../../cli/io/controlClient.ts'
import { readGatewayConfig } from '../../cli/io/gatewayCalls.ts'
import { newKeyFiles } from '../../cli/io/keyFiles.ts'
import { CONTROL_SOCKET, openOffline } from '../../gateway/io/openGateway.ts'
import { nodePorts } from '../../ports/io/node.ts'
import { firstLine, freePort, programPath, type RunningChild, startProgram } from '../children.ts'
import { collectedEnvironment } from '../collections.ts'
import { packagedEnvironment, packagedFlags } from '../packaged.ts'

/**
 * What a shape of load needs raised, by its name in the configuration: of `limits` alone, of others
 * with the whole path.
 */
export type RaisedLimits = Readonly<Record<string, number>>

export type GatewayFolder = {
  readonly config: string
  readonly data: string
  /** Folder for CPU profiles; none are made without it. */
  readonly profile: string | undefined
}

export type GatewayProcess = {
  readonly child: RunningChild
  readonly port: number
  readonly calls: Calls
  /** More connections to its control socket: what they ask at a time shares one fsync. */
  readonly lanes: readonly Calls[]
  /** What it says of itself after a collection. */
  readonly collected: string
}

export const benchGateway = 'bench-gateway'
export const feeBasisPoints = 100
export const benchAsset = { code: 'EUR', scale: 6 }
export const benchTariff = { unit: 'Wh', unitsPerTick: 10n, pricePerTick: 3n } as const
const LANES = 8
/** Long enough that no settlement falls into a measurement that does not ask for one. */
const SETTLEMENT_SECONDS = 86_400

/** Where clients reach the gateway: at its own listener, or at a broker with this address. */
export type GatewayDoor = { readonly broker: string } | 'embedded'

/** Makes keys and configuration of a new gateway below `folder`. */
export async function makeGateway(
  folder: string,
  limits: RaisedLimits,
  profile: string | undefined,
  door: GatewayDoor = 'embedded',
): Promise<GatewayFolder> {
  await mkdir(folder, { recursive: true })
  const passphraseFile = join(folder, 'passphrase')
  const file = join(folder, 'gateway.key')
  await newKeyFiles(file, 'p256', passphraseFile)
  const data = join(folder, 'data')
  const { unit, unitsPerTick, pricePerTick } = benchTariff
  const settings = {
    gateway: benchGateway,
    data,
    key: { file, passphraseFile },
    payee: 'bench-operator',
    asset: benchAsset,
    feeBasisPoints,
    ...(door === 'embedded'
      ? { listeners: [{ kind: 'tcp', host: '127.0.0.1', port: await freePort() }] }
      : door),
    tariffs: [
      { unit, unitsPerTick: `${unitsPerTick}`, pricePerTick: `${pricePerTick}` },
      // At two hundred units a second, a credit window that outlasts a few readings of the meter.
      { unit: 'kB', unitsPerTick: 1, pricePerTick: 1, creditTicks: 1_000 },
    ],
    settlement: { periodSeconds: SETTLEMENT_SECONDS },
    ...raisedBy(limits),
    log: 'warn',
  }
  const config = join(folder, 'gateway.yaml')
  await writeFile(config, JSON.stringify(settings, undefined, 2))
  return { config, data, profile }
}

/** Parts of the configuration: `limits`, and what is named by its path below `fraud.rules`. */
function raisedBy(raised: RaisedLimits) {
  const limits: Record<string, number> = {}
  const rules: Record<string, Record<string, number>> = {}
  for (const [name, value] of Object.entries(raised)) {
    const [, rule, threshold] = /^fraud\.rules\.(\w+)\.(\w+)$/.exec(name) ?? []
    if (rule === undefined || threshold === undefined) limits[name] = value
    else rules[rule] = { ...rules[rule], [threshold]: value }
  }
  return { limits, fraud: { rules } }
}

/** What the gateway on this store says of itself after a collection. */
export function collectedFile(data: string): string {
  return `${data}-collected.json`
}

/** Starts `tickpay gateway` and waits until it listens. */
export async function startGateway({
  config,
  data,
  profile,
}: GatewayFolder): Promise<GatewayProcess> {
  const flags = profile === undefined ? [] : ['--cpu-prof', `--cpu-prof-dir=${profile}`]
  const program = programPath('../cli/main')
  const words = [...packagedFlags, ...flags, program, 'gateway', '--config', config]
  const child = startProgram(process.execPath, words, {
    ...packagedEnvironment,
    ...collectedEnvironment(programPath('collector'), collectedFile(data)),
  })
  const said = await firstLine(child)
  const port = Number(/:(\d+)$/.exec(said)?.[1])
  const path = join(data, CONTROL_SOCKET)
  const connected = await Promise.all(Array.from({ length: LANES }, () => connectControl(path)))
  const lanes = connected.filter((one) => one !== undefined)
  const [calls] = lanes
  if (calls === undefined || !(port > 0)) throw new Error(`the gateway did not start: ${said}`)
  return { child, port, calls, lanes, collected: collectedFile(data) }
}

/** Runs `tickpay channels import` on the store of a gateway that does not run. */
export async function importFile({ config }: GatewayFolder, file: string): Promise<void> {
  const program = programPath('../cli/main')
  const words = ['channels', 'import', file, '--config', config]
  const child = startProgram(process.execPath, [program, ...words])
  const code = await new Promise((resolve) => child.process.once('exit', resolve))
  if (code !== 0) throw new Error(`channels were not imported (${code})`)
}

/**
 * Ticks that a store holds, read by opening it after its gateway was killed: what was acknowledged
 * must be in it.
 */
export async function acceptedInStore({ config }: GatewayFolder): Promise<number> {
  const settings = await readGatewayConfig(config)
  const { call, close } = await openOffline(
    settings,
    nodePorts(() => {}),
  )
  try {
    return acceptedOf(await call('status', {}))
  } finally {
    await close()
  }
}

/** Ticks that a running gateway says it has accepted. */
export async function acceptedNow({ calls }: GatewayProcess): Promise<number> {
  return acceptedOf(await calls.call('status', {}))
}

function acceptedOf(status: unknown): number {
  return (status as { readonly accepted: number }).accepted
}
