/**
 * One honest device: the product's agent with its meters. It dies and starts again; its meters are
 * rebooted and exchanged; its key can be replaced.
 * @module
 */
import * as v from 'valibot'
import { type Agent, startAgent } from '../../agent/agent.ts'
import { type AgentConfig, agentSchema } from '../../agent/config.ts'
import type { Signer } from '../../agent/epochs.ts'
import type { ConnectOptions, Connector, Ports } from '../../ports/index.ts'
import { formatPublicKey } from '../../ports/keyText.ts'
import { present } from '../../protocol/assert.ts'
import { bytesToHex } from '../../protocol/bytes.ts'
import { type PrivateKey, publicKeyOf, signDigest } from '../../protocol/keys.ts'
import type { Domain } from '../../protocol/typedData.ts'
import { type MemoryDisk, memoryDisk } from '../support/memoryDisk.ts'
import { seededRandom } from '../support/virtualGateway.ts'
import { firmwareMeter } from './firmwareMeter.ts'
import { fleetName } from './fleet.ts'
import type { GatewayActor } from './gatewayActor.ts'
import { endLife, type Life, mortalPorts, newLife, type SkewedClock, skewedClock } from './life.ts'
import { type SimMeter, simMeter } from './meter.ts'
import type { DevicePlan } from './plan.ts'
import { slowSigning } from './slowKey.ts'
import { lifeDisk, type Slowness } from './stores.ts'
import type { Site } from './wider.ts'

export type DeviceActor = {
  readonly plan: DevicePlan
  readonly gateway: GatewayActor
  readonly clock: SkewedClock
  readonly disk: MemoryDisk
  readonly meters: ReadonlyMap<string, SimMeter>
  readonly key: () => PrivateKey
  readonly running: () => Agent | undefined
  /** With what it logged in last. */
  readonly lastLogin: () => ConnectOptions | undefined
  readonly start: () => Promise<void>
  /** kill -9; it starts again after `downMs`. */
  readonly crash: (downMs: number) => void
  /** The next start has this key, and the key's own secret for its chains. */
  readonly giveKey: (key: PrivateKey, place: number) => void
}

export type DeviceWorld = {
  readonly ports: Ports
  readonly slow: Slowness
  readonly domain: Domain
  readonly place: number
  readonly site: Site | undefined
}

/** What a register shows when a meter is new here. */
export const firstRegister = 7_000n
const pollMs = 700

export function deviceActor(
  world: DeviceWorld,
  plan: DevicePlan,
  gateway: GatewayActor,
  firstKey: PrivateKey,
): DeviceActor {
  const { ports, site } = world
  const disk = memoryDisk()
  const clock = skewedClock(ports.clock)
  const meters = metersOf(world, plan)
  let key = firstKey
  let rootByte = 60 + world.place
  let life = newLife()
  let agent: Agent | undefined
  let lastLogin: ConnectOptions | undefined
  const random = seededRandom(200 + world.place)
  const config = configOf(world, plan, gateway)
  const start = async () => {
    const own = newLife()
    life = own
    const mortal = mortalPorts(ports, own, clock)
    const connect: Connector = (options) => {
      lastLogin = options
      return gateway.network.connect(options)
    }
    const signMs = site?.signMs.get(plan.device)
    const signer = { publicKey: publicKeyOf(key), sign: signWith(key, mortal, signMs) }
    agent = await startAgent(config, {
      ports: { ...mortal, random },
      connector: mortalConnector(connect, own),
      openSerial: async (source) => {
        const line = await present(meters.get(source.split(/[/?]/)[4] ?? ''), source).open()
        own.atEnd.push(() => void line.close())
        return line
      },
      disk: lifeDisk(disk, own, world.slow, () => undefined),
      signer,
      rootSecret: new Uint8Array(32).fill(rootByte),
      version: 'simulated',
    })
  }
  return {
    plan,
    gateway,
    clock,
    disk,
    meters,
    key: () => key,
    running: () => agent,
    lastLogin: () => lastLogin,
    start,
    crash: (downMs) => {
      endLife(life)
      agent = undefined
      disk.crash()
      const dead = life
      ports.timers.after(downMs, () => {
        if (life === dead) void start()
      })
    },
    giveKey: (next, place) => {
      key = next
      rootByte = 100 + place
    },
  }
}

function metersOf({ ports, site }: DeviceWorld, plan: DevicePlan): DeviceActor['meters'] {
  return new Map(
    plan.meters.map(({ name, unit, ratePerSecond }) => {
      const meter = { unit, ratePerSecond, register: firstRegister }
      const make = site?.firmware.has(plan.device) ? firmwareMeter : simMeter
      return [name, make(meter, ports.clock, ports.timers)] as const
    }),
  )
}

/** `slowMs`: the longest that a slow key takes. */
function signWith(key: PrivateKey, { timers }: Ports, slowMs: number | undefined): Signer['sign'] {
  const sign = (digest: Uint8Array) => signDigest(key, digest)
  return slowMs === undefined ? sign : slowSigning(sign, timers, slowMs, slowMs)
}

/** The operating system closes what a killed process had open. */
function mortalConnector(connect: Connector, life: Life): Connector {
  return async (options) => {
    const transport = await connect(options)
    if (life.isOver) void transport.close()
    else life.atEnd.push(() => void transport.close())
    return transport
  }
}

function configOf(
  { domain, site }: DeviceWorld,
  plan: DevicePlan,
  gateway: GatewayActor,
): AgentConfig {
  const key = formatPublicKey(publicKeyOf(gateway.key))
  const amountPerHour = site?.amountPerHour.get(plan.device)
  const limits =
    site && amountPerHour !== undefined
      ? { amountPerHour: `${amountPerHour}`, pricePerTickMax: `${site.pricePerTickMax}` }
      : undefined
  return v.parse(agentSchema, {
    fleet: fleetName,
    device: plan.device,
    gateway: { id: gateway.name, url: 'mqtt://simulated', key },
    ledger: {
      chainId: Number(domain.chainId),
      contract: `0x${bytesToHex(domain.verifyingContract)}`,
    },
    key: { file: 'device.key', passphraseFile: 'pass' },
    meters: plan.meters.map(({ name, unit }) => ({
      name,
      unit,
      driver: 'firmware-link',
      source: `serial:///dev/${name}?baud=9600`,
      pollMs,
      ...(limits && { limits }),
    })),
  })
}
