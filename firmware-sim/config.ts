/**
 * What a simulated meter is told before it starts, and what it can be told while it runs.
 * @module
 */
import { OperatorError } from '../ports/operatorError.ts'
import { crc32 } from '../protocol/frame.ts'
import { hostSilenceMs, type LinkUnit } from '../protocol/frameMessages.ts'
import { eastronModulus } from './eastron.ts'
import { counterModulus } from './firmwareLink.ts'
import { cleanLine, type LineFaults } from './lineFaults.ts'
import type { MeterSetup } from './meter.ts'
import { type Profile, type ProfileKind, usualProfile } from './profiles.ts'

export type MeterSimKind = 'firmware-link' | 'sdm120' | 'sdm630'

export type MeterSimConfig = {
  readonly name: string
  readonly kind: MeterSimKind
  /** `serial:///dev/...?baud=9600` (a pty's end) or `tcp-listen://host:port`. */
  readonly line: string
  readonly profile: Profile
  readonly seed: number
  /** Milliseconds of load per millisecond. */
  readonly speed: number
  /** Time of day at which the load starts. */
  readonly startDayMs: number
  readonly initialRegister: bigint
  readonly counterBits: 32 | 64
  /** Modbus addresses of the meter and of its relay board. */
  readonly unitId: number
  readonly relayUnitId: number
  readonly faults: LineFaults
  /** Path of the file that keeps the register, relative to the disk; undefined: nothing is kept. */
  readonly stateFile: string | undefined
}

const kinds: readonly MeterSimKind[] = ['firmware-link', 'sdm120', 'sdm630']
const profileKinds: readonly ProfileKind[] = ['ev', 'household', 'water', 'data', 'steady']
const units: readonly LinkUnit[] = ['Wh', 'mL', 's', 'kB']
const speedMax = 3_600
const rateMax = 1_000_000_000

const fieldNames = [
  'name',
  'kind',
  'line',
  'profile',
  'unit',
  'ratePerHour',
  'seed',
  'speed',
  'startHour',
  'initialRegister',
  'counterBits',
  'unitId',
  'relayUnitId',
  'noise',
  'lost',
  'split',
  'stateFile',
] as const

type FieldName = (typeof fieldNames)[number]
type Fields = Readonly<Partial<Record<FieldName, unknown>>>

/**
 * Reads a configuration of plain values (from YAML, JSON or options); text is taken for numbers.
 * @throws OperatorError naming the field, what was found and what is expected
 */
export function parseMeterSimConfig(input: Fields): MeterSimConfig {
  for (const key of Object.keys(input)) {
    if (!fieldNames.some((name) => name === key)) {
      fail(key, 'is not known', `one of ${fieldNames.join(', ')}`)
    }
  }
  const name = text(input, 'name', 'meter')
  const kind = oneOf(input, 'kind', kinds, 'firmware-link')
  const counterBits = oneOf(input, 'counterBits', ['32', '64'] as const, '64') === '32' ? 32 : 64
  const modulus = modulusOf(kind, counterBits)
  return {
    name,
    kind,
    line: lineOf(input),
    profile: profileOf(input, kind),
    seed: whole(input, 'seed', 0, 0xffffffff, crc32(new TextEncoder().encode(name))),
    speed: whole(input, 'speed', 1, speedMax, 1),
    startDayMs: whole(input, 'startHour', 0, 23, 7) * 3_600_000,
    initialRegister: registerOf(input, modulus),
    counterBits,
    unitId: whole(input, 'unitId', 1, 247, 1),
    relayUnitId: whole(input, 'relayUnitId', 1, 247, 2),
    faults: {
      noise: share(input, 'noise'),
      lost: share(input, 'lost'),
      split: share(input, 'split'),
    },
    stateFile: input.stateFile === undefined ? undefined : text(input, 'stateFile', ''),
  }
}

/** The pure meter that `config` describes, at the boot `bootId`. */
export function meterSetup(config: MeterSimConfig, bootId: number): MeterSetup {
  return {
    profile: config.profile,
    seed: config.seed,
    startDayMs: config.startDayMs,
    speed: config.speed,
    modulus: modulusOf(config.kind, config.counterBits),
    initialRegister: config.initialRegister,
    watchdogMs: hostSilenceMs,
    deviceId: BigInt(crc32(new TextEncoder().encode(`${config.kind} ${config.name}`))),
    bootId,
  }
}

function modulusOf(kind: MeterSimKind, counterBits: 32 | 64): bigint {
  return kind === 'firmware-link' ? counterModulus[counterBits] : eastronModulus
}

function profileOf(input: Fields, kind: MeterSimKind): Profile {
  const profile = oneOf(input, 'profile', profileKinds, kind === 'firmware-link' ? 'water' : 'ev')
  if (profile === 'steady') {
    const unit = oneOf(input, 'unit', units, 'Wh')
    return { kind: profile, unit, ratePerHour: whole(input, 'ratePerHour', 0, rateMax, 3_600) }
  }
  const usual = usualProfile(profile)
  if (kind !== 'firmware-link' && usual.unit !== 'Wh') {
    fail('profile', `"${profile}" does not fit ${kind}, which counts Wh`, 'ev, household or steady')
  }
  return usual
}

function lineOf(input: Fields): string {
  const line = text(input, 'line', '')
  const isLine = /^serial:\/\/\/./.test(line) || /^tcp-listen:\/\/[^/]+:\d+$/.test(line)
  if (isLine && URL.canParse(line)) return line
  return fail(
    'line',
    `"${line}" is no line`,
    'serial:///dev/...?baud=9600 or tcp-listen://host:port',
  )
}

function registerOf(input: Fields, modulus: bigint): bigint {
  const value = input.initialRegister ?? 0
  const written = String(value)
  if (!/^\d{1,20}$/.test(written) || BigInt(written) >= modulus) {
    fail('initialRegister', `is ${written}`, `a whole number from 0 to ${modulus - 1n}`)
  }
  return BigInt(written)
}

function share(input: Fields, key: FieldName): number {
  return shareOf(input[key] ?? 0, key)
}

function shareOf(value: unknown, key: string): number {
  const number = typeof value === 'string' && value !== '' ? Number(value) : value
  if (typeof number === 'number' && number >= 0 && number <= 1) return number
  return fail(key, `is ${String(value)}`, 'a share from 0 to 1')
}

function whole(input: Fields, key: FieldName, low: number, high: number, usual: number): number {
  return wholeOf(input[key] ?? usual, key, low, high)
}

function wholeOf(value: unknown, key: string, low: number, high: number): number {
  const number = typeof value === 'string' && value !== '' ? Number(value) : value
  if (Number.isSafeInteger(number) && Number(number) >= low && Number(number) <= high) {
    return Number(number)
  }
  return fail(key, `is ${String(value)}`, `a whole number from ${low} to ${high}`)
}

function text(input: Fields, key: FieldName, usual: string): string {
  const value = input[key] ?? usual
  return typeof value === 'string' ? value : fail(key, `is ${typeof value}`, 'text')
}

function oneOf<T extends string>(input: Fields, key: FieldName, all: readonly T[], usual: T): T {
  const value = String(input[key] ?? usual)
  return all.find((one) => one === value) ?? fail(key, `is "${value}"`, all.join(', '))
}

function fail(key: string, found: string, expected: string): never {
  throw new OperatorError(`meter simulator: "${key}" ${found}; expected ${expected}`)
}

/** What a running meter can be told. */
export type SimCommand =
  | { readonly kind: 'line'; readonly faults: Partial<LineFaults> }
  | { readonly kind: 'reboot' | 'reboot_without_counter' | 'roll_over' | 'stick' | 'unstick' }
  | { readonly kind: 'unplug'; readonly forMs: number }

export const simCommandHelp =
  'noise SHARE, lost SHARE, split SHARE, clean, reboot, reboot lost, rollover, ' +
  'stick, unstick, unplug MS'

/**
 * A command as a person types it.
 * @throws OperatorError with all commands when it is none
 */
export function parseSimCommand(line: string): SimCommand {
  const [word = '', argument = ''] = line.trim().split(/\s+/)
  switch (word) {
    case 'noise':
    case 'lost':
    case 'split':
      return { kind: 'line', faults: { [word]: shareOf(argument, word) } }
    case 'clean':
      return { kind: 'line', faults: cleanLine }
    case 'reboot':
      return { kind: argument === 'lost' ? 'reboot_without_counter' : 'reboot' }
    case 'rollover':
      return { kind: 'roll_over' }
    case 'stick':
    case 'unstick':
      return { kind: word }
    case 'unplug':
      return { kind: 'unplug', forMs: wholeOf(argument, word, 1, 3_600_000) }
    default:
      throw new OperatorError(`meter simulator: no command "${line.trim()}"; try ${simCommandHelp}`)
  }
}
