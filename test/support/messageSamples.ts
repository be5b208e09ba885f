/**
 * Samples of every CBOR message, with its codec.
 * @module
 */
import type { WireValue } from '../../protocol/cbor.ts'
import * as orders from '../../protocol/deviceOrders.ts'
import type { Reject, Slot, Welcome } from '../../protocol/messages.ts'
import * as messages from '../../protocol/messages.ts'
import type { ReceiptProof } from '../../protocol/receipts.ts'
import * as receipts from '../../protocol/receipts.ts'
import {
  digestOf,
  mandateStructure,
  receiptRootStructure,
  tariffStructure,
  timeStructure,
} from '../../protocol/structures.ts'
import {
  channel,
  counting,
  domain,
  gateway,
  gatewayKey,
  mandate,
  mark,
  nowSeconds,
  signCommitment,
  signed,
  signerKey,
  tariff,
} from './fixtures.ts'
import { renewal, running } from './registers.ts'

/** A message kind: how it is written and read, and values of it. */
export type MessageKind = {
  readonly name: string
  readonly topics: readonly string[]
  readonly samples: readonly { readonly value: unknown; readonly bytes: Uint8Array }[]
  readonly decode: (bytes: Uint8Array) => unknown
  /** Decodes and encodes again; undefined when refused. */
  readonly again: (bytes: Uint8Array) => Uint8Array | undefined
}

function kind<T>(
  name: string,
  topics: readonly string[],
  encode: (value: T) => Uint8Array,
  decode: (bytes: Uint8Array) => T | undefined,
  values: readonly T[],
): MessageKind {
  return {
    name,
    topics,
    samples: values.map((value) => ({ value, bytes: encode(value) })),
    decode,
    again: (bytes) => {
      const value = decode(bytes)
      return value === undefined ? undefined : encode(value)
    },
  }
}

const signedRunning = signCommitment(running.commitment)
const signedRenewal = signCommitment(renewal.commitment)
const signedMandate = signed(signerKey, mandate, digestOf(domain, mandateStructure, mandate))
const signedTariff = signed(gatewayKey, tariff, digestOf(domain, tariffStructure, tariff))
const held = { commitment: signedRunning, index: 1_700, word: running.chain.wordAt(1_700) }
const on = { level: 'on', reason: 'ok' } as const
const off = { level: 'off', reason: 'closed' } as const
const limited = { level: 'limited', reason: 'fenced' } as const

const welcome: Welcome = { timeSeconds: nowSeconds, mark, tariffs: [signedTariff], slots: 2 }
const slot: Slot = {
  slot: 2,
  channel,
  mandate: signedMandate,
  held,
  pending: signedRenewal,
  maxLength: 65_536,
  supply: on,
}
const reject: Reject = {
  slot: 2,
  refused: 'tick',
  reason: 'bad_word',
  held,
  pending: signedRenewal,
}
const receiptRoot = {
  gateway,
  life: mark.life,
  previous: counting(0x11),
  position: 4_711,
  root: counting(0x22),
  channels: 5,
  issuedAt: nowSeconds,
}
const receipt: ReceiptProof = {
  receipt: {
    channelId: running.commitment.channelId,
    epoch: 3,
    index: 1_700,
    amount: 510_000n,
    units: 17_000n,
    register: 20_000n,
    tariffHash: running.commitment.tariffHash,
    position: 4_708,
  },
  place: 4,
  path: [counting(0x33), counting(0x44), counting(0x55)],
  root: signed(gatewayKey, receiptRoot, digestOf(domain, receiptRootStructure, receiptRoot)),
}
const time = { gateway, nonce: counting(9), time: nowSeconds }

export const messageKinds: readonly MessageKind[] = [
  kind('hello', ['up/hello'], messages.encodeHello, messages.decodeHello, [
    { mark: undefined, meters: [{ meter: 'energy', unit: 'Wh' }] },
    {
      mark,
      meters: [
        { meter: 'energy', unit: 'Wh' },
        { meter: 'water-2', unit: 'm³' },
      ],
    },
    { mark: { ...mark, position: Number.MAX_SAFE_INTEGER }, meters: [] },
  ]),
  kind('welcome', ['down/welcome'], messages.encodeWelcome, messages.decodeWelcome, [
    welcome,
    { ...welcome, tariffs: [], slots: 0 },
    { ...welcome, tariffs: Array.from({ length: 12 }, () => signedTariff), slots: 64 },
  ]),
  kind('time', ['down/welcome'], messages.encodeTime, messages.decodeTime, [
    signed(gatewayKey, time, digestOf(domain, timeStructure, time)),
  ]),
  kind('slot', ['down/slot'], messages.encodeSlot, messages.decodeSlot, [
    slot,
    { ...slot, pending: undefined, supply: limited },
    { ...slot, slot: 63, held: undefined, pending: undefined, mandate: undefined, supply: off },
  ]),
  kind('commit', ['up/open', 'up/commit'], messages.encodeCommit, messages.decodeCommit, [
    { slot: 0, commitment: signedRunning },
    { slot: 63, commitment: signedRenewal },
  ]),
  kind('accept', ['down/accept'], messages.encodeAccept, messages.decodeAccept, [
    { slot: 2, epoch: 3, mark },
    { slot: 63, epoch: 0xffff_ffff, mark },
  ]),
  kind('ack', ['down/ack'], messages.encodeAck, messages.decodeAck, [
    { mark, entries: [{ slot: 2, epoch: 3, index: 101, supply: on }] },
    { mark, entries: [] },
    {
      mark,
      entries: Array.from({ length: 64 }, (_, slotNumber) => ({
        slot: slotNumber,
        epoch: 0xffff_ffff,
        index: 65_536,
        supply: off,
      })),
    },
  ]),
  kind('reject', ['down/reject'], messages.encodeReject, messages.decodeReject, [
    reject,
    { ...reject, refused: 'commit', reason: 'not_continuous', pending: undefined },
    { slot: 255, refused: 'open', reason: 'malformed', held: undefined, pending: undefined },
  ]),
  kind('supply', ['down/supply'], messages.encodeSupply, messages.decodeSupply, [
    { slot: 2, supply: on },
    { slot: 3, supply: limited },
    { slot: 4, supply: off },
  ]),
  kind('command', ['down/command'], orders.encodeDeviceOrders, orders.decodeDeviceOrders, [
    {
      limits: { minute: 0n, day: 5_000_000n, month: (1n << 64n) - 1n },
      ceilings: { Wh: { price: 30n, units: 1n }, mL: { price: 0n, units: 1_000n } },
    },
    orders.noDeviceOrders,
    {
      limits: { hour: 900_000n },
      ceilings: Object.fromEntries(
        Array.from({ length: 16 }, (_, at) => [`${at + 10} m³`, { price: 1n, units: 7n }]),
      ),
    },
  ]),
  kind('receipt', ['down/receipt'], receipts.encodeReceipt, receipts.decodeReceipt, [
    receipt,
    { ...receipt, place: 0, path: [] },
    { ...receipt, path: Array.from({ length: 20 }, (_, height) => counting(height)) },
  ]),
  kind(
    'receiptRequest',
    ['up/receipt'],
    receipts.encodeReceiptRequest,
    receipts.decodeReceiptRequest,
    [{ slot: 0 }, { slot: 63 }],
  ),
  kind('reading', ['up/reading'], messages.encodeReading, messages.decodeReading, [
    { slot: 2, register: 0n },
    { slot: 2, register: (1n << 64n) - 1n },
  ]),
  kind('close', ['up/close'], messages.encodeClose, messages.decodeClose, [{ slot: 2 }]),
]

export type Path = readonly number[]

/** Every place of a value, its own first. */
export function pathsOf(wire: WireValue, path: Path = []): readonly Path[] {
  if (!Array.isArray(wire)) return [path]
  return [path, ...wire.flatMap((one, position) => pathsOf(one, [...path, position]))]
}

/** `wire` with `change` applied to the value at `path`. */
export function alterAt(
  wire: WireValue,
  path: Path,
  change: (old: WireValue) => WireValue,
): WireValue {
  const [first, ...rest] = path
  if (first === undefined) return change(wire)
  if (!Array.isArray(wire)) throw new RangeError('no such place')
  return wire.map((one, position) => (position === first ? alterAt(one, rest, change) : one))
}
