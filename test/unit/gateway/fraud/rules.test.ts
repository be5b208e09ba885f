/** Each rule of the watch is shown what it must find, and what it must let pass. */
import { describe, expect, test } from 'vitest'
import { allLimits, createDeviceWatch } from '../../../../gateway/fraud/deviceWatch.ts'
import {
  type DeviceObservation,
  type MeterObservation,
  noSigns,
} from '../../../../gateway/fraud/observation.ts'
import { type RuleName, ruleNames, rules } from '../../../../gateway/fraud/rules.ts'

const START_SECONDS = 20_000 * 86_400
const ROUND_SECONDS = 10

const price = { unitsPerTick: 1, pricePerTick: 30 }
const meter: MeterObservation = {
  channel: 1,
  unit: 'Wh',
  epoch: 1,
  index: 0,
  paidReading: 1_000,
  register: 1_000,
  price,
  creditTicks: 16,
  tariff: { ...price, validFrom: 0 },
  provider: undefined,
}

type Change = Omit<Partial<DeviceObservation>, 'signs' | 'meters'> & {
  readonly signs?: Partial<DeviceObservation['signs']>
  readonly meter?: Partial<MeterObservation>
}

function observation(round: number, { signs, meter: changed, ...change }: Change) {
  return {
    atSeconds: START_SECONDS + round * ROUND_SECONDS,
    online: true,
    cloneSuspected: false,
    ...change,
    signs: { ...noSigns(), session: 1, ...signs },
    meters: [{ ...meter, ...changed }],
  }
}

/** Rules that find something new in rounds that `at` describes. */
function found(
  rounds: number,
  at: (round: number) => Change,
  watch = createDeviceWatch(allLimits()),
) {
  const all = Array.from({ length: rounds }, (_, round) => watch(observation(round, at(round))))
  return [...new Set(all.flat().map(({ rule }) => rule))]
}

/** Pays `units` a round, tick by tick. */
const paying = (units: number, round: number) => ({
  index: units * round,
  paidReading: 1_000 + units * round,
  register: 1_000 + units * round,
})
const provider = (round: number, register: number) => ({
  provider: { register, atSeconds: START_SECONDS + round * ROUND_SECONDS },
})

const cases: Readonly<
  Record<
    Exclude<RuleName, 'unusual_hour' | 'rising_floor'>,
    readonly [(round: number) => Change, (round: number) => Change]
  >
> = {
  velocity: [
    (round) => ({ meter: { ...paying(1, round), index: 200 * round } }),
    (round) => ({ meter: paying(60, round) }),
  ],
  gaps: [
    (round) => ({ meter: paying(20, round - (round % 3)) }),
    // A load that is switched on after a quiet hour, and stays.
    (round) => ({ meter: paying(30, Math.max(0, round - 10)) }),
  ],
  bad_words: [
    (round) => ({ signs: { bad_word: round } }),
    (round) => ({ signs: { bad_word: Math.floor(round / 40) } }),
  ],
  clone: [
    (round) => ({ signs: { takeover: round } }),
    (round) => ({ signs: { takeover: round > 5 ? 3 : 0 } }),
  ],
  logins: [
    (round) => ({ signs: { login_refused: 2 * round } }),
    (round) => ({ signs: { login_refused: round } }),
  ],
  metered_against_paid: [
    (round) => ({ meter: { ...paying(5, round), ...provider(round, 8 * round) } }),
    (round) => ({ meter: { ...paying(5, round), ...provider(round, Math.round(5.05 * round)) } }),
  ],
  register_backwards: [
    (round) => ({ meter: { ...paying(5, round), register: 5_000 - 5 * round } }),
    (round) => ({ meter: { ...paying(5, round), register: 5_000 - (round % 2) } }),
  ],
  impossible_power: [
    (round) => ({ meter: { ...paying(1, round), register: 1_000 + 400 * round } }),
    (round) => ({ meter: paying(200, round) }),
  ],
  tariff_mismatch: [
    (round) => ({
      meter: { ...paying(2, round), tariff: { unitsPerTick: 1, pricePerTick: 40, validFrom: 0 } },
    }),
    // The new price came 20 s ago.
    (round) => ({
      meter: {
        ...paying(2, round),
        tariff: {
          unitsPerTick: 1,
          pricePerTick: 40,
          validFrom: START_SECONDS + (round - 2) * ROUND_SECONDS,
        },
      },
    }),
  ],
  silent_device: [(round) => ({ online: round < 3 }), (round) => ({ online: round % 150 < 3 })],
  new_gateway: [(round) => ({ signs: { foreign_mark: round > 5 ? 1 : 0 } }), () => ({})],
}

describe.each(Object.entries(cases))('%s', (rule, [bad, good]) => {
  const rounds = rule === 'silent_device' ? 200 : 40

  test('is found', () => {
    expect(found(rounds, bad)).toContain(rule)
  })

  test('is not found in what an honest device does', () => {
    expect(found(rounds, good)).not.toContain(rule)
  })
})

test('a register that is refused ahead, and prices that are refused, count as well', () => {
  expect(found(10, (round) => ({ signs: { gap_refused: round } }))).toEqual(['gaps'])
  expect(found(10, (round) => ({ signs: { price_refused: round } }))).toEqual(['tariff_mismatch'])
  expect(found(3, () => ({ cloneSuspected: true }))).toEqual(['clone'])
})

test('a slot that was given to another channel begins anew', () => {
  const change = (round: number): Change =>
    round < 5 ? { meter: { register: 90_000 } } : { meter: { channel: 2, register: 5, epoch: 1 } }
  expect(found(20, change)).toEqual([])
})

test('what was consumed during an outage is spread over the outage', () => {
  const change = (round: number): Change => {
    const online = round < 5 || round > 100
    const units = 20 * (online ? round : 5)
    return { online, meter: { epoch: round > 100 ? 2 : 1, paidReading: 1_000 + units } }
  }
  expect(found(150, change)).toEqual([])
})

test('what goes on is told once, and again after an hour', () => {
  const watch = createDeviceWatch(allLimits())
  const kinds = Array.from({ length: 500 }, (_, round) =>
    watch(observation(round, { cloneSuspected: true })).map(({ kind }) => kind),
  ).flat()
  expect(kinds[0]).toBe('new')
  expect(kinds.filter((kind) => kind === 'again')).toHaveLength(1)
  expect(kinds.filter((kind) => kind === 'new')).toHaveLength(1)
})

describe('the baseline', () => {
  const HOUR_ROUNDS = 360
  const DAY_ROUNDS = 24 * HOUR_ROUNDS

  /** `unitsIn` says what a day's hour takes; looked at once an hour to save time. */
  function days(count: number, unitsIn: (day: number, hour: number) => number) {
    const watch = createDeviceWatch(allLimits())
    let paid = 1_000
    const rulesFound: string[] = []
    for (let hour = 0; hour < 24 * count; hour++) {
      const seen = observation(hour * HOUR_ROUNDS, {
        meter: { epoch: hour + 1, paidReading: paid, register: paid },
      })
      for (const { rule } of watch(seen)) {
        rulesFound.push(`${rule} on day ${Math.floor((hour * HOUR_ROUNDS) / DAY_ROUNDS)}`)
      }
      paid += unitsIn(Math.floor(hour / 24), hour % 24)
    }
    return rulesFound
  }
  const usual = (day: number, hour: number) => 300 + ((7 * day + 13 * hour) % 50)

  test('finds what is used at night where nothing is used at night', () => {
    const found = days(18, (day, hour) => usual(day, hour) + (day === 16 && hour < 5 ? 3_000 : 0))
    expect([...new Set(found)]).toEqual(['unusual_hour on day 16'])
  })

  test('finds a load that grows from day to day', () => {
    const found = days(25, (day, hour) => usual(day, hour) + 20 * Math.max(0, day - 14))
    expect(found[0]).toMatch(/^rising_floor on day (1[6-9]|2\d)$/)
  })

  test('says nothing of days that are like the others, nor before it knows ten of them', () => {
    expect(days(20, usual)).toEqual([])
    expect(days(8, (day, hour) => usual(day, hour) + (day === 6 ? 5_000 : 0))).toEqual([])
  })

  test('may lower a limit and stops nothing', () => {
    expect([rules.unusual_hour.strongest, rules.rising_floor.strongest]).toEqual(['limit', 'limit'])
  })
})

test('every rule says what it is about, and each threshold its unit', () => {
  for (const rule of ruleNames) {
    expect(rules[rule].about).not.toBe('')
    for (const { unit, value } of Object.values(rules[rule].thresholds)) {
      expect(unit).not.toBe('')
      expect(value).toBeGreaterThan(0)
    }
  }
})
