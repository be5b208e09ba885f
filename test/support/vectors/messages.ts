/**
 * Vectors of the CBOR messages, and of bytes that each of them refuses.
 * @module
 */
import { bytesToHex } from '../../../protocol/bytes.ts'
import type { WireValue } from '../../../protocol/cbor.ts'
import { decodeCbor, encodeCbor } from '../../../protocol/cbor.ts'
import type { MessageKind, Path } from '../messageSamples.ts'
import { alterAt, messageKinds } from '../messageSamples.ts'
import type { Json } from './json.ts'
import { formatFile, toJson } from './json.ts'

type Change = readonly [why: string, path: Path, change: (old: WireValue) => WireValue]

const to = (value: WireValue) => () => value
const list = (old: WireValue) => (Array.isArray(old) ? old : [])
const longer = (old: WireValue) => [...list(old), null]
const shorter = (old: WireValue) => list(old).slice(0, -1)
const times = (count: number) => (old: WireValue) =>
  Array.from({ length: count }, () => list(old)[0] ?? 0)
const bytes = (length: number) => to(new Uint8Array(length))

const everywhere: readonly Change[] = [
  ['no array', [], to(1)],
  ['version 0', [0], to(0)],
  ['version 2', [0], to(2)],
  ['one field more', [], longer],
  ['one field less', [], shorter],
]
const slotChanges: readonly Change[] = [
  ['slot 64', [1], to(64)],
  ['slot of 2^32', [1], to(2 ** 32)],
  ['slot absent', [1], to(null)],
]
const markChanges = (path: Path): readonly Change[] => [
  ['mark absent', path, to(null)],
  ['mark with a field more', path, longer],
  ['life of 15 bytes', [...path, 0], bytes(15)],
  ['seal of 17 bytes', [...path, 2], bytes(17)],
  ['position of 2^53', [...path, 1], to(2n ** 53n)],
]
const supplyChanges = (path: Path): readonly Change[] => [
  ['supply level 3', [...path, 0], to(3)],
  ['supply reason 13', [...path, 1], to(13)],
  ['supply as text', path, to('on')],
]
const commitmentChanges = (path: Path): readonly Change[] => [
  ['signature of 63 bytes', [...path, 1], bytes(63)],
  ['signature of 65 bytes', [...path, 1], bytes(65)],
  ['commitment with a field less', [...path, 0], shorter],
  ['commitment with a field more', [...path, 0], longer],
  ['kind 256', [...path, 0, 0], to(256)],
  ['channelId of 31 bytes', [...path, 0, 1], bytes(31)],
  ['epoch of 2^32', [...path, 0, 2], to(2 ** 32)],
  ['base as text', [...path, 0, 3], to('0')],
  ['issuedAt of 2^53', [...path, 0, 10], to(2n ** 53n)],
]
const heldChanges = (path: Path): readonly Change[] => [
  ['index past the length', [...path, 2], to(2_001)],
  ['word of 31 bytes', [...path, 3], bytes(31)],
  ['held without its word', path, shorter],
  ['word without its commitment', path, (old) => [null, null, ...list(old).slice(2)]],
]

const changesOf: Readonly<Record<string, readonly Change[]>> = {
  hello: [
    ['mark as text', [1], to('x')],
    ['65 meters', [2], times(65)],
    ['meter that is no id', [2, 0, 0], to('Energy')],
    ['unit of 9 bytes', [2, 0, 1], to('123456789')],
    ['unit of 9 bytes in 3 characters', [2, 0, 1], to('€€€')],
    ['meter without unit', [2, 0], shorter],
  ],
  welcome: [
    ['time of 2^53', [1], to(2n ** 53n)],
    ...markChanges([2]),
    ['13 tariffs', [3], times(13)],
    ['tariff without signature', [3, 0], shorter],
    ['unit of 65 bytes', [3, 0, 0, 2], to('u'.repeat(65))],
    ['65 slots', [4], to(65)],
  ],
  time: [
    ['nonce of 31 bytes', [1, 0, 1], bytes(31)],
    ['gateway as bytes', [1, 0, 0], bytes(3)],
    ['gateway of 65 bytes', [1, 0, 0], to('g'.repeat(65))],
  ],
  slot: [
    ...slotChanges,
    ['channel absent', [2], to(null)],
    ['payerKey of 65 bytes', [2, 1], bytes(65)],
    ['payee of 21 bytes', [2, 2], bytes(21)],
    ['fee of 65,536', [2, 3], to(65_536)],
    ['mandate with a field less', [3, 0], shorter],
    ...heldChanges([4]),
    ...commitmentChanges([5]),
    ['maxLength of 2^32', [6], to(2 ** 32)],
    ...supplyChanges([7]),
  ],
  commit: [...slotChanges, ['commitment absent', [2], to(null)], ...commitmentChanges([2])],
  accept: [...slotChanges, ['epoch of 2^32', [2], to(2 ** 32)], ...markChanges([3])],
  ack: [
    ...markChanges([1]),
    ['65 entries', [2], times(65)],
    ['slot 64', [2, 0, 0], to(64)],
    ['index of 2^32', [2, 0, 2], to(2 ** 32)],
    ...supplyChanges([2, 0, 3]),
  ],
  reject: [
    ['slot 256', [1], to(256)],
    ['refused something else', [2], to('ack')],
    ['reason of no list', [3], to('because')],
    ['reason of supply', [3], to('paused')],
    ['reason as a number', [3], to(1)],
    ...heldChanges([4]),
    ...commitmentChanges([5]),
  ],
  supply: [...slotChanges, ...supplyChanges([2])],
  command: [
    ['limits absent', [1], to(null)],
    ['span 4', [1, 2, 0], to(4)],
    ['span as text', [1, 0, 0], to('minute')],
    ['spans that fall', [1], (old) => list(old).toReversed()],
    ['a span twice', [1, 1, 0], to(0)],
    ['limit absent', [1, 0, 1], to(null)],
    ['limit with a field more', [1, 0], longer],
    ['ceilings absent', [2], to(null)],
    ['17 ceilings', [2], () => Array.from({ length: 17 }, (_, at) => [`${at + 10}`, 1, 1])],
    ['units that fall', [2], (old) => list(old).toReversed()],
    ['a unit twice', [2, 1, 0], to('Wh')],
    ['unit of no letter', [2, 0, 0], to('')],
    ['unit of 9 bytes', [2, 1, 0], to('z23456789')],
    ['unit of 9 bytes in 3 characters', [2, 1, 0], to('€€€')],
    ['unit as a number', [2, 0, 0], to(1)],
    ['price as text', [2, 0, 1], to('30')],
    ['a price for 0 units', [2, 0, 2], to(0)],
    ['ceiling without its units', [2, 0], shorter],
  ],
  reading: [...slotChanges, ['register as text', [2], to('12')]],
  close: slotChanges,
  receiptRequest: slotChanges,
  receipt: [
    ['receipt absent', [1], to(null)],
    ['receipt with a field less', [1], shorter],
    ['channelId of 31 bytes', [1, 0], bytes(31)],
    ['position of 2^53', [1, 7], to(2n ** 53n)],
    ['place of 2^20', [2], to(2 ** 20)],
    ['21 siblings', [3], times(21)],
    ['sibling of 31 bytes', [3, 0], bytes(31)],
    ['sibling absent', [3, 0], to(null)],
    ['root without signature', [4], shorter],
    ['signature of 63 bytes', [4, 1], bytes(63)],
    ['previous of 33 bytes', [4, 0, 2], bytes(33)],
    ['channels of 2^32', [4, 0, 5], to(2 ** 32)],
  ],
}

function apply(kind: MessageKind, [why, path, change]: Change) {
  const wire = decodeCbor(kind.samples[0]?.bytes ?? new Uint8Array()) ?? null
  return { why, bytes: encodeCbor(alterAt(wire, path, change)) }
}

/** Bytes that a message kind must refuse, and why. */
export function refusedOf(kind: MessageKind) {
  const changes = [...everywhere, ...(changesOf[kind.name] ?? [])]
  const [sample] = kind.samples
  const trailing = new Uint8Array([...(sample?.bytes ?? []), 0])
  const cut = (sample?.bytes ?? new Uint8Array()).slice(0, -1)
  return [
    ...changes.map((change) => apply(kind, change)),
    { why: 'trailing byte', bytes: trailing },
    { why: 'cut short', bytes: cut },
  ]
}

export function messageVectors(): string {
  const cases = messageKinds.flatMap((kind) =>
    kind.samples.map(({ value, bytes: encoded }) => ({
      message: kind.name,
      topics: kind.topics,
      value: toJson(value),
      cbor: bytesToHex(encoded),
    })),
  )
  const refused = messageKinds.flatMap((kind) =>
    refusedOf(kind).map(
      (one): Json => ({ message: kind.name, why: one.why, cbor: bytesToHex(one.bytes) }),
    ),
  )
  return formatFile({
    about: [
      'Section 14.1. cases: values and their bytes; what is absent is null. refused: bytes that',
      'are not the message. A signed structure is shown as {value, signature}.',
    ],
    cases,
    refused,
  })
}
