/**
 * A gateway with its embedded ledger on virtual time, disk and network.
 * @module
 */

import type { GatewayConfig } from '../../gateway/config.ts'
import { payeeAddress } from '../../gateway/config.ts'
import type { Gateway } from '../../gateway/gateway.ts'
import { startGateway } from '../../gateway/gateway.ts'
import { startLife } from '../../gateway/store/meta.ts'
import type { EmbeddedLedger } from '../../ledger/embedded/embeddedLedger.ts'
import { openEmbeddedLedger } from '../../ledger/embedded/embeddedLedger.ts'
import { fastSha256, fastVerify } from '../../ledger/io/fastVerify.ts'
import type { KeyValue, Log, Ports } from '../../ports/index.ts'
import { formatPublicKey } from '../../ports/keyText.ts'
import { present } from '../../protocol/assert.ts'
import { concatBytes, parseHex } from '../../protocol/bytes.ts'
import type { Sha256 } from '../../protocol/chain.ts'
import type { Algorithm, PrivateKey } from '../../protocol/keys.ts'
import { privateKeyFrom, publicKeyOf } from '../../protocol/keys.ts'
import type { Mandate, Tariff } from '../../protocol/structures.ts'
import { mandateHex } from './mandateHex.ts'
import type { MemoryDisk } from './memoryDisk.ts'
import { memoryDisk } from './memoryDisk.ts'
import type { MemoryKeyValue } from './memoryKeyValue.ts'
import { memoryKeyValue } from './memoryKeyValue.ts'
import type { VirtualBroker } from './virtualBroker.ts'
import { virtualBroker } from './virtualBroker.ts'
import type { VirtualTime } from './virtualTime.ts'
import { virtualTime } from './virtualTime.ts'

export const START_MS = Date.UTC(2026, 0, 15, 6)
export const START_SECONDS = START_MS / 1_000
const LATENCY_MS = 5

/** A key that depends on nothing but its name. */
export function testKey(algorithm: Algorithm, seed: number): PrivateKey {
  return present(privateKeyFrom(algorithm, new Uint8Array(32).fill(seed)), 'a valid test key')
}

export const gatewayKey = testKey('p256', 11)
export const signerKey = testKey('p256', 12)

const shared = {
  gateway: 'gw-1',
  payee: present(payeeAddress('acme-energy'), 'a payee'),
  assetCode: 'EUR',
  assetScale: 6,
}

export function testTariff(change: Partial<Tariff> = {}): Tariff {
  return {
    ...shared,
    unit: 'Wh',
    unitsPerTick: 10n,
    pricePerTick: 300n,
    creditTicks: 16,
    validFrom: 0,
    validUntil: 4_000_000_000,
    ...change,
  }
}

export function testConfig(change: Partial<GatewayConfig> = {}): GatewayConfig {
  return {
    gateway: shared.gateway,
    payee: shared.payee,
    asset: { code: 'EUR', scale: 6 },
    feeBasisPoints: 100,
    tariffs: [testTariff()],
    settlement: { periodSeconds: 600, minimumAmount: 0n, expiryMarginSeconds: 172_800 },
    limits: {
      hashRate: { perSecond: 200, burst: 1_024 },
      messagesPerSecond: 50,
      messagesBurst: 200,
      inFlight: 16,
      channelsPerDevice: 16,
    },
    reportSeconds: 10,
    ...change,
  }
}

export type World = {
  readonly time: VirtualTime
  readonly ports: Ports
  readonly broker: VirtualBroker
  readonly disk: MemoryDisk
  readonly logs: string[]
  ledger: EmbeddedLedger
  gateway: Gateway
  readonly coldStore: MemoryKeyValue
  readonly ledgerStore: MemoryKeyValue
  /**
   * The present process ends without a word; its unsynced bytes are lost, but for the first
   * `tornBytes` of each file.
   */
  readonly crash: (tornBytes?: number) => Promise<void>
  readonly restart: (config?: GatewayConfig) => Promise<void>
  readonly fatal: unknown[]
}

/** Random bytes that are the same in every run. */
export function seededRandom(seed: number): Ports['random'] {
  let state = seed >>> 0
  const next = () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return state >>> 24
  }
  return { bytes: (length) => Uint8Array.from({ length }, next) }
}

export type WorldOptions = {
  /** In place of the fast one, to count. */
  readonly sha256?: Sha256
  /** What the gateway sees of the ledger, to let it fail. */
  readonly wrapLedger?: (ledger: EmbeddedLedger) => EmbeddedLedger
}

/** What outlives a process. */
type Site = {
  readonly ports: Ports
  readonly broker: VirtualBroker
  readonly disk: MemoryDisk
  readonly ledgerStore: MemoryKeyValue
  readonly coldStore: MemoryKeyValue
  readonly fatal: unknown[]
  readonly options: WorldOptions
  generation: number
}

export async function virtualWorld(
  config = testConfig(),
  options: WorldOptions = {},
): Promise<World> {
  const time = virtualTime(START_MS)
  const logs: string[] = []
  const log: Log = (level, message, fields) =>
    logs.push(`${level} ${message} ${JSON.stringify(fields ?? {})}`)
  const { clock, timers } = time
  const site: Site = {
    ports: { clock, timers, random: seededRandom(7), log },
    broker: virtualBroker(timers, LATENCY_MS),
    disk: memoryDisk(),
    ledgerStore: memoryKeyValue(),
    coldStore: memoryKeyValue(),
    fatal: [],
    options,
    generation: 0,
  }
  const world: World = {
    ...site,
    time,
    logs,
    ...(await startProcess(site, config)),
    crash: async (tornBytes) => {
      site.generation += 1
      site.broker.stop()
      site.disk.crash(tornBytes)
      site.coldStore.crash()
      site.ledgerStore.crash()
    },
    restart: async (settings = config) => {
      Object.assign(world, await startProcess(site, settings))
    },
  }
  return world
}

async function startProcess(site: Site, config: GatewayConfig) {
  const own = ++site.generation
  const mine = () => own === site.generation
  const { ports, disk, broker } = site
  const { sha256 = fastSha256, wrapLedger = (ledger) => ledger } = site.options
  const opened = await openEmbeddedLedger({
    ...ports,
    store: { ...whileAlive(site.ledgerStore, mine), close: async () => {} },
    place: 'memory',
    verify: fastVerify,
    sha256: fastSha256,
  })
  const ledger = wrapLedger(opened)
  const { life, storeId } = await startLife(disk, ports.random)
  const gateway = await startGateway({
    ports: alive(ports, mine),
    config,
    key: gatewayKey,
    disk,
    store: whileAlive(site.coldStore, mine),
    storeId,
    ledger,
    desk: ledger,
    verify: fastVerify,
    sha256,
    link: broker.link,
    derive: async (password, salt) => fastSha256(concatBytes(salt, password)),
    life,
    onFatal: (error) => {
      if (mine()) site.fatal.push(error)
    },
  })
  broker.serve(gateway)
  return { ledger, gateway }
}

/** Writes of a process that is gone never happen. */
function whileAlive(store: MemoryKeyValue, mine: () => boolean): KeyValue {
  return {
    ...store,
    write: (entries) => (mine() ? store.write(entries) : new Promise(() => {})),
  }
}

/** Timers of a process that is gone never fire. */
function alive(ports: Ports, mine: () => boolean): Ports {
  const guarded = (run: () => void) => () => {
    if (mine()) run()
  }
  const { timers } = ports
  return {
    ...ports,
    timers: {
      after: (delayMs, run) => timers.after(delayMs, guarded(run)),
      every: (periodMs, run) => timers.every(periodMs, guarded(run)),
      soon: (run) => timers.soon(guarded(run)),
    },
  }
}

type Enrolment = {
  readonly channels: readonly { readonly slot: number; readonly channelId: string }[]
}

type EnrolWorld = Pick<World, 'gateway' | 'ledger' | 'ports'>

/** Opens and funds a fleet's allocation. */
export async function enrolTestFleet(
  world: Pick<World, 'gateway'>,
  amount = 10_000_000_000n,
): Promise<void> {
  const { gateway } = world
  const key = formatPublicKey(publicKeyOf(signerKey))
  await gateway.call('enrol_fleet', { fleet: 'acme', signerKey: key })
  await gateway.call('ledger_fund', { fleet: 'acme', amount: amount.toString() })
}

/** Enrols a device with meters and gives every channel a mandate. */
export async function enrolTestDevice(
  world: EnrolWorld,
  device: string,
  key: PrivateKey,
  meters: readonly { meter: string; unit: string }[] = [{ meter: 'main', unit: 'Wh' }],
  change: Partial<Mandate> = {},
): Promise<readonly Uint8Array[]> {
  const publicKey = formatPublicKey(publicKeyOf(key))
  const answer = await world.gateway.call('enrol_device', {
    fleet: 'acme',
    device,
    publicKey,
    meters,
  })
  const ids = (answer as Enrolment).channels.map(({ channelId }) =>
    present(parseHex(channelId), 'a hex channel id'),
  )
  const mandates = ids.map((channelId) => signedMandate(world, channelId, change))
  await world.gateway.call('mandate_put', { mandates })
  return ids
}

/** A mandate for 24 h from now as the hex of its wire form. */
export function signedMandate(
  world: Pick<World, 'ledger' | 'ports'>,
  channelId: Uint8Array,
  change: Partial<Mandate> = {},
): string {
  const nowSeconds = Math.floor(world.ports.clock.nowMs() / 1_000)
  const signer = { domain: world.ledger.domain, key: signerKey, nowSeconds }
  return mandateHex(signer, {
    channelId,
    limit: 1_000_000_000n,
    limitPerDay: 100_000_000n,
    ...change,
  })
}
