/**
 * How each fault of a plan comes about.
 * @module
 */
import { type Dice, diceFrom } from '../../firmware-sim/dice.ts'
import { present } from '../../protocol/assert.ts'
import { bytesToHex } from '../../protocol/bytes.ts'
import { START_MS, testKey } from '../support/virtualGateway.ts'
import type { DeviceActor } from './deviceActor.ts'
import { fleetName } from './fleet.ts'
import type { GatewayActor } from './gatewayActor.ts'
import type { SkewedClock } from './life.ts'
import type { Fault, PlainFaultKind } from './plan.ts'
import type { Sky } from './sky.ts'
import { widerActs } from './widerFaults.ts'
import type { SimWorld } from './world.ts'

export type Scene = {
  readonly world: SimWorld
  readonly fault: Fault
  readonly dice: Dice
  readonly device: DeviceActor
  readonly gateway: GatewayActor
}

type Act = (scene: Scene) => Promise<void> | void

const acts: Readonly<Record<PlainFaultKind, Act>> = {
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
  reboot_meter: ({ world, device, dice }) => {
    for (const [name, meter] of device.meters) {
      const keepsRegister = dice.chance(0.6)
      meter.reboot(keepsRegister)
      if (!keepsRegister) world.invariants.registerLost(device, name)
    }
  },
  swap_meter: ({ world, device, dice }) => {
    for (const [name, meter] of device.meters) {
      meter.swap(BigInt(dice.between(0, 20_000)))
      world.invariants.registerLost(device, name)
    }
  },
  clock_device: (scene) => skew(scene, scene.device.clock),
  clock_gateway: (scene) => {
    skew(scene, scene.gateway.clock)
    // Devices that took over its time ask for it only when they connect again.
    const { devices, ports } = scene.world
    ports.timers.after(scene.fault.forMs, () => {
      for (const { plan } of devices) scene.gateway.network.cut(plan.device)
    })
  },
  clock_ledger: ({ world, dice, fault }) => {
    const isFar = dice.chance(0.3)
    world.ledger.clock.offsetMs = isFar
      ? dice.between(8, 12) * 86_400_000
      : dice.between(-7_200_000, 3_600_000)
    world.ports.timers.after(fault.forMs, () => {
      world.ledger.clock.offsetMs = 0
    })
  },
  change_tariff: (scene) => changeTariff(scene),
  replace_device: async ({ world, device, dice }) => {
    const place = dice.between(0, 3)
    const key = testKey('ed25519', 41 + place + 7 * world.devices.indexOf(device))
    await world.fleet.replace(device.gateway, device.plan.device, { key })
    device.giveKey(key, place)
    device.crash(dice.between(0, 2_000))
  },
  replace_meter: async ({ world, device, dice }) => {
    const [name, meter] = [...device.meters][0] ?? []
    if (name === undefined || !meter) return
    await world.fleet.replace(device.gateway, device.plan.device, { meter: name })
    if (dice.chance(0.5)) return
    meter.swap(BigInt(dice.between(0, 20_000)))
    world.invariants.registerLost(device, name)
  },
  withdraw: async ({ gateway, dice }) => {
    const amount = `${dice.between(1, 3_000)}`
    await gateway.call('ledger_withdraw', { fleet: fleetName, amount })
  },
  back_up: ({ world, gateway }) => {
    if (gateway.running()) world.backups.set(gateway.name, backUp(gateway))
  },
  restore_backup: async ({ world, gateway }) => {
    const backup = world.backups.get(gateway.name)
    if (backup) await gateway.replaceStore(() => restore(gateway, backup))
  },
  crook: ({ world, dice }) => world.crook.act(dice),
  gateway_lies: ({ world, gateway, dice, fault }) => {
    gateway.liar.dice = dice
    // Most of what it can lie about is told when a session begins.
    for (const { plan } of world.devices) gateway.network.cut(plan.device)
    world.ports.timers.after(fault.forMs, () => {
      gateway.liar.dice = undefined
      // Whoever was lied to has to be told the truth once.
      for (const { plan } of world.devices) gateway.network.cut(plan.device)
    })
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

function skew({ world, dice, fault }: Scene, clock: SkewedClock): void {
  const day = 86_400_000
  const choices = [
    dice.between(-300_000, 300_000),
    dice.between(-3_600_000, 3_600_000),
    -START_MS,
    dice.between(1, 10) * day,
  ]
  clock.offsetMs = choices[dice.between(0, choices.length - 1)] ?? 0
  world.ports.timers.after(fault.forMs, () => {
    clock.offsetMs = 0
  })
}

/** A new price in a few seconds, known to everybody after a restart of the gateway. */
function changeTariff({ world, gateway, dice, fault }: Scene): void {
  const unit = dice.chance(0.5) ? 'Wh' : 'mL'
  const { tariffs } = gateway.config
  const last = tariffs.findLast((one) => one.unit === unit)
  if (!last) return
  const validFrom = Math.floor(world.ports.clock.nowMs() / 1_000) + dice.between(1, 6)
  if (validFrom <= last.validFrom) return
  const next = { ...last, validFrom, pricePerTick: BigInt(dice.between(1, 6)) }
  const others = tariffs.map((one) => (one === last ? { ...one, validUntil: validFrom } : one))
  gateway.config = { ...gateway.config, tariffs: [...others, next] }
  gateway.crash(Math.min(fault.forMs, 500), dice)
}

export type Backup = {
  readonly files: ReadonlyMap<string, Uint8Array>
  readonly cold: ReturnType<GatewayActor['cold']['entries']>
}

export function backUp({ disk, cold }: GatewayActor): Backup {
  const files = disk.paths().map((path) => [path, present(disk.bytes(path), path)] as const)
  return { files: new Map(files), cold: cold.entries() }
}

export async function restore({ disk, cold }: GatewayActor, backup: Backup): Promise<void> {
  for (const path of disk.paths()) await disk.remove(path)
  for (const [path, bytes] of backup.files) disk.put(path, bytes)
  await cold.refill(backup.cold)
}

/** Lets one fault happen; what fails because something is away is no matter. */
export async function strike(world: SimWorld, fault: Fault): Promise<void> {
  const device = world.devices.find(({ plan }) => plan.device === fault.device)
  const gateway = world.gateways.find(({ name }) => name === fault.gateway)
  if (!device || !gateway) return
  world.record.note(`fault ${fault.kind} ${fault.device} ${fault.gateway} ${fault.forMs}`)
  const dice = diceFrom(fault.chance)
  try {
    const every: Readonly<Record<string, Act>> = { ...acts, ...widerActs }
    await every[fault.kind]?.({ world, fault, dice, device, gateway })
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
