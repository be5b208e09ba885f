/**
 * Load profiles that look like life. A profile tells its story in episodes (one charging session,
 * one shower, one download); an episode is a list of straight segments. Rates are base units per
 * hour: Wh/h (that is W), mL/h, kB/h.
 * @module
 */
import type { LinkUnit } from '../protocol/frameMessages.ts'
import { type Dice, diceFrom } from './dice.ts'

/** Flow that goes from one rate to another in a straight line. */
export type Segment = {
  readonly durationMs: number
  readonly fromRate: number
  readonly toRate: number
}

export type ProfileKind = 'ev' | 'household' | 'water' | 'data' | 'steady'

export type Profile = {
  readonly kind: ProfileKind
  readonly unit: LinkUnit
  /** Rate of `steady`; the others make their own. */
  readonly ratePerHour: number
}

export type Episode = { readonly segments: readonly Segment[]; readonly random: number }

const secondMs = 1000
const minuteMs = 60 * secondMs
const hourMs = 60 * minuteMs

type ProfileRules = {
  readonly unit: LinkUnit
  /** Whether the story waits while supply is off: a car wants its charge, a shower is over. */
  readonly waits: boolean
  readonly tell: (dice: Dice, dayMs: number) => readonly Segment[]
}

const profileRules: Readonly<Record<Exclude<ProfileKind, 'steady'>, ProfileRules>> = {
  ev: { unit: 'Wh', waits: true, tell: chargingSession },
  household: { unit: 'Wh', waits: false, tell: householdMinutes },
  water: { unit: 'mL', waits: false, tell: drawOff },
  data: { unit: 'kB', waits: true, tell: burst },
}

/** The profile of that kind in its usual unit; `steady` needs a unit and a rate instead. */
export function usualProfile(kind: Exclude<ProfileKind, 'steady'>): Profile {
  return { kind, unit: profileRules[kind].unit, ratePerHour: 0 }
}

export function profileWaits(profile: Profile): boolean {
  return profile.kind === 'steady' ? true : profileRules[profile.kind].waits
}

/** What happens next, at `dayMs` after midnight, drawn from the dice state `random`. */
export function nextEpisode(profile: Profile, random: number, dayMs: number): Episode {
  if (profile.kind === 'steady') return { segments: [level(hourMs, profile.ratePerHour)], random }
  const dice = diceFrom(random)
  const segments = profileRules[profile.kind].tell(dice, dayMs)
  return { segments, random: dice.state() }
}

function level(durationMs: number, rate: number): Segment {
  return { durationMs, fromRate: rate, toRate: rate }
}

/** Ramp, power that wavers a little, taper as the battery fills, then nobody for a while. */
function chargingSession(dice: Dice): readonly Segment[] {
  const watts = [3_680, 7_360, 11_000, 22_000][dice.between(0, 3)] ?? 11_000
  const segments: Segment[] = [
    { durationMs: dice.between(8, 20) * secondMs, fromRate: 1_400, toRate: watts },
  ]
  for (let minutes = dice.between(15, 55); minutes > 0; minutes--) {
    segments.push(level(minuteMs, Math.round((watts * dice.between(985, 1_000)) / 1_000)))
  }
  const low = Math.round(watts / 12)
  segments.push({ durationMs: dice.between(6, 18) * minuteMs, fromRate: watts, toRate: low })
  segments.push(level(dice.between(1, 4) * minuteMs, low))
  segments.push(level(dice.between(2, 20) * minuteMs, 0))
  return segments
}

/** Watts of a home by the hour, without its fridge and its kettles. */
const homeWattsByHour = [
  110, 100, 95, 95, 100, 130, 320, 480, 360, 240, 220, 260, 420, 300, 220, 220, 280, 520, 780, 720,
  560, 430, 280, 160,
]

/** A few minutes at home: the hour's usual load, the fridge now and then, a kettle or an oven. */
function householdMinutes(dice: Dice, dayMs: number): readonly Segment[] {
  const usual = homeWattsByHour[Math.floor(dayMs / hourMs) % 24] ?? 200
  const base = Math.round((usual * dice.between(80, 125)) / 100)
  const fridge = dice.chance(0.4) ? dice.between(85, 120) : 0
  const segments = [level(dice.between(60, 240) * secondMs, base + fridge)]
  const busy = usual > 300 ? 0.18 : 0.05
  if (dice.chance(busy)) {
    segments.push(level(dice.between(90, 200) * secondMs, base + dice.between(1_800, 2_200)))
  }
  if (dice.chance(busy / 3)) {
    segments.push(level(dice.between(5, 20) * minuteMs, base + dice.between(1_200, 2_600)))
  }
  return segments
}

const litrePerMinute = 60_000

/** One use of water and the pause before the next: tap, toilet, shower, washing machine. */
function drawOff(dice: Dice, dayMs: number): readonly Segment[] {
  const night = dayMs < 6 * hourMs || dayMs > 23 * hourMs
  const pause = level(dice.between(20, night ? 3_600 : 240) * secondMs, 0)
  const what = dice.between(1, 100)
  if (what <= 55) return [...opened(dice, dice.between(5, 45) * secondMs, 4, 8), pause]
  if (what <= 80) return [...opened(dice, 60 * secondMs, 6, 7), pause]
  if (what <= 94) return [...opened(dice, dice.between(180, 480) * secondMs, 7, 11), pause]
  return [...opened(dice, dice.between(90, 150) * secondMs, 8, 10), pause]
}

/** A valve that opens in half a second, flows, and closes as quickly. */
function opened(dice: Dice, durationMs: number, lowLitres: number, highLitres: number): Segment[] {
  const rate = Math.round((dice.between(lowLitres * 10, highLitres * 10) * litrePerMinute) / 10)
  return [
    { durationMs: 500, fromRate: 0, toRate: rate },
    level(durationMs, rate),
    { durationMs: 300, fromRate: rate, toRate: 0 },
  ]
}

const kilobytePerSecond = 3_600

/** A burst of traffic, then the background chatter of a machine that mostly waits. */
function burst(dice: Dice): readonly Segment[] {
  const peak = dice.between(400, 6_000) * kilobytePerSecond
  const chatter = dice.between(1, 40) * kilobytePerSecond
  return [
    { durationMs: dice.between(1, 3) * secondMs, fromRate: chatter, toRate: peak },
    level(dice.between(2, 25) * secondMs, peak),
    { durationMs: 500, fromRate: peak, toRate: chatter },
    level(dice.between(3, 45) * secondMs, chatter),
  ]
}
