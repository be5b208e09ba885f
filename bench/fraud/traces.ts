/**
 * Runs the gateway's own watch over traces: of sound devices for false alarms, of each attack for
 * the time until it is found.
 * @module
 */
import { allLimits, createDeviceWatch, limitsOf } from '../../gateway/fraud/deviceWatch.ts'
import type { RuleName } from '../../gateway/fraud/rules.ts'
import type { Attack } from './attacks.ts'
import { attacks } from './attacks.ts'
import { createChance, seedOf } from './dice.ts'
import { createVirtualDevice, ROUND_SECONDS } from './virtualDevice.ts'

const DAY_SECONDS = 86_400
/** A Monday. */
const EPOCH_SECONDS = 20_458 * DAY_SECONDS
const ROUNDS_A_DAY = DAY_SECONDS / ROUND_SECONDS
const WARM_UP_ROUNDS = 360
const CLEAN_TRACE = 0
/** Households that charge a car. */
const CAR_SHARE = 0.3

/** False alarms of one sound device, by rule. */
export type Alarm = { readonly rule: RuleName; readonly day: number; readonly words: string }

export function watchSound(seed: number, days: number): readonly Alarm[] {
  const chance = createChance(seedOf(seed, CLEAN_TRACE))
  const device = createVirtualDevice(chance, {
    startSeconds: EPOCH_SECONDS,
    hasProvider: chance.happens(0.5),
    carShare: CAR_SHARE,
  })
  const watch = createDeviceWatch(allLimits())
  const alarms: Alarm[] = []
  for (let round = 0; round < days * ROUNDS_A_DAY; round++) {
    for (const { kind, rule, words } of watch(device.round())) {
      if (kind !== 'known') alarms.push({ rule, day: Math.floor(round / ROUNDS_A_DAY), words })
    }
  }
  return alarms
}

/** Seconds from the beginning of an attack to its finding; undefined when that was not in time. */
export function watchAttack(attack: Attack, seed: number): number | undefined {
  const chance = createChance(seedOf(seed, 1 + attacks.indexOf(attack)))
  const known = attack.knownDays ? attack.knownDays * ROUNDS_A_DAY : WARM_UP_ROUNDS
  const onsetSeconds = onsetOf(attack, chance.next())
  const untilSeconds = onsetSeconds + attack.withinSeconds
  const startSeconds = Math.floor(onsetSeconds / ROUND_SECONDS - known) * ROUND_SECONDS
  const device = createVirtualDevice(chance, {
    startSeconds,
    hasProvider: true,
    carShare: attack.hasNoCar ? 0 : CAR_SHARE,
  })
  const limits = attack.rules.map((rule) => [rule, limitsOf(rule)])
  const watch = createDeviceWatch(Object.fromEntries(limits))
  for (let round = 0; round < known; round++) watch(device.round())
  // It shows from the first whole round on; what it does before in its own one counts for nothing.
  let nowSeconds = startSeconds + known * ROUND_SECONDS
  for (let at = -1; nowSeconds < untilSeconds; at++) {
    if (at >= 0) attack.act(device.mischief, chance, at)
    const seen = device.round()
    nowSeconds = seen.atSeconds
    if (nowSeconds > untilSeconds) return undefined
    const found = watch(seen).some(({ kind }) => kind !== 'known')
    if (found && at >= 0) return nowSeconds - onsetSeconds
  }
  return undefined
}

/** On a day that is long after the first, at its hour or at any time. */
function onsetOf({ hour }: Attack, fraction: number): number {
  const day = EPOCH_SECONDS + 40 * DAY_SECONDS
  if (hour === undefined) return day + fraction * DAY_SECONDS
  return day + hour * 3_600 + fraction * ROUND_SECONDS
}
