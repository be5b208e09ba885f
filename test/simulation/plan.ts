/**
 * What happens in one simulated run: who is there and which faults come when. All of it follows
 * from the seed, and every fault carries its own chance, so leaving one out changes no other.
 * @module
 */
import { type Dice, diceFrom } from '../../firmware-sim/dice.ts'
import { plainSeedsMax, type Site, type WiderFaultKind, widen } from './wider.ts'

export const gatewayNames = ['gw-1', 'gw-2'] as const
export type GatewayName = (typeof gatewayNames)[number]

export type MeterPlan = {
  readonly name: string
  readonly unit: 'Wh' | 'mL'
  readonly ratePerSecond: number
}

export type DevicePlan = {
  readonly device: string
  readonly gateway: GatewayName
  readonly meters: readonly MeterPlan[]
}

/**
 * What can go wrong, and what people do meanwhile. The list stays as it is: another one would make
 * other plans of seeds that have found something.
 */
export const faultKinds = [
  'lose_messages',
  'repeat_messages',
  'delay_messages',
  'reorder_messages',
  'cut_connection',
  'crash_gateway',
  'crash_gateway_in_write',
  'fail_sync',
  'fill_disk',
  'crash_agent',
  'fail_agent_disk',
  'crash_ledger',
  'lose_ledger_answers',
  'cut_cable',
  'reboot_meter',
  'swap_meter',
  'clock_device',
  'clock_gateway',
  'clock_ledger',
  'change_tariff',
  'replace_device',
  'replace_meter',
  'withdraw',
  'back_up',
  'restore_backup',
  'crook',
  'crook',
  'crook',
  'gateway_lies',
  'settle',
  'pause',
  'mandate',
  'fund',
] as const
export type PlainFaultKind = (typeof faultKinds)[number]
export type FaultKind = PlainFaultKind | WiderFaultKind

export type Fault = {
  readonly kind: FaultKind
  readonly atMs: number
  readonly device: string
  readonly gateway: GatewayName
  readonly forMs: number
  /** Seed of whatever else it has to decide. */
  readonly chance: number
}

export type Plan = {
  readonly seed: number
  readonly devices: readonly DevicePlan[]
  readonly faults: readonly Fault[]
  /** The longest that one operation on a disk takes. */
  readonly operationMs: number
  readonly deposit: bigint
  readonly faultsBeginMs: number
  readonly faultsEndMs: number
  /** Undefined for the first seeds. */
  readonly site?: Site
}

const faultsBeginMs = 2_500
const faultsLastMs = 18_000

export function planOf(seed: number): Plan {
  const plan = plainPlanOf(seed)
  return seed > plainSeedsMax ? widen(plan) : plan
}

function plainPlanOf(seed: number): Plan {
  const dice = diceFrom(Math.imul(seed, 0x9e3779b1) ^ 0x5bd1e995)
  const devices = devicesOf(dice)
  const count = dice.between(4, 18)
  const faults = Array.from({ length: count }, () => faultOf(dice, devices))
  return {
    seed,
    devices,
    faults: [...faults, ...backupsFor(faults)].sort((a, b) => a.atMs - b.atMs),
    operationMs: dice.chance(0.2) ? 150 : dice.between(0, 25),
    deposit: BigInt(dice.chance(0.2) ? 40 : dice.between(1, 10)) * 1_000n,
    faultsBeginMs,
    faultsEndMs: faultsBeginMs + faultsLastMs,
  }
}

/** What is restored was backed up some time before. */
function backupsFor(faults: readonly Fault[]): readonly Fault[] {
  return faults
    .filter(({ kind }) => kind === 'restore_backup')
    .map((fault) => {
      const atMs = Math.max(faultsBeginMs, fault.atMs - 500 - (fault.chance % 5_000))
      return { ...fault, kind: 'back_up', atMs }
    })
}

function devicesOf(dice: Dice): readonly DevicePlan[] {
  const meter = (name: string): MeterPlan => ({
    name,
    unit: dice.chance(0.5) ? 'Wh' : 'mL',
    ratePerSecond: dice.between(3, 25),
  })
  const charger = { device: 'charger', gateway: 'gw-1', meters: [meter('main')] } as const
  const pump = { device: 'pump', gateway: 'gw-2', meters: [meter('main')] } as const
  const dryer = {
    device: 'dryer',
    gateway: dice.chance(0.7) ? 'gw-1' : 'gw-2',
    meters: [meter('power'), meter('water')],
  } as const
  return [charger, dryer, pump]
}

function faultOf(dice: Dice, devices: readonly DevicePlan[]): Fault {
  const kind = faultKinds[dice.between(0, faultKinds.length - 1)] ?? 'settle'
  const device = devices[dice.between(0, devices.length - 1)]
  const atMs = faultsBeginMs + dice.between(0, faultsLastMs - 2_000)
  const forMs = Math.min(dice.between(0, 6_000), faultsBeginMs + faultsLastMs - atMs)
  return {
    kind,
    atMs,
    device: device?.device ?? 'charger',
    gateway: dice.chance(0.7) ? 'gw-1' : 'gw-2',
    forMs,
    chance: dice.between(1, 0x7fffffff),
  }
}
