/**
 * Attacks and faults, a row each: what goes wrong with a device, which rules are meant to see it,
 * and how soon.
 * @module
 */
import type { RuleName } from '../../gateway/fraud/rules.ts'
import type { Chance } from './dice.ts'
import type { Mischief } from './virtualDevice.ts'

export type Attack = {
  readonly name: string
  readonly about: string
  /** Any of these counts as detection. */
  readonly rules: readonly RuleName[]
  /** From its beginning to the finding. */
  readonly withinSeconds: number
  /** Its household charges no car. */
  readonly hasNoCar?: true
  /** Hour of day at which it begins; any time where it is absent. */
  readonly hour?: number
  /** Days that the device is known before; an hour where it is absent. */
  readonly knownDays?: number
  /** In the round `at` after its beginning, from 0 on. */
  readonly act: (mischief: Mischief, chance: Chance, at: number) => void
}

const MINUTE = 60
const HOUR_ROUNDS = 360
const DAY_ROUNDS = 24 * HOUR_ROUNDS
const DAY_SECONDS = 86_400

/** Sets something when the attack begins. */
function once(set: (mischief: Mischief, chance: Chance) => void): Attack['act'] {
  return (mischief, chance, at) => {
    if (at === 0) set(mischief, chance)
  }
}

/** Watts beyond what the device uses otherwise, and what else is set with them. */
function extraLoad(low: number, high: number, beside: Partial<Mischief> = {}): Attack['act'] {
  return once((mischief, chance) => {
    Object.assign(mischief, { extraWatts: chance.between(low, high), ...beside })
  })
}

/** So many in a round, one after the other, with a rest that carries over. */
function rate(sign: keyof Mischief['signs'], low: number, high: number): Attack['act'] {
  let perRound = 0
  let carried = 0
  return (mischief, chance, at) => {
    if (at === 0) {
      perRound = chance.between(low, high)
      carried = 0
    }
    carried += perRound
    mischief.signs[sign] = Math.floor(carried)
    carried -= Math.floor(carried)
  }
}

export const attacks: readonly Attack[] = [
  {
    name: 'burst of ticks',
    about: '20 to 200 ticks a second, for nothing that was consumed',
    rules: ['velocity', 'impossible_power'],
    withinSeconds: MINUTE,
    act: once((mischief, chance) => {
      mischief.burstTicks = chance.between(20, 200)
    }),
  },
  {
    name: 'paying in lumps',
    about: 'at 6 to 11 kW it pays every 20 s only, beyond its credit window',
    rules: ['gaps'],
    withinSeconds: MINUTE,
    act: extraLoad(6_000, 11_000, { holdSeconds: 20 }),
  },
  {
    name: 'ticks from beyond a gap',
    about: 'one every 4 to 15 s that skips more than a jump or the end of its epoch',
    rules: ['gaps'],
    withinSeconds: MINUTE,
    act: rate('gap_refused', 0.67, 2.5),
  },
  {
    name: 'guessed words',
    about: 'one every 0.5 to 15 s',
    rules: ['bad_words'],
    withinSeconds: MINUTE,
    act: rate('bad_word', 0.67, 20),
  },
  {
    name: 'cloned identity',
    about: 'two devices with one key, each of which is back 1 to 8 s after the other',
    rules: ['clone'],
    withinSeconds: MINUTE,
    act: (mischief, chance) => {
      const sessions = chance.whole(1, 8)
      mischief.signs.session = sessions
      mischief.signs.takeover = sessions
    },
  },
  {
    name: 'replayed ticks',
    about: 'words from before the session, from a copy or a recording',
    rules: ['clone'],
    withinSeconds: MINUTE,
    act: once((mischief) => {
      mischief.cloneSuspected = true
    }),
  },
  {
    name: 'password guessing',
    about: 'one login every 0.1 to 4 s',
    rules: ['logins'],
    withinSeconds: MINUTE,
    act: rate('login_refused', 2.5, 100),
  },
  {
    name: 'bypassed meter',
    about: '1 to 7 kW past the meter; the provider has one of its own',
    rules: ['metered_against_paid'],
    withinSeconds: MINUTE,
    act: once((mischief, chance) => {
      mischief.bypassWatts = chance.between(1_000, 7_000)
    }),
  },
  {
    name: 'register that stands',
    about: "1 to 7 kW are on, the device's register stands and the provider's goes on",
    rules: ['metered_against_paid'],
    withinSeconds: MINUTE,
    act: extraLoad(1_000, 7_000, { stuck: true }),
  },
  {
    name: 'supply forced while away',
    about: 'its connection is cut, and 2 to 7 kW go on beyond the credit window',
    rules: ['metered_against_paid'],
    withinSeconds: MINUTE,
    act: extraLoad(2_000, 7_000, { isAway: true, ignoresCredit: true }),
  },
  {
    name: 'register turned back',
    about: 'by 50 Wh to 5 kWh, once',
    rules: ['register_backwards'],
    withinSeconds: MINUTE,
    act: once((mischief, chance) => {
      mischief.rollback = 10 ** chance.between(Math.log10(50), Math.log10(5_000))
    }),
  },
  {
    name: 'impossible power',
    about: '100 to 300 kW on a line of 90 kW',
    rules: ['impossible_power'],
    withinSeconds: MINUTE,
    act: extraLoad(100_000, 300_000),
  },
  {
    name: 'old tariff',
    about: 'it goes on at the price of the night, from the moment when the day begins',
    rules: ['tariff_mismatch'],
    withinSeconds: MINUTE,
    hour: 6 - 15 / 3_600,
    act: extraLoad(200, 2_000, { keepsPrice: true }),
  },
  {
    name: 'invented tariff',
    about: 'commitments to a price that no tariff names, one every 5 to 15 s',
    rules: ['tariff_mismatch'],
    withinSeconds: MINUTE,
    act: rate('price_refused', 0.67, 2),
  },
  {
    name: 'rogue gateway',
    about: 'it comes back with the mark of another gateway',
    rules: ['new_gateway'],
    withinSeconds: MINUTE,
    act: (mischief, _chance, at) => {
      mischief.signs.foreign_mark = at === 0 ? 1 : 0
      mischief.signs.session = at === 0 ? 1 : 0
    },
  },
  {
    name: 'silent device',
    about: 'it is gone; found after the 30 minutes that an outage may take',
    rules: ['silent_device'],
    withinSeconds: 31 * MINUTE,
    act: once((mischief) => {
      mischief.isAway = true
    }),
  },
  {
    name: 'use at night',
    about:
      '2 to 4 kW more from 01:00 to 05:00, where no car is charged; found when three such hours ' +
      'have ended',
    rules: ['unusual_hour'],
    withinSeconds: 4 * 3_600,
    hour: 1,
    hasNoCar: true,
    knownDays: 15,
    act: (mischief, chance, at) => {
      if (at === 0) mischief.extraWatts = chance.between(2_000, 4_000)
      if (at === 4 * HOUR_ROUNDS) mischief.extraWatts = 0
    },
  },
  {
    name: 'slow leak',
    about: 'a load that is always on and grows by 20 to 60 W a day; found within 14 days',
    rules: ['rising_floor'],
    withinSeconds: 14 * DAY_SECONDS,
    knownDays: 15,
    act: (mischief, chance, at) => {
      if (at === 0) mischief.extraWatts = chance.between(20, 60) / DAY_ROUNDS
      else mischief.extraWatts *= (at + 1) / at
    },
  },
]
