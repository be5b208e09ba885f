/**
 * The signed structures. One table per structure gives its EIP-712 type, its CBOR form and its
 * TypeScript type, so that the three cannot drift apart. Field order is wire order.
 * @module
 */
import { utf8ToBytes } from './bytes.ts'
import type { WireValue } from './cbor.ts'
import type { Domain, FieldType, FieldValue, StructureType } from './typedData.ts'
import { typedDigest } from './typedData.ts'

/** Kinds of field: the EIP-712 type each has, and how it is carried in TypeScript. */
const kinds = {
  uint8: { type: 'uint8', carried: 'number', max: 0xffn },
  uint16: { type: 'uint16', carried: 'number', max: 0xffffn },
  uint32: { type: 'uint32', carried: 'number', max: 0xffff_ffffn },
  /** Seconds since 1970. */
  seconds: { type: 'uint64', carried: 'number', max: BigInt(Number.MAX_SAFE_INTEGER) },
  count: { type: 'uint64', carried: 'number', max: BigInt(Number.MAX_SAFE_INTEGER) },
  amount: { type: 'uint64', carried: 'bigint', max: (1n << 64n) - 1n },
  units: { type: 'uint64', carried: 'bigint', max: (1n << 64n) - 1n },
  text: { type: 'string', carried: 'string', max: 64n },
  bytes: { type: 'bytes', carried: 'bytes', max: 64n },
  bytes32: { type: 'bytes32', carried: 'bytes', max: 32n },
  address: { type: 'address', carried: 'bytes', max: 20n },
} as const satisfies Record<string, { type: FieldType; carried: string; max: bigint }>

type Kind = keyof typeof kinds
type Carried = { number: number; bigint: bigint; string: string; bytes: Uint8Array }
type Fields = Readonly<Record<string, Kind>>
type ValueOf<F extends Fields> = {
  readonly [Name in keyof F]: Carried[(typeof kinds)[F[Name]]['carried']]
}

export type Structure<F extends Fields> = { readonly type: StructureType; readonly fields: F }
export type Value<S> = S extends Structure<infer F> ? ValueOf<F> : never

/** A structure with the 64-byte signature over its digest. */
export type Signed<T> = { readonly value: T; readonly signature: Uint8Array }

/** For the modules of this folder: everything that is signed is one. */
export function structure<const F extends Fields>(name: string, fields: F): Structure<F> {
  const typed = Object.entries(fields).map(([field, kind]) => ({
    name: field,
    type: kinds[kind].type,
  }))
  return { type: { name, fields: typed }, fields }
}

/**
 * A login: the device (or the fleet itself, device `_`) proves its key. It is the MQTT password.
 */
export const connectStructure = structure('Connect', {
  gateway: 'text',
  fleet: 'text',
  device: 'text',
  issuedAt: 'seconds',
  nonce: 'bytes32',
})
export type Connect = Value<typeof connectStructure>

/** The gateway's time for a device whose Connect had a good signature and a bad time. */
export const timeStructure = structure('Time', {
  gateway: 'text',
  nonce: 'bytes32',
  time: 'seconds',
})
export type Time = Value<typeof timeStructure>

/** What a fleet has set aside for one gateway, payee and asset; its digest is the allocation id. */
export const allocationStructure = structure('Allocation', {
  fleet: 'text',
  gateway: 'text',
  payee: 'address',
  assetCode: 'text',
  assetScale: 'uint8',
})
export type Allocation = Value<typeof allocationStructure>

/** One payer key's running debt to one payee for one meter; its digest is the channel id. */
export const channelStructure = structure('Channel', {
  payerAlgorithm: 'uint8',
  payerKey: 'bytes',
  payee: 'address',
  feeBasisPoints: 'uint16',
  fleet: 'text',
  gateway: 'text',
  assetCode: 'text',
  assetScale: 'uint8',
  meter: 'text',
  allocation: 'bytes32',
  position: 'uint32',
  salt: 'bytes32',
})
export type Channel = Value<typeof channelStructure>

/** A fleet's permission: `limit` is the ceiling of the channel's cumulative amount. */
export const mandateStructure = structure('Mandate', {
  channelId: 'bytes32',
  sequence: 'count',
  limit: 'amount',
  limitPerDay: 'amount',
  notBefore: 'seconds',
  expiry: 'seconds',
  claimUntil: 'seconds',
})
export type Mandate = Value<typeof mandateStructure>

/** A dated price: in force from `validFrom` until just before `validUntil`. */
export const tariffStructure = structure('Tariff', {
  gateway: 'text',
  payee: 'address',
  unit: 'text',
  unitsPerTick: 'units',
  pricePerTick: 'amount',
  assetCode: 'text',
  assetScale: 'uint8',
  creditTicks: 'uint32',
  validFrom: 'seconds',
  validUntil: 'seconds',
})
export type Tariff = Value<typeof tariffStructure>

/** Opens an epoch: `kind` is RENEWAL or CHECKPOINT. */
export const commitmentStructure = structure('Commitment', {
  kind: 'uint8',
  channelId: 'bytes32',
  epoch: 'uint32',
  base: 'amount',
  root: 'bytes32',
  length: 'uint32',
  unitsPerTick: 'units',
  pricePerTick: 'amount',
  startReading: 'units',
  tariffHash: 'bytes32',
  issuedAt: 'seconds',
  expiry: 'seconds',
})
export type Commitment = Value<typeof commitmentStructure>

export const RENEWAL = 1
export const CHECKPOINT = 2

/**
 * What all channels of an allocation owe since it was opened. Signed by the gateway, then by the
 * fleet's signer over the same digest.
 */
export const statementStructure = structure('Statement', {
  allocation: 'bytes32',
  sequence: 'count',
  total: 'amount',
  evidencePaid: 'amount',
  positions: 'uint32',
  root: 'bytes32',
  issuedAt: 'seconds',
  expiry: 'seconds',
})
export type Statement = Value<typeof statementStructure>

/** How far a channel had come; it is signed as a leaf of the tree under a ReceiptRoot. */
export const receiptStructure = structure('Receipt', {
  channelId: 'bytes32',
  epoch: 'uint32',
  index: 'uint32',
  amount: 'amount',
  units: 'units',
  register: 'units',
  tariffHash: 'bytes32',
  position: 'count',
})
export type Receipt = Value<typeof receiptStructure>

/** The gateway's one signature for the receipts of all channels that moved. */
export const receiptRootStructure = structure('ReceiptRoot', {
  gateway: 'text',
  life: 'bytes',
  previous: 'bytes32',
  position: 'count',
  root: 'bytes32',
  channels: 'uint32',
  issuedAt: 'seconds',
})
export type ReceiptRoot = Value<typeof receiptRootStructure>

/** The end of a channel, as who asks for it sees it. */
export const closeStructure = structure('Close', {
  channelId: 'bytes32',
  epoch: 'uint32',
  index: 'uint32',
  amount: 'amount',
  nonce: 'count',
  issuedAt: 'seconds',
  expiry: 'seconds',
})
export type Close = Value<typeof closeStructure>

/** An order of the fleet's signer; its nonce rises strictly per fleet and gateway. */
export const commandStructure = structure('Command', {
  gateway: 'text',
  fleet: 'text',
  verb: 'text',
  scope: 'text',
  argumentsHash: 'bytes32',
  nonce: 'count',
  issuedAt: 'seconds',
  expiry: 'seconds',
})
export type Command = Value<typeof commandStructure>

/** Another key for `subject`; for the role `signer` the fleet's owner signs it. */
export const rotateStructure = structure('Rotate', {
  gateway: 'text',
  fleet: 'text',
  role: 'text',
  subject: 'text',
  algorithm: 'uint8',
  key: 'bytes',
  nonce: 'count',
  issuedAt: 'seconds',
  expiry: 'seconds',
})
export type Rotate = Value<typeof rotateStructure>

/** The EIP-712 digest of `value` in `domain`. */
export function digestOf<F extends Fields>(
  domain: Domain,
  structure: Structure<F>,
  value: ValueOf<F>,
): Uint8Array {
  return typedDigest(domain, structure.type, value as Readonly<Record<string, FieldValue>>)
}

/** The fields as a CBOR array, in order. */
export function toWire<F extends Fields>(structure: Structure<F>, value: ValueOf<F>): WireValue[] {
  return structure.type.fields.map(({ name }) => value[name as keyof F] as WireValue)
}

/** Reads the fields; undefined when one is missing, of another type or out of range. */
export function fromWire<F extends Fields>(
  structure: Structure<F>,
  wire: WireValue,
): ValueOf<F> | undefined {
  const { fields } = structure.type
  if (!Array.isArray(wire) || wire.length !== fields.length) return undefined
  const value: Record<string, FieldValue> = {}
  let position = 0
  for (const { name } of fields) {
    const field = readField(structure.fields[name] as Kind, wire[position] as WireValue)
    if (field === undefined) return undefined
    value[name] = field
    position += 1
  }
  return value as ValueOf<F>
}

function readField(kind: Kind, wire: WireValue): FieldValue | undefined {
  const { carried, max, type } = kinds[kind]
  if (carried === 'string') {
    return typeof wire === 'string' && isWithin(wire, Number(max)) ? wire : undefined
  }
  if (carried === 'bytes') {
    if (!(wire instanceof Uint8Array) || wire.length > max) return undefined
    return type !== 'bytes' && wire.length !== Number(max) ? undefined : wire
  }
  if (typeof wire !== 'number' && typeof wire !== 'bigint') return undefined
  const number = BigInt(wire)
  if (number < 0n || number > max) return undefined
  return carried === 'bigint' ? number : Number(number)
}

/** True when the text takes at most so many bytes; a character of a string takes 3 at most. */
function isWithin(text: string, bytesMax: number): boolean {
  return text.length * 3 <= bytesMax || utf8ToBytes(text).length <= bytesMax
}

/** `[[fields], signature]`. */
export function signedToWire<F extends Fields>(
  structure: Structure<F>,
  signed: Signed<ValueOf<F>>,
): WireValue[] {
  return [toWire(structure, signed.value), signed.signature]
}

export function signedFromWire<F extends Fields>(
  structure: Structure<F>,
  wire: WireValue,
): Signed<ValueOf<F>> | undefined {
  if (!Array.isArray(wire) || wire.length !== 2) return undefined
  const [fields, signature] = wire
  if (!(signature instanceof Uint8Array) || signature.length !== 64) return undefined
  const value = fromWire(structure, fields as WireValue)
  return value && { value, signature }
}
