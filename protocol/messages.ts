/**
 * The messages between a device and its gateway, except the tick: deterministic CBOR arrays that
 * begin with the wire version. One encode and one decode for each; decoding answers undefined for
 * anything that is not exactly the message.
 * @module
 */
import { utf8ToBytes } from './bytes.ts'
import type { WireValue } from './cbor.ts'
import { decodeCbor, encodeCbor } from './cbor.ts'
import { isId } from './ids.ts'
import {
  CHANNELS_PER_DEVICE_MAX,
  TARIFFS_MAX,
  TICKS_PER_MESSAGE_MAX,
  UNIT_BYTES_MAX,
  WIRE_VERSION,
} from './limits.ts'
import type { CommitmentReason, SupplyLevel, SupplyReason, TickReason } from './reasons.ts'
import { commitmentReasons, supplyLevels, supplyReasons, tickReasons } from './reasons.ts'
import type { Channel, Commitment, Mandate, Signed, Tariff, Time } from './structures.ts'
import {
  channelStructure,
  commitmentStructure,
  fromWire,
  mandateStructure,
  signedFromWire,
  signedToWire,
  tariffStructure,
  timeStructure,
  toWire,
} from './structures.ts'

/** Proof of a journal position, made by the gateway: the device returns it in its next hello. */
export type Mark = {
  /** 16 random bytes, new at each start of the gateway's store. */
  readonly life: Uint8Array
  readonly position: number
  /** 16 bytes only this gateway can make. */
  readonly seal: Uint8Array
}

export type MeterOffer = { readonly meter: string; readonly unit: string }

/** up/hello */
export type Hello = { readonly mark: Mark | undefined; readonly meters: readonly MeterOffer[] }

/** down/welcome */
export type Welcome = {
  readonly timeSeconds: number
  readonly mark: Mark
  readonly tariffs: readonly Signed<Tariff>[]
  /** How many `slot` messages follow. */
  readonly slots: number
}

export type SupplyState = { readonly level: SupplyLevel; readonly reason: SupplyReason }

/** What the gateway holds of a channel: proof enough for a device that remembers nothing. */
export type Held = {
  readonly commitment: Signed<Commitment>
  readonly index: number
  readonly word: Uint8Array
}

/** down/slot */
export type Slot = {
  readonly slot: number
  readonly channel: Channel
  readonly mandate: Signed<Mandate> | undefined
  readonly held: Held | undefined
  /** The pending renewal, if one is committed beyond the held word's commitment. */
  readonly pending: Signed<Commitment> | undefined
  readonly maxLength: number
  readonly supply: SupplyState
}

/** up/open and up/commit */
export type Commit = { readonly slot: number; readonly commitment: Signed<Commitment> }

/** down/accept: the commitment is durable. */
export type Accept = { readonly slot: number; readonly epoch: number; readonly mark: Mark }

export type AckEntry = {
  readonly slot: number
  readonly epoch: number
  readonly index: number
  readonly supply: SupplyState
}

/** down/ack: what is durable; only this frees credit. */
export type Ack = { readonly mark: Mark; readonly entries: readonly AckEntry[] }

export type RejectedName = 'tick' | 'commit' | 'open' | 'hello' | 'reading' | 'close'

/** down/reject */
export type Reject = {
  readonly slot: number
  readonly refused: RejectedName
  readonly reason: TickReason | CommitmentReason
  readonly held: Held | undefined
  readonly pending: Signed<Commitment> | undefined
}

/** down/supply */
export type SupplyNotice = { readonly slot: number; readonly supply: SupplyState }

/** up/reading: what the meter says, for people; it pays nothing. */
export type ReadingNotice = { readonly slot: number; readonly register: bigint }

/** up/close: the device ends its channel at what is held. */
export type CloseRequest = { readonly slot: number }

function decodeFields(bytes: Uint8Array, count: number): readonly WireValue[] | undefined {
  const wire = decodeCbor(bytes)
  if (!Array.isArray(wire) || wire.length !== count + 1 || wire[0] !== WIRE_VERSION) {
    return undefined
  }
  return wire.slice(1)
}

function encodeFields(...fields: readonly WireValue[]): Uint8Array {
  return encodeCbor([WIRE_VERSION, ...fields])
}

/** Decodes an optional part: null is absent, `bad` is neither null nor the part. */
const bad = Symbol('bad')
function optional<T>(
  wire: WireValue | undefined,
  read: (wire: WireValue) => T | undefined,
): T | undefined | typeof bad {
  if (wire === null) return undefined
  return wire === undefined ? bad : (read(wire) ?? bad)
}

/** Reads every element; undefined when one is bad or there are more than `max`. */
function list<T>(
  wire: WireValue | undefined,
  max: number,
  read: (wire: WireValue) => T | undefined,
): readonly T[] | undefined {
  if (!Array.isArray(wire) || wire.length > max) return undefined
  const values: T[] = []
  for (const one of wire) {
    const value = read(one)
    if (value === undefined) return undefined
    values.push(value)
  }
  return values
}

function isUint(wire: WireValue | undefined, max: number): wire is number {
  return typeof wire === 'number' && wire <= max
}

function count(wire: WireValue | undefined): number | undefined {
  if (typeof wire !== 'number' && typeof wire !== 'bigint') return undefined
  return wire <= Number.MAX_SAFE_INTEGER ? Number(wire) : undefined
}

function isSlot(wire: WireValue | undefined): wire is number {
  return isUint(wire, CHANNELS_PER_DEVICE_MAX - 1)
}

function fixed(wire: WireValue | undefined, length: number): wire is Uint8Array {
  return wire instanceof Uint8Array && wire.length === length
}

function markToWire(mark: Mark): WireValue {
  return [mark.life, mark.position, mark.seal]
}

function readMark(wire: WireValue): Mark | undefined {
  if (!Array.isArray(wire) || wire.length !== 3) return undefined
  const [life, positionWire, seal] = wire
  const position = count(positionWire)
  if (!fixed(life, 16) || !fixed(seal, 16) || position === undefined) return undefined
  return { life, position, seal }
}

function supplyToWire(supply: SupplyState): WireValue {
  return [supplyLevels.indexOf(supply.level), supplyReasons.indexOf(supply.reason)]
}

function readSupply(wire: WireValue | undefined): SupplyState | undefined {
  if (!Array.isArray(wire) || wire.length !== 2) return undefined
  const [levelWire, reasonWire] = wire
  const level = typeof levelWire === 'number' ? supplyLevels[levelWire] : undefined
  const reason = typeof reasonWire === 'number' ? supplyReasons[reasonWire] : undefined
  return level && reason ? { level, reason } : undefined
}

const readCommitment = (wire: WireValue) => signedFromWire(commitmentStructure, wire)

function heldToWire(held: Held | undefined): WireValue {
  if (!held) return null
  return [...signedToWire(commitmentStructure, held.commitment), held.index, held.word]
}

function readHeld(wire: WireValue): Held | undefined {
  if (!Array.isArray(wire) || wire.length !== 4) return undefined
  const commitment = readCommitment(wire.slice(0, 2))
  const [, , index, word] = wire
  if (!commitment || !isUint(index, commitment.value.length) || !fixed(word, 32)) return undefined
  return { commitment, index, word }
}

function pendingToWire(pending: Signed<Commitment> | undefined): WireValue {
  return pending ? signedToWire(commitmentStructure, pending) : null
}

export function encodeHello(hello: Hello): Uint8Array {
  const meters = hello.meters.map(({ meter, unit }) => [meter, unit])
  return encodeFields(hello.mark ? markToWire(hello.mark) : null, meters)
}

export function decodeHello(bytes: Uint8Array): Hello | undefined {
  const fields = decodeFields(bytes, 2)
  const mark = optional(fields?.[0], readMark)
  const meters = list(fields?.[1], CHANNELS_PER_DEVICE_MAX, readMeterOffer)
  return mark === bad || !meters ? undefined : { mark, meters }
}

function readMeterOffer(wire: WireValue): MeterOffer | undefined {
  if (!Array.isArray(wire) || wire.length !== 2) return undefined
  const [meter, unit] = wire
  if (typeof meter !== 'string' || !isId(meter)) return undefined
  return typeof unit === 'string' && utf8ToBytes(unit).length <= UNIT_BYTES_MAX
    ? { meter, unit }
    : undefined
}

export function encodeWelcome(welcome: Welcome): Uint8Array {
  const tariffs = welcome.tariffs.map((tariff) => signedToWire(tariffStructure, tariff))
  return encodeFields(welcome.timeSeconds, markToWire(welcome.mark), tariffs, welcome.slots)
}

export function decodeWelcome(bytes: Uint8Array): Welcome | undefined {
  const fields = decodeFields(bytes, 4)
  const timeSeconds = count(fields?.[0])
  const mark = optional(fields?.[1], readMark)
  const tariffs = list(fields?.[2], TARIFFS_MAX, (one) => signedFromWire(tariffStructure, one))
  const slots = fields?.[3]
  if (timeSeconds === undefined || mark === bad || !mark || !tariffs) return undefined
  return isUint(slots, CHANNELS_PER_DEVICE_MAX) ? { timeSeconds, mark, tariffs, slots } : undefined
}

/** down/welcome of a stale-clock session: the gateway's signed time and nothing else. */
export function encodeTime(signed: Signed<Time>): Uint8Array {
  return encodeFields(signedToWire(timeStructure, signed))
}

export function decodeTime(bytes: Uint8Array): Signed<Time> | undefined {
  const fields = decodeFields(bytes, 1)
  return fields?.[0] === undefined ? undefined : signedFromWire(timeStructure, fields[0])
}

export function encodeSlot(slot: Slot): Uint8Array {
  return encodeFields(
    slot.slot,
    toWire(channelStructure, slot.channel),
    slot.mandate ? signedToWire(mandateStructure, slot.mandate) : null,
    heldToWire(slot.held),
    pendingToWire(slot.pending),
    slot.maxLength,
    supplyToWire(slot.supply),
  )
}

export function decodeSlot(bytes: Uint8Array): Slot | undefined {
  const fields = decodeFields(bytes, 7)
  if (!fields) return undefined
  const [slot, channelWire, mandateWire, heldWire, pendingWire, maxLength, supplyWire] = fields
  const channel = fromWire(channelStructure, channelWire ?? null)
  const mandate = optional(mandateWire, (one) => signedFromWire(mandateStructure, one))
  const held = optional(heldWire, readHeld)
  const pending = optional(pendingWire, readCommitment)
  const supply = readSupply(supplyWire)
  if (!isSlot(slot) || !channel || mandate === bad || held === bad || pending === bad) {
    return undefined
  }
  if (!isUint(maxLength, 0xffff_ffff) || !supply) return undefined
  return { slot, channel, mandate, held, pending, maxLength, supply }
}

export function encodeCommit(commit: Commit): Uint8Array {
  return encodeFields(commit.slot, signedToWire(commitmentStructure, commit.commitment))
}

export function decodeCommit(bytes: Uint8Array): Commit | undefined {
  const fields = decodeFields(bytes, 2)
  const slot = fields?.[0]
  const commitment = readCommitment(fields?.[1] ?? null)
  return isSlot(slot) && commitment ? { slot, commitment } : undefined
}

export function encodeAccept(accept: Accept): Uint8Array {
  return encodeFields(accept.slot, accept.epoch, markToWire(accept.mark))
}

export function decodeAccept(bytes: Uint8Array): Accept | undefined {
  const fields = decodeFields(bytes, 3)
  const [slot, epoch] = fields ?? []
  const mark = optional(fields?.[2], readMark)
  if (!isSlot(slot) || !isUint(epoch, 0xffff_ffff) || mark === bad || !mark) return undefined
  return { slot, epoch, mark }
}

export function encodeAck(ack: Ack): Uint8Array {
  const entries = ack.entries.map((entry) => [
    entry.slot,
    entry.epoch,
    entry.index,
    supplyToWire(entry.supply),
  ])
  return encodeFields(markToWire(ack.mark), entries)
}

export function decodeAck(bytes: Uint8Array): Ack | undefined {
  const fields = decodeFields(bytes, 2)
  const mark = optional(fields?.[0], readMark)
  const entries = list(fields?.[1], TICKS_PER_MESSAGE_MAX, readAckEntry)
  return mark === bad || !mark || !entries ? undefined : { mark, entries }
}

function readAckEntry(wire: WireValue): AckEntry | undefined {
  if (!Array.isArray(wire) || wire.length !== 4) return undefined
  const [slot, epoch, index] = wire
  const supply = readSupply(wire[3])
  if (!isSlot(slot) || !isUint(epoch, 0xffff_ffff) || !isUint(index, 0xffff_ffff)) return undefined
  return supply && { slot, epoch, index, supply }
}

/** Wire order of what can be refused and why: appended to, never reordered. */
const rejectedNames = ['tick', 'commit', 'open', 'hello', 'reading', 'close'] as const
const rejectReasons = [
  ...new Set([...Object.keys(tickReasons), ...Object.keys(commitmentReasons)]),
] as readonly (TickReason | CommitmentReason)[]

export function encodeReject(reject: Reject): Uint8Array {
  return encodeFields(
    reject.slot,
    reject.refused,
    reject.reason,
    heldToWire(reject.held),
    pendingToWire(reject.pending),
  )
}

export function decodeReject(bytes: Uint8Array): Reject | undefined {
  const fields = decodeFields(bytes, 5)
  const slot = fields?.[0]
  const refused = rejectedNames.find((name) => name === fields?.[1])
  const reason = rejectReasons.find((one) => one === fields?.[2])
  const held = optional(fields?.[3], readHeld)
  const pending = optional(fields?.[4], readCommitment)
  if (!isUint(slot, 255) || !refused || !reason || held === bad || pending === bad) return undefined
  return { slot, refused, reason, held, pending }
}

export function encodeSupply(notice: SupplyNotice): Uint8Array {
  return encodeFields(notice.slot, supplyToWire(notice.supply))
}

export function decodeSupply(bytes: Uint8Array): SupplyNotice | undefined {
  const fields = decodeFields(bytes, 2)
  const slot = fields?.[0]
  const supply = readSupply(fields?.[1])
  return isSlot(slot) && supply ? { slot, supply } : undefined
}

export function encodeReading(reading: ReadingNotice): Uint8Array {
  return encodeFields(reading.slot, reading.register)
}

export function decodeReading(bytes: Uint8Array): ReadingNotice | undefined {
  const fields = decodeFields(bytes, 2)
  const [slot, register] = fields ?? []
  if (!isSlot(slot) || (typeof register !== 'number' && typeof register !== 'bigint')) {
    return undefined
  }
  return { slot, register: BigInt(register) }
}

export function encodeClose(close: CloseRequest): Uint8Array {
  return encodeFields(close.slot)
}

export function decodeClose(bytes: Uint8Array): CloseRequest | undefined {
  const slot = decodeFields(bytes, 1)?.[0]
  return isSlot(slot) ? { slot } : undefined
}
