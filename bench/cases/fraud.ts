/**
 * What the watch for fraud and faults finds, how soon, and how often it cries wolf: labelled traces
 * of virtual devices, seen through the gateway's own rules.
 * @module
 */
import { ruleNames } from '../../gateway/fraud/rules.ts'
import { type Attack, attacks } from '../fraud/attacks.ts'
import { type Alarm, watchAttack, watchSound } from '../fraud/traces.ts'
import { figure, type Table } from '../report/tables.ts'
import { atLeast, atMost, type Case, type CaseResult, rounded } from './case.ts'

/** Thresholds were fixed on these, and figures come from the others only. */
const seedRanges = { training: [1, 100], figures: [1_001, 2_000] } as const
type Range = keyof typeof seedRanges

/** Days of a sound device, and of every twentieth one, whose baseline is known by then. */
const SOUND_DAYS = 3
const LONG_DAYS = 30
const LONG_EVERY = 20
const MINUTE_SECONDS = 60

type Sound = {
  readonly days: number
  readonly daysWithAlarm: number
  readonly alarms: readonly Alarm[]
}
type Found = { readonly attack: Attack; readonly runs: number; readonly seconds: readonly number[] }

function seedsOf(range: Range, every: number): readonly number[] {
  const [first, last] = seedRanges[range]
  const all = Array.from({ length: last - first + 1 }, (_, place) => first + place)
  return all.filter((seed) => seed % every === 0)
}

function watchAllSound(range: Range): Sound {
  const alarms: Alarm[] = []
  let days = 0
  let daysWithAlarm = 0
  for (const seed of seedsOf(range, 1)) {
    const ofSeed = seed % LONG_EVERY === 0 ? LONG_DAYS : SOUND_DAYS
    const found = watchSound(seed, ofSeed)
    days += ofSeed
    daysWithAlarm += new Set(found.map(({ day }) => day)).size
    alarms.push(...found)
  }
  return { days, daysWithAlarm, alarms }
}

/** What takes weeks of virtual time runs on fewer seeds. */
function watchAttacks(range: Range, attack: Attack): Found {
  const seeds = seedsOf(range, attack.knownDays ? LONG_EVERY : 1)
  const seconds = seeds.flatMap((seed) => watchAttack(attack, seed) ?? [])
  return { attack, runs: seeds.length, seconds: seconds.toSorted((a, b) => a - b) }
}

const share = ({ runs, seconds }: Found) => seconds.length / runs

function resultOf(sound: Sound, found: readonly Found[]): CaseResult {
  const prompt = found.filter(({ attack }) => attack.withinSeconds <= MINUTE_SECONDS)
  const runs = prompt.reduce((sum, one) => sum + one.runs, 0)
  const seen = prompt.reduce((sum, one) => sum + one.seconds.length, 0)
  const lowest = Math.min(...prompt.map(share))
  const later = found.filter(({ attack }) => attack.withinSeconds > MINUTE_SECONDS)
  return {
    targets: [
      atLeast('detected within 60 s, all that the rules are for', 0.95, seen / runs),
      atLeast('detected within 60 s, the hardest of them', 0.95, lowest),
      ...later.map((one) =>
        atLeast(
          `detected within ${span(one.attack.withinSeconds)}: ${one.attack.name}`,
          0.95,
          share(one),
        ),
      ),
      atMost('false alarms, share of device-days', 0.001, sound.daysWithAlarm / sound.days),
      atLeast('clean device-days', 3_000, sound.days),
      atLeast('attacks and faults', 12, found.length),
    ],
    limits: {},
    tables: [detectionTable(found), alarmTable(sound)],
    charts: [],
    notes: [
      'Virtual time, one look at each device in 10 s, as the gateway does. An attack begins at ' +
        'any moment; what it does counts from the first whole round on, its delay from its ' +
        'beginning.',
      'Sound devices have outages of up to 20 minutes, restarts, lost connections, single bad ' +
        'words, mistyped passwords, two tariffs a day, and days that differ; half of them have a ' +
        "provider's meter beside their own, which differs by up to 1 %.",
      `Thresholds were fixed on seeds ${seedRanges.training.join(' to ')}; figures are of seeds ` +
        `${seedRanges.figures.join(' to ')}. Every ${LONG_EVERY}th sound device is watched for ` +
        `${LONG_DAYS} days, the others for ${SOUND_DAYS}.`,
    ],
    figures: {
      detection: found.map((one) => ({
        attack: one.attack.name,
        rules: one.attack.rules,
        withinSeconds: one.attack.withinSeconds,
        runs: one.runs,
        detected: one.seconds.length,
        medianSeconds: rounded(at(one.seconds, 0.5)),
        p95Seconds: rounded(at(one.seconds, 0.95)),
      })),
      sound: { days: sound.days, daysWithAlarm: sound.daysWithAlarm, alarms: sound.alarms },
    },
  }
}

function at(sorted: readonly number[], part: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))] ?? Number.NaN
}

function span(seconds: number): string {
  if (seconds < 3_600) return `${Math.round(seconds / 60)} min`
  return seconds < 86_400
    ? `${Math.round(seconds / 3_600)} h`
    : `${Math.round(seconds / 86_400)} days`
}

function detectionTable(found: readonly Found[]): Table {
  return {
    title: 'What is found',
    columns: [
      'attack or fault',
      'rule',
      'bound',
      'runs',
      'found, %',
      'median, s',
      'p95, s',
      'what',
    ],
    rows: found.map((one) => [
      one.attack.name,
      one.attack.rules.map((rule) => `\`${rule}\``).join(', '),
      span(one.attack.withinSeconds),
      `${one.runs}`,
      figure(100 * share(one)),
      figure(at(one.seconds, 0.5)),
      figure(at(one.seconds, 0.95)),
      one.attack.about,
    ]),
  }
}

function alarmTable({ days, alarms }: Sound): Table {
  return {
    title: `False alarms in ${days} days of sound devices`,
    columns: ['rule', 'alarms'],
    rows: ruleNames.map((rule) => [
      `\`${rule}\``,
      `${alarms.filter((alarm) => alarm.rule === rule).length}`,
    ]),
  }
}

export const fraud: Case = {
  name: 'fraud',
  about: 'attacks and faults in labelled traces: what is found, how soon, and false alarms',
  run: async ({ parts, onProgress }) => {
    const range: Range = parts.includes('training') ? 'training' : 'figures'
    const found: Found[] = []
    for (const attack of attacks) {
      const one = watchAttacks(range, attack)
      found.push(one)
      onProgress(`fraud: ${attack.name}: ${one.seconds.length} of ${one.runs}`)
    }
    onProgress('fraud: sound devices')
    return resultOf(watchAllSound(range), found)
  },
}
