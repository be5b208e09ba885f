/**
 * What later seeds have beside the plan of the first ones: settlement by statement with a fleet
 * that co-signs, slow keys, limits of a device's own, the product's own firmware, and more faults.
 * Seeds up to `plainSeedsMax` stay as they were, so what was found with them is found again.
 * @module
 */
import { type Dice, diceFrom } from '../../firmware-sim/dice.ts'
import type { Fault, GatewayName, Plan } from './plan.ts'

/** The last seed without any of it. */
export const plainSeedsMax = 1_000

export const widerFaultKinds = [
  'fleet_refuses',
  'fleet_sits',
  'change_settlement',
  'outlast_statement',
  'lie_at_ledger',
  'lie_at_ledger',
  'early_withdrawal',
  'position_again',
  'replay_login',
  'agent_away',
  'wider_crook',
  'wider_crook',
] as const
export type WiderFaultKind = (typeof widerFaultKinds)[number]

/** How the site of a later seed differs. */
export type Site = {
  /** Seconds that the fleet has to co-sign, for gateways that settle by statement. */
  readonly cosignSeconds: ReadonlyMap<GatewayName, number>
  /** The longest that a key takes to sign, in milliseconds, for devices whose key is slow. */
  readonly signMs: ReadonlyMap<string, number>
  /** What a device allows itself in an hour, for each of its meters. */
  readonly amountPerHour: ReadonlyMap<string, bigint>
  readonly pricePerTickMax: bigint
  /** Devices whose meters run the product's own firmware. */
  readonly firmware: ReadonlySet<string>
}

export function widen(plan: Plan): Plan {
  const dice = diceFrom(Math.imul(plan.seed, 0x85ebca6b) ^ 0x27d4eb2f)
  const devices = plan.devices.map(({ device }) => device)
  const site = siteOf(dice, devices)
  const count = dice.between(2, 7)
  const more = Array.from({ length: count }, () => faultOf(dice, plan, devices))
  const faults = [...plan.faults, ...more].sort((a, b) => a.atMs - b.atMs)
  return { ...plan, faults, site }
}

function siteOf(dice: Dice, devices: readonly string[]): Site {
  const cosigning: readonly (readonly [GatewayName, number])[] = [
    ['gw-1', dice.chance(0.7) ? dice.between(2, 6) : 0],
    ['gw-2', dice.chance(0.5) ? dice.between(2, 6) : 0],
  ]
  const slow = devices.filter(() => dice.chance(0.3))
  const limited = devices.filter(() => dice.chance(0.2))
  return {
    cosignSeconds: new Map(cosigning.filter(([, seconds]) => seconds > 0)),
    signMs: new Map(slow.map((device) => [device, dice.between(50, 1_500)])),
    amountPerHour: new Map(limited.map((device) => [device, BigInt(dice.between(20, 200))])),
    pricePerTickMax: 4n,
    firmware: new Set(devices.filter(() => dice.chance(0.4))),
  }
}

function faultOf(dice: Dice, { faultsBeginMs, faultsEndMs }: Plan, devices: readonly string[]) {
  const kind = widerFaultKinds[dice.between(0, widerFaultKinds.length - 1)] ?? 'lie_at_ledger'
  const atMs = dice.between(faultsBeginMs, faultsEndMs - 4_000)
  const fault: Fault = {
    kind,
    atMs,
    device: devices[dice.between(0, devices.length - 1)] ?? 'charger',
    gateway: dice.chance(0.7) ? 'gw-1' : 'gw-2',
    forMs: Math.min(dice.between(1_500, 9_000), faultsEndMs - atMs),
    chance: dice.between(1, 0x7fffffff),
  }
  return fault
}
