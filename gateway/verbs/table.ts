/**
 * What a fleet can ask of a gateway: one table of verbs. The topics, the control socket, the
 * program's commands, docs/topics.md and the JSON schemas all follow from it.
 * @module
 */
import * as v from 'valibot'
import { idValue, integerValue, publicKeyValue, uint64Value } from '../../ports/configTypes.ts'
import { POSITIONS_MAX } from '../../protocol/limits.ts'
import { spans } from '../policies/policy.ts'

/**
 * What it takes: a right to read; a right over supply, or a Command; a Command; or arguments that
 * carry the fleet's signature themselves.
 */
export type NeededRight = 'read' | 'supply' | 'command' | 'own_signature'

export type FleetVerb<E extends v.ObjectEntries = v.ObjectEntries> = {
  readonly right: NeededRight
  /** One line for help and pages. */
  readonly about: string
  /** What an answer says. */
  readonly answer: string
  readonly entries: E
}

function define<const E extends v.ObjectEntries>(
  right: NeededRight,
  entries: E,
  about: string,
  answer: string,
): FleetVerb<E> {
  return { right, entries, about, answer }
}

const device = { device: idValue }
const dryRun = { dry_run: v.optional(v.boolean(), false) }
/** Exactly one of the four. */
const target = {
  device: v.optional(idValue),
  group: v.optional(idValue),
  site: v.optional(idValue),
  all: v.optional(v.literal(true)),
}
const from = v.optional(integerValue(0, 2 ** 32))
const statementNumber = integerValue(1, Number.MAX_SAFE_INTEGER)
/** Absent: as it was; null: none any more. */
const changed = <S extends v.GenericSchema>(schema: S) => v.optional(v.nullable(schema))
const perSpan = Object.fromEntries(spans.map((span) => [`per_${span}`, changed(uint64Value)])) as {
  readonly [Name in (typeof spans)[number] as `per_${Name}`]: ReturnType<
    typeof changed<typeof uint64Value>
  >
}
const unit = v.picklist(['Wh', 'mL', 's', 'kB'], 'one of Wh, mL, s, kB')
const reference = v.pipe(v.string(), v.minLength(1), v.maxLength(64))
const devices = v.pipe(v.array(idValue), v.minLength(1), v.maxLength(1_000))
const mandates = v.pipe(v.array(v.string()), v.maxLength(1_000))

const touched = 'how many devices and channels it touches'

export const fleetVerbs = {
  list: define(
    'read',
    { device: v.optional(idValue), from },
    'Lists channels, in pages from `from` on',
    'channels, or `{channels, next}`',
  ),
  get: define('read', { device: idValue, from }, 'Shows the channels of one device', 'as `list`'),
  policy: define(
    'read',
    { from },
    'Shows what is ordered for the fleet and its parts, and what each has spent',
    '`{scopes, next}`: accepted, reserved, settled, exposure and spent of each',
  ),
  export: define(
    'read',
    { from },
    'Gives all channels as lines of CSV',
    '`{lines, next}`; the first page begins with the names of the columns',
  ),
  statement: define('read', {}, 'Shows the statement that waits to be co-signed', 'the statement'),
  'statement-leaves': define(
    'read',
    { sequence: statementNumber, from: v.optional(integerValue(0, 2 ** 32), 0) },
    'Gives the leaves of the statement that waits, in pages',
    '`{leaves, next}`',
  ),
  pause: define(
    'supply',
    { ...target, ...dryRun },
    'Turns supply off until it is resumed; what is paid is still accepted',
    touched,
  ),
  resume: define('supply', { ...target, ...dryRun }, 'Ends a pause of the same target', touched),
  limit: define(
    'command',
    { ...target, ...perSpan, ...dryRun },
    'Limits what may be spent in a minute, hour, day or month (UTC), in minor units',
    `${touched}, and the limits`,
  ),
  'price-ceiling': define(
    'command',
    {
      ...target,
      unit,
      price: v.nullable(uint64Value),
      units: v.optional(uint64Value, 1),
      ...dryRun,
    },
    'Ends supply where `units` of a unit cost more than `price`; a price of null takes it back',
    `${touched}, and the ceilings`,
  ),
  assign: define(
    'command',
    { devices, group: changed(idValue), site: changed(idValue), ...dryRun },
    'Puts devices into a group, a site or both; null takes them out',
    touched,
  ),
  'top-up': define(
    'command',
    { amount: uint64Value, reference: v.optional(reference), ...dryRun },
    'Tells the operator of a deposit that is under way; the money counts when the ledger has it',
    'what is set aside, reserved and free',
  ),
  rotate: define(
    'command',
    { ...device, key: publicKeyValue, ...dryRun },
    'Gives a device a new key; its channels end and new ones begin at 0',
    touched,
  ),
  revoke: define(
    'command',
    { ...device, ...dryRun },
    'Ends a device for good: its key and its mandates count no more',
    touched,
  ),
  close: define(
    'command',
    { ...device, meter: idValue, ...dryRun },
    'Closes the channel of a meter and settles it',
    touched,
  ),
  mandate: define(
    'own_signature',
    { mandates },
    'Hands over signed mandates, as hex of their CBOR',
    'the verdict on each',
  ),
  cosign: define(
    'own_signature',
    { sequence: statementNumber, signature: v.string() },
    'Hands over the co-signature of a statement',
    'what came of it',
  ),
  'statement-known': define(
    'own_signature',
    {
      sequence: statementNumber,
      from: integerValue(0, POSITIONS_MAX),
      leaves: v.array(v.tuple([v.number(), v.string(), v.string()])),
      isLast: v.boolean(),
    },
    'Gives the gateway leaves back that it has lost; the ledger knows their root',
    'what came of it',
  ),
} as const satisfies Readonly<Record<string, FleetVerb>>

export type VerbName = keyof typeof fleetVerbs
const schemas = {} as {
  readonly [N in VerbName]: v.StrictObjectSchema<(typeof fleetVerbs)[N]['entries'], undefined>
}

/** What a verb gets, once its arguments are read. */
export type VerbArguments<N extends VerbName> = v.InferOutput<(typeof schemas)[N]>

/** What stands for an argument in help, and what it is. */
export const argumentTexts: Readonly<Record<string, readonly [string, string]>> = {
  device: ['DEVICE', 'this device'],
  group: ['GROUP', 'this group of devices'],
  site: ['SITE', 'this site'],
  all: ['', 'the whole fleet'],
  dry_run: ['', 'only says how many devices and channels it would touch'],
  from: ['NUMBER', 'where the page begins; 0 at first, then what `next` says'],
  per_minute: ['AMOUNT', 'how fast money may go, or none'],
  per_hour: ['AMOUNT', 'minor units, or none'],
  per_day: ['AMOUNT', 'minor units, or none'],
  per_month: ['AMOUNT', 'minor units, or none'],
  unit: ['UNIT', 'Wh, mL, s or kB'],
  price: ['AMOUNT', 'minor units for so many units, or none'],
  units: ['NUMBER', 'of how many units the price is (default: 1)'],
  devices: ['DEVICE', 'a device'],
  amount: ['AMOUNT', 'minor units'],
  reference: ['TEXT', 'by which the deposit is recognised'],
  key: ['KEY', 'the new public key, as "tickpay keys show" prints it'],
  meter: ['METER', 'a meter of the device'],
  sequence: ['NUMBER', 'number of the statement'],
  mandates: ['HEX', 'a signed mandate'],
  signature: ['HEX', 'the co-signature'],
}

/** The verb of a topic; undefined for every other word. */
export function findVerb(name: string): FleetVerb | undefined {
  return Object.hasOwn(fleetVerbs, name) ? fleetVerbs[name as VerbName] : undefined
}

/** What the verb is called on the control socket; two have been there under their own names. */
export function controlName(name: string): string {
  if (name === 'mandate') return 'mandate_put'
  return name.replaceAll('-', '_')
}
