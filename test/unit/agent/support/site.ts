/**
 * A site on virtual time: the real gateway with its ledger, simulated meters, and an agent between
 * them that can crash and come back.
 * @module
 */
import * as v from 'valibot'
import type { Agent } from '../../../../agent/agent.ts'
import { startAgent } from '../../../../agent/agent.ts'
import type { AgentConfig } from '../../../../agent/config.ts'
import { agentSchema } from '../../../../agent/config.ts'
import { parseMeterSimConfig } from '../../../../firmware-sim/config.ts'
import type { MeterSim } from '../../../../firmware-sim/simulator.ts'
import { startMeterSim } from '../../../../firmware-sim/simulator.ts'
import type { GatewayConfig } from '../../../../gateway/config.ts'
import type { Clock, Connector, Ports, Timers } from '../../../../ports/index.ts'
import { formatPublicKey } from '../../../../ports/keyText.ts'
import { present } from '../../../../protocol/assert.ts'
import { bytesToHex } from '../../../../protocol/bytes.ts'
import { publicKeyOf, signDigest } from '../../../../protocol/keys.ts'
import type { Mandate } from '../../../../protocol/structures.ts'
import type { MemoryDisk } from '../../../support/memoryDisk.ts'
import { memoryDisk } from '../../../support/memoryDisk.ts'
import { virtualPlug } from '../../../support/meterBench.ts'
import type { World } from '../../../support/virtualGateway.ts'
import {
  enrolTestDevice,
  enrolTestFleet,
  gatewayKey,
  seededRandom,
  signerKey,
  testConfig,
  testKey,
  virtualWorld,
} from '../../../support/virtualGateway.ts'

export const deviceKey = testKey('p256', 21)

export type SiteOptions = {
  readonly gateway?: Partial<GatewayConfig>
  readonly mandate?: Partial<Mandate>
  /** One simulated meter each; fields of the simulator's configuration. */
  readonly meters?: readonly Readonly<Record<string, unknown>>[]
  /** Added to the configuration of every meter. */
  readonly meterConfig?: Readonly<Record<string, unknown>>
  /** Added to the configuration of the agent. */
  readonly agentConfig?: Readonly<Record<string, unknown>>
  /** Is the device enrolled at the gateway? Default: with all its meters. */
  readonly enrolled?: readonly string[]
  /** Units of the meters in the configuration of the agent; default: Wh. */
  readonly units?: readonly string[]
  /** How the device signs; default: at once, in the process. */
  readonly sign?: (digest: Uint8Array, timers: Timers) => Uint8Array | Promise<Uint8Array>
  /** Called with the agent's disk before the agent starts. */
  readonly prepare?: (disk: MemoryDisk) => void
}

export type Site = {
  readonly world: World
  readonly meters: readonly MeterSim[]
  readonly disk: MemoryDisk
  readonly config: AgentConfig
  readonly channelIds: readonly Uint8Array[]
  agent: Agent
  /** What is wrong with the device's clock, in milliseconds. */
  clockErrorMs: number
  /** Messages at level `error`. */
  readonly errors: string[]
  readonly start: () => Promise<void>
  /** The agent is gone without a word. */
  readonly crash: () => void
  readonly close: () => Promise<void>
}

const meterName = (place: number) => `meter-${place}`

export async function startSite(options: SiteOptions = {}): Promise<Site> {
  const sims = options.meters ?? [{}]
  const world = await virtualWorld(testConfig(options.gateway))
  await world.time.advance(0)
  await enrolTestFleet(world)
  const names = options.enrolled ?? sims.map((_, place) => meterName(place))
  const enrolled = names.map((meter) => ({ meter, unit: 'Wh' }))
  const channelIds = await enrolTestDevice(world, 'ev-1', deviceKey, enrolled, options.mandate)
  const plugs = sims.map(() => virtualPlug(world.time))
  const meters = await Promise.all(
    sims.map((fields, place) => startSim(world, present(plugs[place], 'a plug'), fields)),
  )
  const disk = memoryDisk()
  options.prepare?.(disk)
  const config = configOf(world, sims.length, options)
  const life: Life = { generation: 0, drops: [] }
  const site: Site = {
    world,
    meters,
    disk,
    config,
    channelIds,
    clockErrorMs: 0,
    errors: [],
    agent: undefined as unknown as Agent,
    start: async () => {
      site.agent = await launch(site, plugs, life, options.sign)
    },
    crash: () => {
      life.generation += 1
      disk.crash()
      for (const drop of life.drops.splice(0)) drop()
      for (const plug of plugs) plug.cut()
    },
    close: async () => {
      const closing = site.agent.close()
      await world.time.advance(10_000)
      await closing
    },
  }
  await site.start()
  return site
}

type Plug = ReturnType<typeof virtualPlug>

function startSim(world: World, plug: Plug, fields: Readonly<Record<string, unknown>>) {
  const steady = { profile: 'steady', ratePerHour: 36_000, kind: 'firmware-link' }
  const line = 'serial:///dev/meter'
  const config = parseMeterSimConfig({ ...steady, initialRegister: 1_000, line, ...fields })
  return startMeterSim(config, world.ports, { openLines: plug.openLines, disk: undefined })
}

/** Which agent lives now, and how its connections break when it dies. */
type Life = { generation: number; readonly drops: (() => void)[] }

function launch(
  site: Site,
  plugs: readonly Plug[],
  life: Life,
  sign: SiteOptions['sign'] = (digest) => signDigest(deviceKey, digest),
): Promise<Agent> {
  const own = ++life.generation
  const isMine = () => own === life.generation
  const connector: Connector = async (login) => {
    const transport = await site.world.broker.connect(login)
    life.drops.push(() => void transport.close())
    return {
      ...transport,
      onMessage: (listener) =>
        transport.onMessage((topic, payload) => {
          if (isMine()) listener(topic, payload)
        }),
    }
  }
  const ports = agentPorts(site, isMine, own)
  return startAgent(site.config, {
    ports,
    connector,
    openSerial: (source) => {
      const place = Number(/\d+$/.exec(source)?.[0] ?? 0)
      return present(plugs[place], 'a configured source').openSerial(source)
    },
    disk: site.disk,
    signer: {
      publicKey: publicKeyOf(deviceKey),
      sign: (digest) => sign(digest, ports.timers),
    },
    rootSecret: new Uint8Array(32).fill(77),
    version: '0.0.0',
  })
}

function configOf(world: World, meters: number, options: SiteOptions): AgentConfig {
  const { domain } = world.ledger
  return v.parse(agentSchema, {
    fleet: 'acme',
    device: 'ev-1',
    gateway: {
      id: 'gw-1',
      url: 'mqtt://gateway',
      key: formatPublicKey(publicKeyOf(gatewayKey)),
    },
    ledger: {
      chainId: Number(domain.chainId),
      contract: bytesToHex(domain.verifyingContract),
    },
    fleetSigner: formatPublicKey(publicKeyOf(signerKey)),
    key: { file: 'device.key', passphraseEnv: 'PASS' },
    meters: Array.from({ length: meters }, (_, place) => ({
      name: meterName(place),
      unit: options.units?.[place] ?? 'Wh',
      driver: 'firmware-link',
      source: `serial:///dev/meter${place}`,
      ...options.meterConfig,
    })),
    ...options.agentConfig,
  })
}

/** The device's own clock, and timers that fall silent when it crashes. */
function agentPorts(site: Site, isMine: () => boolean, seed: number): Ports {
  const { ports } = site.world
  const guarded = (run: () => void) => () => {
    if (isMine()) run()
  }
  const clock: Clock = {
    nowMs: () => ports.clock.nowMs() + site.clockErrorMs,
    monotonicMs: ports.clock.monotonicMs,
  }
  const timers: Timers = {
    after: (delayMs, run) => ports.timers.after(delayMs, guarded(run)),
    every: (periodMs, run) => ports.timers.every(periodMs, guarded(run)),
    soon: (run) => ports.timers.soon(guarded(run)),
  }
  return {
    clock,
    timers,
    random: seededRandom(100 + seed),
    log: (level, message, fields) => {
      if (level === 'error') site.errors.push(`${message} ${JSON.stringify(fields ?? {})}`)
    },
  }
}

export type Books = {
  /** The meter's register now, less what it showed at the start. */
  readonly units: bigint
  readonly unitsPaid: bigint
  readonly unitsUnpaid: bigint
  readonly remainder: bigint
}

/** What meter, gateway and agent say of one meter, each from its own source. */
export async function booksOf(site: Site, place = 0): Promise<Books> {
  const channels = (await site.world.gateway.call('channels', {})) as readonly {
    readonly meter: string
    readonly unitsPaid: string
  }[]
  const channel = channels.find(({ meter }) => meter === meterName(place))
  const status = present(site.agent.status().meters[place], 'the meter is configured')
  return {
    units: present(site.meters[place], 'a meter').register() - 1_000n,
    unitsPaid: BigInt(channel?.unitsPaid ?? 0),
    unitsUnpaid: BigInt(status.unitsUnpaid),
    remainder: BigInt(status.remainder),
  }
}
