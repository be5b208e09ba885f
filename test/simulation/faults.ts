/**
 * How each fault of a plan comes about.
 * @module
 */
import { type Dice, diceFrom } from '../../firmware-sim/dice.ts'
import { bytesToHex } from '../../protocol/bytes.ts'
import type { DeviceActor } from './deviceActor.ts'
import { fleetName } from './fleet.ts'
import type { GatewayActor } from './gatewayActor.ts'
import type { Fault, FaultKind } from './plan.ts'
import type { Sky } from './sky.ts'
import type { SimWorld } from './world.ts'

type Scene = {
  readonly world: SimWorld
  readonly fault: Fault
  readonly dice: Dice
  readonly device: DeviceActor
  readonly gateway: GatewayActor
}

type Act = (scene: Scene) => Promise<void> | void

const acts: Readonly<Record<FaultKind, Act>> = {
  lose_messages: (scene) => addWeather(scene, 'lose'),
  repeat_messages: (scene) => addWeather(scene, 'repeat'),
  delay_messages: (scene) => addWeather(scene, 'delay'),
  reorder_messages: (scene) => addWeather(scene, 'reorder'),
  cut_connection: ({ device }) => device.gateway.network.cut(device.plan.device),
  crash_gateway: ({ gateway, fault, dice }) => gateway.crash(fault.forMs, dice),
  crash_gateway_in_write: ({ gateway, fault, dice }) =>
    gateway.crashInWrite(dice.between(1, 12), fault.forMs, dice),
  fail_sync: ({ gateway, dice }) => {
    gateway.mayFail = true
    const skip = dice.between(0, 3)
    gateway.disk.fail({ operation: 'sync', code: 'EIO', path: 'journal', skip })
  },
  fill_disk: (scene) => fillDisk(scene),
  crash_agent: ({ device, fault }) => device.crash(fault.forMs),
  fail_agent_disk: ({ device }) => {
    device.disk.fail({ operation: 'replace', code: 'EIO', times: 2 })
  },
  crash_ledger: ({ world }) => world.ledger.restart(),
  lose_ledger_answers: ({ world, fault }) => {
    world.ledger.lossShare = 0.5
    world.ports.timers.after(fault.forMs, () => {
      world.ledger.lossShare = 0
    })
  },
  cut_cable: ({ device }) => {
    for (const meter of device.meters.values()) meter.cut()
  },
  settle: async ({ gateway }) => {
    await gateway.call('settle', {})
  },
  pause: async ({ world, device, fault }) => {
    const name = { fleet: fleetName, device: device.plan.device }
    await device.gateway.call('pause', name)
    world.ports.timers.after(fault.forMs, () => {
      device.gateway.call('resume', name).catch(() => undefined)
    })
  },
  mandate: async ({ world, device, dice }) => {
    const limit = BigInt(dice.between(1, 400)) * 100n
    const now = Math.floor(world.ports.clock.nowMs() / 1_000)
    const expiry = now + dice.between(5, 86_400)
    await world.fleet.allow(device.gateway, openChannels(device), { limit, expiry })
  },
  fund: async ({ world, gateway, dice }) => {
    await world.fleet.fund(gateway, BigInt(dice.between(1, 5_000)))
  },
}

/** Lets one fault happen; what fails because something is away is no matter. */
export async function strike(world: SimWorld, fault: Fault): Promise<void> {
  const device = world.devices.find(({ plan }) => plan.device === fault.device)
  const gateway = world.gateways.find(({ name }) => name === fault.gateway)
  if (!device || !gateway) return
  world.record.note(`fault ${fault.kind} ${fault.device} ${fault.gateway} ${fault.forMs}`)
  const dice = diceFrom(fault.chance)
  try {
    await acts[fault.kind]({ world, fault, dice, device, gateway })
  } catch (error) {
    const isBug = error instanceof Error && error.name !== 'OperatorError' && !isAway(error)
    if (isBug) world.record.violate('nothing fails by itself', `${fault.kind}: ${error}`)
  }
}

/** True for what is said when the ledger or a disk does not answer. */
export function isAway(error: unknown): boolean {
  return /ledger (is away|cannot be reached)|answer of the ledger|injected fault/.test(
    String(error),
  )
}

function addWeather({ world, fault, dice }: Scene, kind: Parameters<Sky['add']>[0]['kind']): void {
  const device = dice.chance(0.3) ? undefined : fault.device
  const share = dice.between(10, 100) / 100
  world.sky.add({ kind, device, share, forMs: fault.forMs, dice })
}

function fillDisk({ gateway, world, fault, dice }: Scene): void {
  gateway.mayFail = true
  if (dice.chance(0.5)) {
    gateway.disk.setFreeShare(0.01)
  } else {
    const used = gateway.disk.paths().reduce((sum, path) => {
      return sum + (gateway.disk.bytes(path)?.length ?? 0)
    }, 0)
    gateway.disk.setCapacity(used + dice.between(0, 600))
  }
  world.ports.timers.after(fault.forMs, () => freeDisk(gateway))
}

export function freeDisk(gateway: GatewayActor): void {
  gateway.disk.setFreeShare(undefined)
  gateway.disk.setCapacity(Number.POSITIVE_INFINITY)
}

/** The channels that a device's slots lead to now, as its gateway has them. */
export function openChannels(device: DeviceActor): readonly string[] {
  const core = device.gateway.running()?.core
  const record = core?.state.cold.device(fleetName, device.plan.device)
  return (record?.channels ?? []).map((channel) =>
    bytesToHex(core?.state.cold.channel(channel).channelId ?? new Uint8Array(0)),
  )
}
