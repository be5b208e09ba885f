/**
 * A site on virtual time: the real gateway with its ledger, real agents, and simulated meters at
 * the end of virtual cables.
 * @module
 */
import * as v from 'valibot'
import { type Agent, type AgentWorld, startAgent } from '../../agent/agent.ts'
import { type AgentConfig, agentSchema } from '../../agent/config.ts'
import { loadModbus } from '../../agent/meters/modbusMaster.ts'
import type { MeterStatus } from '../../agent/status.ts'
import { type MeterSimKind, meterSetup, parseMeterSimConfig } from '../../firmware-sim/config.ts'
import { register } from '../../firmware-sim/meter.ts'
import { restoreMeter } from '../../firmware-sim/saved.ts'
import { type MeterSim, startMeterSim } from '../../firmware-sim/simulator.ts'
import type { GatewayConfig } from '../../gateway/config.ts'
import type { Clock, Connector } from '../../ports/index.ts'
import { formatPublicKey } from '../../ports/keyText.ts'
import { present } from '../../protocol/assert.ts'
import { bytesToHex } from '../../protocol/bytes.ts'
import { publicKeyOf, signDigest } from '../../protocol/keys.ts'
import type { Mandate } from '../../protocol/structures.ts'
import { memoryDisk } from './memoryDisk.ts'
import { virtualPlug } from './meterBench.ts'
import { type Books, settledBy } from './siteFigures.ts'
import {
  enrolTestDevice,
  enrolTestFleet,
  gatewayKey,
  seededRandom,
  testConfig,
  testKey,
  virtualWorld,
  type World,
} from './virtualGateway.ts'

export type DevicePlan = {
  readonly device: string
  readonly kind?: MeterSimKind
  readonly unit?: string
  /** Fields of the simulated meter; a steady load of one unit a second unless they say otherwise. */
  readonly meter?: Parameters<typeof parseMeterSimConfig>[0]
  /** Fields of the agent's meter. */
  readonly agentMeter?: Readonly<Record<string, unknown>>
  readonly agent?: Readonly<Record<string, unknown>>
  readonly mandate?: Partial<Mandate>
  /** Wall clock of the device. */
  readonly clock?: Clock
}

export type SiteDevice = {
  readonly plan: DevicePlan
  readonly channelId: Uint8Array
  readonly meter: MeterSim
  agent: Agent
  /** Units that flowed since the meter was built, whatever anybody counted. */
  readonly flowed: () => bigint
  /** What the agent says of its meter. */
  readonly status: () => MeterStatus
  /** kill -9 of the agent: nothing it does arrives any more. */
  readonly kill: () => void
  readonly restart: () => Promise<void>
  /** The meter's register as a restart would find it. */
  readonly keptRegister: () => bigint
}

export type VirtualSite = {
  readonly world: World
  readonly devices: readonly SiteDevice[]
  readonly device: (name: string) => SiteDevice
  /** The gateway's counters. */
  readonly counters: () => Promise<GatewayCounters>
  /** The gateway's report of one device's channel. */
  readonly channel: (device: string) => Promise<ChannelView>
  readonly advanceSeconds: (seconds: number) => Promise<void>
  /** Moves time on in steps of `stepMs` until it is so; fails after `limitSeconds`. */
  readonly until: (
    what: string,
    isSo: () => boolean | Promise<boolean>,
    limitSeconds?: number,
  ) => Promise<void>
  /** Runs what waits for virtual time. */
  readonly during: <T>(work: Promise<T>) => Promise<T>
  /** Stops the agents, then the meters, settles, and reads all books. */
  readonly close: () => Promise<Books>
}

export type GatewayCounters = {
  readonly accepted: number
  readonly acceptedAmount: string
  readonly settled: string
  readonly unsettled: string
  readonly settlements: number
  readonly refused: Readonly<Record<string, number>>
  readonly ledgerSum: string
  readonly signatures: {
    readonly connects: number
    readonly times: number
    readonly tariffs: number
    readonly commitments: {
      readonly opened: number
      readonly renewals: number
      readonly checkpoints: number
    }
  }
}

export type ChannelView = {
  readonly epoch: number
  readonly index: number
  readonly startReading: string
  readonly unitsPaid: string
  readonly paid: string
  readonly settled: string
  readonly reserved: string
  readonly creditUnits: string
  readonly supply: string
  readonly reason: string
}

export type SitePlan = {
  readonly config?: Partial<GatewayConfig>
  readonly deposit?: bigint
  readonly devices: readonly DevicePlan[]
}

const stepMs = 50

/** Builds it and starts everything; time has not moved yet, so nothing is connected. */
export async function virtualSite(plan: SitePlan): Promise<VirtualSite> {
  // Loading a module takes real time, which virtual time would not wait for.
  await loadModbus()
  const world = await virtualWorld(testConfig(plan.config))
  await world.time.advance(0)
  await enrolTestFleet(world, plan.deposit)
  const devices: SiteDevice[] = []
  for (const one of plan.devices) devices.push(await startDevice(world, one, devices.length))
  const call = async (verb: string, args: unknown) => world.gateway.call(verb, args)
  const site: VirtualSite = {
    world,
    devices,
    device: (name) =>
      present(
        devices.find(({ plan: own }) => own.device === name),
        name,
      ),
    counters: async () => (await call('status', {})) as GatewayCounters,
    channel: async (device) => {
      const [channel] = (await call('channels', { fleet: 'acme', device })) as ChannelView[]
      return present(channel, `a channel of ${device}`)
    },
    advanceSeconds: (seconds) => world.time.advance(seconds * 1_000),
    until: async (what, isSo, limitSeconds = 60) => {
      for (let passedMs = 0; passedMs < limitSeconds * 1_000; passedMs += stepMs) {
        if (await isSo()) return
        await world.time.advance(stepMs)
      }
      throw new Error(`${what}: not within ${limitSeconds} s`)
    },
    during: async (work) => {
      let done = false
      const watched = work.finally(() => {
        done = true
      })
      watched.catch(() => undefined)
      while (!done) await world.time.advance(stepMs)
      return watched
    },
    close: async () => {
      await site.during(Promise.all(devices.map(({ agent }) => agent.close())))
      await site.during(Promise.all(devices.map(({ meter }) => meter.close())))
      await site.during(world.gateway.settle())
      return booksOf(site)
    },
  }
  return site
}

/** All books, each from its own source. */
export async function booksOf(site: VirtualSite): Promise<Books> {
  const { world } = site
  const { acceptedAmount, unsettled, ledgerSum } = await site.counters()
  const pages = { limit: 10_000 }
  const { entries } = (await world.gateway.call('ledger_entries', pages)) as EntriesPage
  const devices = site.devices.map(async (one) => {
    const { device, meter, unit = 'Wh' } = one.plan
    const channel = await site.channel(device)
    const tariff = present(
      world.gateway.core.config.tariffs.find((each) => each.unit === unit),
      'a tariff',
    )
    const unitsPaid = BigInt(channel.unitsPaid)
    return {
      device,
      units: one.keptRegister() - BigInt(String(meter?.initialRegister ?? 0)),
      unitsPaid,
      unitsUnpaid: BigInt(one.status().unitsUnpaid),
      creditUnits: BigInt(channel.creditUnits),
      unitsPerTick: tariff.unitsPerTick,
      paid: BigInt(channel.paid),
      due: (unitsPaid / tariff.unitsPerTick) * tariff.pricePerTick,
    }
  })
  return {
    devices: await Promise.all(devices),
    accepted: BigInt(acceptedAmount),
    settled: settledBy(entries),
    unsettled: BigInt(unsettled),
    ledgerSum: BigInt(ledgerSum),
  }
}

type EntriesPage = { readonly entries: Parameters<typeof settledBy>[0] }

async function startDevice(world: World, plan: DevicePlan, place: number): Promise<SiteDevice> {
  const { device, unit = 'Wh', kind = 'firmware-link' } = plan
  const key = testKey('p256', 31 + place)
  const meters = [{ meter: 'main', unit }]
  const [id] = await enrolTestDevice(world, device, key, meters, plan.mandate)
  const plug = virtualPlug(world.time)
  const meterDisk = memoryDisk()
  const simConfig = parseMeterSimConfig({
    name: device,
    kind,
    line: `serial:///dev/${device}`,
    stateFile: 'register.json',
    profile: 'steady',
    unit,
    ratePerHour: 3_600,
    ...plan.meter,
  })
  const meterPorts = { ...world.ports, random: seededRandom(100 + place) }
  const meter = await startMeterSim(simConfig, meterPorts, {
    openLines: plug.openLines,
    disk: meterDisk,
  })
  const disk = memoryDisk()
  const config = agentConfigOf(world, plan, kind, unit)
  let life = new AbortController()
  const start = async () => {
    life = new AbortController()
    const signer = {
      publicKey: publicKeyOf(key),
      sign: (digest: Uint8Array) => signDigest(key, digest),
    }
    const agentWorld: AgentWorld = {
      ports: { ...world.ports, clock: plan.clock ?? world.ports.clock },
      connector: world.broker.connect,
      openSerial: plug.openSerial,
      disk,
      signer,
      rootSecret: new Uint8Array(32).fill(60 + place),
      version: 'test',
    }
    return startAgent(config, mortal(agentWorld, life.signal))
  }
  const self: SiteDevice = {
    plan,
    channelId: present(id, 'a channel'),
    meter,
    agent: await start(),
    flowed: meter.supplied,
    status: () => present(self.agent.status().meters[0], 'one meter'),
    kill: () => life.abort(),
    restart: async () => {
      life.abort()
      self.agent = await start()
    },
    keptRegister: () => {
      const bytes = present(meterDisk.bytes('register.json'), 'a register file')
      const state = restoreMeter(new TextDecoder().decode(bytes), meterSetup(simConfig, 0))
      return register(present(state, 'a register'))
    },
  }
  return self
}

function agentConfigOf(world: World, plan: DevicePlan, kind: string, unit: string): AgentConfig {
  const { chainId, verifyingContract } = world.ledger.domain
  const key = formatPublicKey(publicKeyOf(gatewayKey))
  return v.parse(agentSchema, {
    fleet: 'acme',
    device: plan.device,
    gateway: { id: 'gw-1', url: 'mqtt://virtual', key },
    ledger: { chainId: Number(chainId), contract: `0x${bytesToHex(verifyingContract)}` },
    key: { file: 'device.key', passphraseFile: 'pass' },
    meters: [
      {
        name: 'main',
        unit,
        driver: kind,
        source: `serial:///dev/${plan.device}?baud=9600`,
        ...plan.agentMeter,
      },
    ],
    ...plan.agent,
  })
}

/** The same world, which stops at once for a process that is killed. */
function mortal(world: AgentWorld, death: AbortSignal): AgentWorld {
  const { timers } = world.ports
  const guard = (run: () => void) => () => {
    if (!death.aborted) run()
  }
  const connector: Connector = async (options) => {
    const transport = await world.connector(options)
    // The operating system closes what a killed process had open; its will is published.
    if (death.aborted) void transport.close()
    else death.addEventListener('abort', () => void transport.close())
    return transport
  }
  return {
    ...world,
    connector,
    openSerial: async (source) => {
      const line = await world.openSerial(source)
      death.addEventListener('abort', () => void line.close())
      return line
    },
    ports: {
      ...world.ports,
      timers: {
        after: (delayMs, run) => timers.after(delayMs, guard(run)),
        every: (periodMs, run) => timers.every(periodMs, guard(run)),
        soon: (run) => timers.soon(guard(run)),
      },
    },
  }
}
