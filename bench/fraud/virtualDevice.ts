/**
 * A device as a gateway sees it, once a round: it consumes, pays, is offline for a while, restarts,
 * changes its tariff. What an attack or a fault changes are the settings of `mischief`.
 * @module
 */
import {
  type DeviceObservation,
  type MeterObservation,
  noSigns,
  type Price,
  type SignName,
} from '../../gateway/fraud/observation.ts'
import type { Chance } from './dice.ts'
import { createHousehold } from './household.ts'

/** As the gateway looks. */
export const ROUND_SECONDS = 10
const DAY_SECONDS = 86_400
const CREDIT_TICKS = 16
const EPOCH_TICKS = 65_536
const WH_PER_WATT = ROUND_SECONDS / 3_600

/** What is wrong with a device; nothing, unless it is set. */
export type Mischief = {
  /** Consumed beside the household, through the meter. */
  extraWatts: number
  /** Consumed past the meter of the device, and seen by the provider's. */
  bypassWatts: number
  /** The register stands while the household goes on. */
  stuck: boolean
  /** Units by which the register goes back, once. */
  rollback: number
  /** Ticks a second that nothing was consumed for. */
  burstTicks: number
  /** Pays only after so long. */
  holdSeconds: number
  /** It stays with the price it had. */
  keepsPrice: boolean
  isAway: boolean
  /** Whatever its credit, the supply stays on. */
  ignoresCredit: boolean
  cloneSuspected: boolean
  /** What is counted in each round. */
  readonly signs: Partial<Record<SignName, number>>
}

export function noMischief(): Mischief {
  return {
    extraWatts: 0,
    bypassWatts: 0,
    stuck: false,
    rollback: 0,
    burstTicks: 0,
    holdSeconds: 0,
    keepsPrice: false,
    isAway: false,
    ignoresCredit: false,
    cloneSuspected: false,
    signs: {},
  }
}

export type VirtualDevice = {
  readonly mischief: Mischief
  /** The next round, `ROUND_SECONDS` after the last one. */
  readonly round: () => DeviceObservation
}

const nightPrice: Price = { unitsPerTick: 1, pricePerTick: 20 }
const dayPrice: Price = { unitsPerTick: 1, pricePerTick: 30 }

type State = {
  readonly chance: Chance
  readonly mischief: Mischief
  readonly signs: Record<SignName, number>
  readonly nexts: Record<Chore, number>
  atSeconds: number
  /** What the meter of the device counted, and what the provider's did. */
  metered: number
  provider: number
  paid: number
  epoch: number
  startReading: number
  price: number
  tariff: TariffInForce
  awayUntil: number
  wasOnline: boolean
  /** When a connected device has moved to the tariff in force. */
  movesAt: number
  paidSeconds: number
}

type TariffInForce = Price & { readonly validFrom: number; readonly untilSeconds: number }

/** Cheaper from 22 to 6 o'clock. */
export function tariffAt(seconds: number): TariffInForce {
  const midnight = seconds - (seconds % DAY_SECONDS)
  const tariff = (pricePerTick: number, fromHour: number, untilHour: number) => ({
    unitsPerTick: 1,
    pricePerTick,
    validFrom: midnight + fromHour * 3_600,
    untilSeconds: midnight + untilHour * 3_600,
  })
  const hour = (seconds % DAY_SECONDS) / 3_600
  if (hour < 6) return tariff(20, -2, 6)
  return hour < 22 ? tariff(30, 6, 22) : tariff(20, 22, 30)
}

export type DeviceSettings = {
  readonly startSeconds: number
  /** The provider has a meter of its own on the same line. */
  readonly hasProvider: boolean
  /** Of the households that charge a car, 0 to 1. */
  readonly carShare: number
}

export function createVirtualDevice(
  chance: Chance,
  { startSeconds, hasProvider, carShare }: DeviceSettings,
): VirtualDevice {
  const household = createHousehold(chance, carShare)
  const start = chance.whole(0, 5_000_000)
  const gain = chance.between(0.99, 1.01)
  const state: State = {
    ...{ chance, mischief: noMischief(), signs: noSigns(), atSeconds: startSeconds },
    ...{ metered: start, provider: chance.whole(0, 5_000_000), paid: start, epoch: 1 },
    ...{
      startReading: start,
      price: tariffAt(startSeconds).pricePerTick,
      tariff: tariffAt(startSeconds),
      awayUntil: 0,
    },
    ...{ wasOnline: true, movesAt: 0, paidSeconds: startSeconds },
    nexts: nextTimes(chance, startSeconds),
  }
  state.signs.session = 1
  return {
    mischief: state.mischief,
    round: () => {
      state.atSeconds += ROUND_SECONDS
      const { untilSeconds } = state.tariff
      if (state.atSeconds >= untilSeconds) state.tariff = tariffAt(state.atSeconds)
      const watts = household.wattsAt(state.atSeconds, ROUND_SECONDS)
      happen(state)
      const online = state.awayUntil <= state.atSeconds && !state.mischief.isAway
      consume(state, watts, gain, online)
      if (online) pay(state, watts)
      state.wasOnline = online
      return observation(state, online, hasProvider)
    },
  }
}

const A_DAY = { outages: 0.5, restarts: 0.3, flaps: 0.5, badWords: 0.02, wrongPasswords: 0.05 }
type Chore = keyof typeof A_DAY
const chores = Object.keys(A_DAY) as readonly Chore[]

/** When each of these happens next. */
function nextTimes(chance: Chance, atSeconds: number): Record<Chore, number> {
  const times = chores.map((chore) => [chore, atSeconds + pause(chance, chore)])
  return Object.fromEntries(times) as Record<Chore, number>
}

/** Seconds until the next one, however long ago the last one was. */
function pause(chance: Chance, chore: Chore): number {
  return (-Math.log(1 - chance.next()) * DAY_SECONDS) / A_DAY[chore]
}

/** What happens to sound devices too: outages, restarts, lost connections, a mistyped password. */
function happen(state: State): void {
  const { chance, signs, mischief, atSeconds, nexts } = state
  for (const name in mischief.signs) {
    signs[name as SignName] += mischief.signs[name as SignName] ?? 0
  }
  for (const chore of chores) {
    if (nexts[chore] > atSeconds) continue
    nexts[chore] = atSeconds + pause(chance, chore)
    occur[chore](state)
  }
  if (!state.wasOnline && state.awayUntil <= atSeconds) signs.session += 1
}

const occur: Readonly<Record<Chore, (state: State) => void>> = {
  outages: (state) => {
    state.awayUntil = state.atSeconds + state.chance.between(30, 1_200)
  },
  restarts: (state) => {
    state.awayUntil = state.atSeconds + state.chance.between(15, 90)
  },
  flaps: ({ chance, signs }) => {
    const times = chance.whole(1, 3)
    signs.session += times
    signs.takeover += times
  },
  badWords: ({ signs }) => {
    signs.bad_word += 1
  },
  wrongPasswords: ({ chance, signs }) => {
    signs.login_refused += chance.whole(1, 5)
  },
}

function consume(state: State, watts: number, gain: number, online: boolean): void {
  const { mischief } = state
  const through = (watts + mischief.extraWatts) * WH_PER_WATT
  const unpaid = state.metered - state.paid
  // The relay opens at the end of the credit window.
  const room = online || mischief.ignoresCredit ? through : Math.max(0, CREDIT_TICKS - unpaid)
  const taken = Math.min(through, room)
  if (!mischief.stuck) state.metered += taken
  state.provider += (taken + mischief.bypassWatts * WH_PER_WATT) * gain
  if (mischief.rollback > 0) {
    state.metered -= mischief.rollback
    mischief.rollback = 0
  }
}

function pay(state: State, watts: number): void {
  const { chance, mischief, atSeconds, metered } = state
  if (!state.wasOnline) checkpoint(state)
  const { pricePerTick } = state.tariff
  if (pricePerTick !== state.price && !mischief.keepsPrice) {
    if (state.movesAt <= 0) state.movesAt = atSeconds + chance.between(0, 15)
    if (atSeconds >= state.movesAt) checkpoint(state)
  }
  if (atSeconds - state.paidSeconds < mischief.holdSeconds) return
  state.paidSeconds = atSeconds
  // The newest ticks are on their way.
  const reached = metered - (watts / 3_600) * chance.between(0, 2)
  const burst = mischief.burstTicks * ROUND_SECONDS
  const paid = Math.floor(Math.max(state.paid, reached) + burst)
  state.paid = paid
  if (paid - state.startReading < 0.8 * EPOCH_TICKS) return
  state.epoch += 1
  state.startReading = paid
}

/** Pays all that was consumed at the old price and goes on at the one in force. */
function checkpoint(state: State): void {
  state.paid = Math.max(state.paid, Math.floor(state.metered))
  state.epoch += 1
  state.startReading = state.paid
  state.movesAt = 0
  if (!state.mischief.keepsPrice) state.price = state.tariff.pricePerTick
}

function observation(state: State, online: boolean, hasProvider: boolean): DeviceObservation {
  const { atSeconds, mischief, signs } = state
  const meter: MeterObservation = {
    channel: 1,
    unit: 'Wh',
    epoch: state.epoch,
    index: state.paid - state.startReading,
    paidReading: state.paid,
    register: online ? Math.floor(state.metered) : undefined,
    price: state.price === 20 ? nightPrice : dayPrice,
    creditTicks: CREDIT_TICKS,
    tariff: state.tariff,
    provider: hasProvider ? { register: Math.floor(state.provider), atSeconds } : undefined,
  }
  const { cloneSuspected } = mischief
  return { atSeconds, online, cloneSuspected, signs, meters: [meter] }
}
