/**
 * A real agent and a simulated meter on virtual time. Both can be killed: nothing that a dead one
 * had begun goes on, and what was not on its disk is gone.
 * @module
 */
import * as v from 'valibot'
import { type Agent, type AgentWorld, startAgent } from '../../agent/agent.ts'
import { type AgentConfig, agentSchema } from '../../agent/config.ts'
import type { MeterStatus } from '../../agent/status.ts'
import { type MeterSimKind, meterSetup, parseMeterSimConfig } from '../../firmware-sim/config.ts'
import { register } from '../../firmware-sim/meter.ts'
import { restoreMeter } from '../../firmware-sim/saved.ts'
import { type MeterSim, type OpenLines, startMeterSim } from '../../firmware-sim/simulator.ts'
import type { Clock, Connector, Ports } from '../../ports/index.ts'
import { formatPublicKey } from '../../ports/keyText.ts'
import { present } from '../../protocol/assert.ts'
import { bytesToHex } from '../../protocol/bytes.ts'
import { type PrivateKey, publicKeyOf, signDigest } from '../../protocol/keys.ts'
import type { Mandate } from '../../protocol/structures.ts'
import { memoryDisk } from './memoryDisk.ts'
import { virtualPlug } from './meterBench.ts'
import { enrolTestDevice, gatewayKey, seededRandom, testKey, type World } from './virtualGateway.ts'

export type DevicePlan = {
  readonly device: string
  readonly kind?: MeterSimKind
  readonly unit?: string
  /**
   * Fields of the simulated meter; a steady load of one unit a second unless they say otherwise.
   */
  readonly meter?: Parameters<typeof parseMeterSimConfig>[0]
  /** Fields of the agent's meter. */
  readonly agentMeter?: Readonly<Record<string, unknown>>
  readonly mandate?: Partial<Mandate>
  /** What is wrong with the device's wall clock. */
  readonly clockErrorMs?: number
}

export type SiteDevice = {
  readonly plan: DevicePlan
  readonly channelId: Uint8Array
  readonly agent: Agent
  readonly meter: MeterSim
  /** What the agent says of its meter. */
  readonly status: () => MeterStatus
  /** kill -9 of the agent. */
  readonly kill: () => void
  /** Starts the agent again, killing it first where it still runs. */
  readonly restart: () => Promise<void>
  /** kill -9 of the meter; its relay opens with it. */
  readonly killMeter: () => void
  readonly restartMeter: () => Promise<void>
  /** Pulls the cable between them; it is plugged in again at the next try. */
  readonly cutCable: () => void
  /** The meter's register as a restart would find it, or as it is where no file keeps it. */
  readonly keptRegister: () => bigint
}

/** One run of a program. */
type Life = { isOver: boolean; readonly atEnd: (() => void)[] }

function newLife(): Life {
  return { isOver: false, atEnd: [] }
}

function end(life: Life): void {
  life.isOver = true
  for (const close of life.atEnd.splice(0)) close()
}

type Plug = ReturnType<typeof virtualPlug>

/** Enrols a device with one meter and starts both sides. */
export async function startDevice(
  world: World,
  plan: DevicePlan,
  place: number,
): Promise<SiteDevice> {
  const { device, unit = 'Wh' } = plan
  const key = testKey('p256', 31 + place)
  const meters = [{ meter: 'main', unit }]
  const [id] = await enrolTestDevice(world, device, key, meters, plan.mandate)
  const plug = virtualPlug(world.time)
  const meter = await meterOf(world, plan, place, plug)
  const agent = await agentOf(world, plan, place, plug, key)
  return {
    plan,
    channelId: present(id, 'a channel'),
    get agent() {
      return agent.running()
    },
    get meter() {
      return meter.running()
    },
    status: () => present(agent.running().status().meters[0], 'one meter'),
    kill: agent.kill,
    restart: agent.restart,
    killMeter: meter.kill,
    restartMeter: meter.restart,
    cutCable: plug.cut,
    keptRegister: meter.keptRegister,
  }
}

/** Timers that fall silent when the life is over. */
function mortalPorts(ports: Ports, life: Life): Ports {
  const { timers } = ports
  const guard = (run: () => void) => () => {
    if (!life.isOver) run()
  }
  return {
    ...ports,
    timers: {
      after: (delayMs, run) => timers.after(delayMs, guard(run)),
      every: (periodMs, run) => timers.every(periodMs, guard(run)),
      soon: (run) => timers.soon(guard(run)),
    },
  }
}

async function meterOf(world: World, plan: DevicePlan, place: number, plug: Plug) {
  const { device, unit = 'Wh', kind = 'firmware-link' } = plan
  const disk = memoryDisk()
  const config = parseMeterSimConfig({
    name: device,
    kind,
    line: `serial:///dev/${device}`,
    stateFile: 'register.json',
    profile: 'steady',
    unit,
    ratePerHour: 3_600,
    ...plan.meter,
  })
  let life = newLife()
  let unplug = async () => {}
  const openLines: OpenLines = async (source, onLine) => {
    const lines = await plug.openLines(source, onLine)
    unplug = lines.close
    return lines
  }
  const random = seededRandom(100 + place)
  const start = async () => {
    life = newLife()
    const ports = mortalPorts({ ...world.ports, random }, life)
    return startMeterSim(config, ports, { openLines, disk })
  }
  const kill = () => {
    end(life)
    void unplug()
    disk.crash()
  }
  let sim = await start()
  return {
    running: () => sim,
    kill,
    restart: async () => {
      kill()
      sim = await start()
    },
    keptRegister: () => {
      if (config.stateFile === undefined) return sim.register()
      const bytes = disk.bytes(config.stateFile)
      if (bytes === undefined) return config.initialRegister
      const state = restoreMeter(new TextDecoder().decode(bytes), meterSetup(config, 0))
      return register(present(state, 'a register'))
    },
  }
}

async function agentOf(world: World, plan: DevicePlan, place: number, plug: Plug, key: PrivateKey) {
  const disk = memoryDisk()
  const config = agentConfigOf(world, plan)
  const signer = {
    publicKey: publicKeyOf(key),
    sign: (digest: Uint8Array) => signDigest(key, digest),
  }
  const random = seededRandom(200 + place)
  let life = newLife()
  const start = async () => {
    const own = newLife()
    life = own
    const ports = { ...world.ports, clock: wrongBy(world.ports.clock, plan.clockErrorMs), random }
    const agentWorld: AgentWorld = {
      ports: mortalPorts(ports, own),
      connector: mortalConnector(world.broker.connect, own),
      openSerial: async (source) => {
        const line = await plug.openSerial(source)
        own.atEnd.push(() => void line.close())
        return line
      },
      disk,
      signer,
      rootSecret: new Uint8Array(32).fill(60 + place),
      version: 'test',
    }
    return startAgent(config, agentWorld)
  }
  const kill = () => {
    end(life)
    disk.crash()
  }
  let agent = await start()
  return {
    running: () => agent,
    kill,
    restart: async () => {
      kill()
      agent = await start()
    },
  }
}

function wrongBy(clock: Clock, errorMs = 0): Clock {
  return { ...clock, nowMs: () => clock.nowMs() + errorMs }
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

function agentConfigOf(world: World, plan: DevicePlan): AgentConfig {
  const { device, unit = 'Wh', kind = 'firmware-link' } = plan
  const { chainId, verifyingContract } = world.ledger.domain
  const key = formatPublicKey(publicKeyOf(gatewayKey))
  const source = `serial:///dev/${device}?baud=9600`
  return v.parse(agentSchema, {
    fleet: 'acme',
    device,
    gateway: { id: 'gw-1', url: 'mqtt://virtual', key },
    ledger: { chainId: Number(chainId), contract: `0x${bytesToHex(verifyingContract)}` },
    key: { file: 'device.key', passphraseFile: 'pass' },
    meters: [{ name: 'main', unit, driver: kind, source, ...plan.agentMeter }],
  })
}
