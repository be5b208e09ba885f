/**
 * Events as CBOR arrays: kind, then the fields in order. The journal's hash vouches for what is
 * read back, so an unexpected shape is a bug or a newer version, and an assertion.
 * @module
 */
import { assert, present } from '../../protocol/assert.ts'
import type { WireValue } from '../../protocol/cbor.ts'
import { decodeCbor } from '../../protocol/cbor.ts'
import {
  channelStructure,
  commitmentStructure,
  fromWire,
  mandateStructure,
  receiptRootStructure,
  signedFromWire,
  signedToWire,
  statementStructure,
  toWire,
} from '../../protocol/structures.ts'
import type { GatewayEvent, SettledItem, SettlementItem } from './events.ts'
import { orderToWire, readOrder } from './orders.ts'
import { statementOutcomes } from './statements.ts'

export function eventToWire(event: GatewayEvent): WireValue {
  switch (event.kind) {
    case 'life':
      return ['life', event.life]
    case 'fleet':
      return ['fleet', event.fleet, event.signerKey, event.ownerKey ?? null, event.allocation]
    case 'device':
      return ['device', event.fleet, event.device, event.key]
    case 'revoked':
      return ['revoked', event.fleet, event.device, event.key]
    case 'channel': {
      const channel = toWire(channelStructure, event.channel)
      return ['channel', event.fleet, event.device, event.slot, event.unit, channel]
    }
    case 'mandate':
      return [
        'mandate',
        event.channel,
        signedToWire(mandateStructure, event.mandate),
        event.cover ? signedToWire(mandateStructure, event.cover) : null,
      ]
    case 'commitment': {
      const commitment = signedToWire(commitmentStructure, event.commitment)
      return ['commitment', event.channel, commitment, event.creditTicks]
    }
    case 'closed':
      return ['closed', event.channel]
    case 'paused':
      return ['paused', event.channel, event.paused]
    case 'fence':
      return ['fence', event.life]
    case 'lapsed':
      return ['lapsed', event.channel]
    case 'submitted':
      return ['submitted', event.key, event.items.map(itemToWire)]
    case 'settled':
      return ['settled', event.key, event.items.map(settledToWire)]
    case 'stated':
      return ['stated', signedToWire(statementStructure, event.statement), event.leaves]
    case 'cosigned':
      return ['cosigned', event.allocation, event.signature]
    case 'statement_ended':
      return ['statement_ended', event.allocation, event.outcome]
    case 'unstated':
      return ['unstated', event.allocation, event.takenBack]
    case 'restated': {
      const { allocation, leaves, strangers, statement } = event
      const wire = statement ? toWire(statementStructure, statement) : null
      return ['restated', allocation, leaves, strangers, wire]
    }
    case 'receipted': {
      const root = signedToWire(receiptRootStructure, event.root)
      return ['receipted', root, event.items, event.tariffs]
    }
    case 'order':
      return ['order', orderToWire(event.order)]
    case 'credential':
      return ['credential', event.fleet, event.name, event.record]
  }
}

function itemToWire(item: SettlementItem): WireValue {
  return [item.channel, item.epoch, item.index, item.word]
}

function settledToWire(item: SettledItem): WireValue {
  return [item.channel, item.paid, item.refused ?? null]
}

/** Reads what `eventToWire` wrote. */
export function decodeEvent(bytes: Uint8Array, maxBytes: number): GatewayEvent {
  const row = new Row(present(decodeCbor(bytes, maxBytes), 'a journal event is well formed'))
  const read = readers[row.text() as GatewayEvent['kind']]
  assert(read !== undefined, 'a journal event is of a known kind')
  return read(row)
}

const readers: { readonly [Kind in GatewayEvent['kind']]: (row: Row) => GatewayEvent } = {
  life: (row) => ({ kind: 'life', life: row.bytes() }),
  fleet: (row) => ({
    kind: 'fleet',
    fleet: row.text(),
    signerKey: row.bytes(),
    ownerKey: row.optionalBytes(),
    allocation: row.bytes(),
  }),
  device: (row) => ({ kind: 'device', fleet: row.text(), device: row.text(), key: row.bytes() }),
  revoked: (row) => ({ kind: 'revoked', fleet: row.text(), device: row.text(), key: row.bytes() }),
  channel: (row) => ({
    kind: 'channel',
    fleet: row.text(),
    device: row.text(),
    slot: row.integer(),
    unit: row.text(),
    channel: present(fromWire(channelStructure, row.next()), 'a journaled channel'),
  }),
  mandate: (row) => ({
    kind: 'mandate',
    channel: row.integer(),
    mandate: readMandate(row.next()),
    cover: row.optional(readMandate),
  }),
  commitment: (row) => ({
    kind: 'commitment',
    channel: row.integer(),
    commitment: present(signedFromWire(commitmentStructure, row.next()), 'a journaled commitment'),
    creditTicks: row.integer(),
  }),
  closed: (row) => ({ kind: 'closed', channel: row.integer() }),
  paused: (row) => ({ kind: 'paused', channel: row.integer(), paused: row.next() === true }),
  fence: (row) => ({ kind: 'fence', life: row.bytes() }),
  lapsed: (row) => ({ kind: 'lapsed', channel: row.integer() }),
  submitted: (row) => ({
    kind: 'submitted',
    key: row.bytes(),
    items: row.rows((item) => ({
      channel: item.integer(),
      epoch: item.integer(),
      index: item.integer(),
      word: item.bytes(),
    })),
  }),
  settled: (row) => ({
    kind: 'settled',
    key: row.bytes(),
    items: row.rows((item) => ({
      channel: item.integer(),
      paid: item.amount(),
      refused: item.optionalText(),
    })),
  }),
  stated: (row) => ({
    kind: 'stated',
    statement: present(signedFromWire(statementStructure, row.next()), 'a journaled statement'),
    leaves: row.bytes(),
  }),
  cosigned: (row) => ({ kind: 'cosigned', allocation: row.bytes(), signature: row.bytes() }),
  statement_ended: (row) => ({
    kind: 'statement_ended',
    allocation: row.bytes(),
    outcome: readOutcome(row.text()),
  }),
  unstated: (row) => ({
    kind: 'unstated',
    allocation: row.bytes(),
    takenBack: row.next() === true,
  }),
  restated: (row) => ({
    kind: 'restated',
    allocation: row.bytes(),
    leaves: row.bytes(),
    strangers: row.bytes(),
    statement: row.optional((wire) =>
      present(fromWire(statementStructure, wire), 'a journaled statement'),
    ),
  }),
  receipted: (row) => ({
    kind: 'receipted',
    root: present(signedFromWire(receiptRootStructure, row.next()), 'a journaled root'),
    items: row.bytes(),
    tariffs: row.bytes(),
  }),
  order: (row) => ({ kind: 'order', order: readOrder(new Row(row.next())) }),
  credential: (row) => ({
    kind: 'credential',
    fleet: row.text(),
    name: row.text(),
    record: row.text(),
  }),
}

function readOutcome(text: string) {
  return present(
    statementOutcomes.find((one) => one === text),
    'a statement ends in a known way',
  )
}

export function readMandate(wire: WireValue) {
  return present(signedFromWire(mandateStructure, wire), 'a stored mandate is whole')
}

function integerOf(value: WireValue): bigint {
  assert(typeof value === 'number' || typeof value === 'bigint', 'the field is an integer')
  return BigInt(value)
}

/** Reads the fields of a CBOR array one after the other. */
export class Row {
  private place = 0
  private readonly values: readonly WireValue[]

  constructor(wire: WireValue) {
    assert(Array.isArray(wire), 'a row is an array')
    this.values = wire
  }

  next(): WireValue {
    return present(this.values[this.place++], 'a row has all its fields')
  }

  /** True when every field was read. */
  isOver(): boolean {
    return this.place >= this.values.length
  }

  /** The array itself. */
  whole(): WireValue {
    return [...this.values]
  }

  text(): string {
    const value = this.next()
    assert(typeof value === 'string', 'the field is text')
    return value
  }

  optional<T>(read: (wire: WireValue) => T): T | undefined {
    const value = this.next()
    return value === null ? undefined : read(value)
  }

  optionalText(): string | undefined {
    const value = this.next()
    assert(value === null || typeof value === 'string', 'the field is text or null')
    return value ?? undefined
  }

  bytes(): Uint8Array {
    const value = this.next()
    assert(value instanceof Uint8Array, 'the field is bytes')
    return value
  }

  optionalBytes(): Uint8Array | undefined {
    const value = this.next()
    assert(value === null || value instanceof Uint8Array, 'the field is bytes or null')
    return value ?? undefined
  }

  integer(): number {
    const value = this.next()
    return typeof value === 'number' ? value : Number(integerOf(value))
  }

  amount(): bigint {
    return integerOf(this.next())
  }

  rows<T>(read: (row: Row) => T): readonly T[] {
    const value = this.next()
    assert(Array.isArray(value), 'the field is a list')
    return value.map((one: WireValue) => read(new Row(one)))
  }
}
