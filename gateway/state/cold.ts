/**
 * Cold state: what a tick does not need. Records are written once and replaced whole, keyed so that
 * replaying the journal over a newer store ends in the same records. What an entry not yet durable
 * in the journal wrote stays in an overlay, so the store never knows more than the journal.
 * @module
 */
import type { KeyValue } from '../../ports/index.ts'
import { present } from '../../protocol/assert.ts'
import { bytesToHex, concatBytes, utf8ToBytes } from '../../protocol/bytes.ts'
import type { WireValue } from '../../protocol/cbor.ts'
import { decodeStored, encodeCbor } from '../../protocol/cbor.ts'
import type { Channel, Commitment, Mandate, Signed } from '../../protocol/structures.ts'
import {
  channelStructure,
  commitmentStructure,
  fromWire,
  mandateStructure,
  signedFromWire,
  signedToWire,
  toWire,
} from '../../protocol/structures.ts'
import { Row, readMandate } from './eventCodec.ts'

export type ColdChannel = {
  readonly fleet: string
  readonly device: string
  readonly slot: number
  readonly unit: string
  readonly channelId: Uint8Array
  readonly channel: Channel
}

export type ColdDevice = {
  /** Algorithm byte and key. */
  readonly key: Uint8Array
  /** Channel number of each slot. */
  readonly channels: readonly number[]
}

/** A revoked key is never used again. */
export type KeyUse = { readonly fleet: string; readonly device: string; readonly revoked: boolean }

export type ColdStore = {
  readonly device: (fleet: string, device: string) => ColdDevice | undefined
  readonly putDevice: (fleet: string, device: string, record: ColdDevice) => void
  /** Who uses a key, or used it last. */
  readonly keyUse: (key: Uint8Array) => KeyUse | undefined
  readonly putKeyUse: (key: Uint8Array, use: KeyUse) => void
  readonly channel: (channel: number) => ColdChannel
  /** False for one that must be there says that the database is not this store's. */
  readonly hasChannel: (channel: number) => boolean
  readonly putChannel: (channel: number, record: ColdChannel) => void
  readonly numberOf: (channelId: Uint8Array) => number | undefined
  /** The mandate in force. */
  readonly mandate: (channel: number) => Signed<Mandate> | undefined
  /** An earlier one that proves what the one in force does not. */
  readonly cover: (channel: number) => Signed<Mandate> | undefined
  /** The one in force and then its cover, as far as there are any. */
  readonly mandates: (channel: number) => readonly Signed<Mandate>[]
  readonly putMandate: (
    channel: number,
    mandate: Signed<Mandate>,
    cover: Signed<Mandate> | undefined,
  ) => void
  readonly commitment: (channel: number, epoch: number) => Signed<Commitment> | undefined
  readonly putCommitment: (channel: number, commitment: Signed<Commitment>) => void
  /** Forgets the commitments below `epoch`. */
  readonly dropCommitments: (channel: number, epoch: number) => void
  /** The newest `down/receipt` of a channel, as it was sent. */
  readonly receipt: (channel: number) => Uint8Array | undefined
  readonly putReceipt: (channel: number, payload: Uint8Array) => void
  /** Closes the batch that the next flush of the journal makes durable. */
  readonly seal: () => void
  /** Hands the sealed batch to the store; call when the journal holds what led to it. */
  readonly write: () => Promise<void>
}

const RECORD_BYTES_MAX = 16_384

/**
 * Records by hex key; undefined stands for a deletion. They are encoded when they are written: the
 * row of a device with 64 channels is put 64 times, and read more often, while they are opened.
 */
type Overlay = Map<string, readonly [Uint8Array, WireValue | undefined]>

export function coldStore(store: KeyValue): ColdStore {
  const overlay: Overlay = new Map()
  const sealed: Overlay = new Map()
  const get = (key: Uint8Array): Row | undefined => {
    const name = bytesToHex(key)
    const waiting = overlay.get(name) ?? sealed.get(name)
    if (waiting) return waiting[1] === undefined ? undefined : new Row(waiting[1])
    const bytes = store.get(key)
    return (
      bytes && new Row(present(decodeStored(bytes, RECORD_BYTES_MAX), 'a record is well formed'))
    )
  }
  const put = (key: Uint8Array, value: WireValue) => overlay.set(bytesToHex(key), [key, value])
  return {
    ...devices(get, put),
    ...channels(get, put),
    ...signed(get, put),
    receipt: (channel) => get(numberKey('r', channel))?.bytes(),
    putReceipt: (channel, payload) => put(numberKey('r', channel), [payload]),
    dropCommitments: (channel, epoch) => {
      const from = numberKey('k', channel, 0)
      for (const [key] of store.range(from, numberKey('k', channel, epoch))) {
        overlay.set(bytesToHex(key), [key, undefined])
      }
    },
    seal: () => {
      for (const [name, entry] of overlay) sealed.set(name, entry)
      overlay.clear()
    },
    write: async () => {
      if (sealed.size === 0) return
      const entries = [...sealed.values()].map(([key, value]) => {
        return [key, value === undefined ? undefined : encodeCbor(value)] as const
      })
      sealed.clear()
      await store.write(entries)
    },
  }
}

type Get = (key: Uint8Array) => Row | undefined
type Put = (key: Uint8Array, value: WireValue) => void

type Devices = Pick<ColdStore, 'device' | 'putDevice' | 'keyUse' | 'putKeyUse'>

function devices(get: Get, put: Put): Devices {
  return {
    keyUse: (key) => {
      const row = get(concatBytes(utf8ToBytes('y'), key))
      return row && { fleet: row.text(), device: row.text(), revoked: row.next() === true }
    },
    putKeyUse: (key, { fleet, device, revoked }) => {
      put(concatBytes(utf8ToBytes('y'), key), [fleet, device, revoked])
    },
    device: (fleet, device) => {
      const row = get(nameKey('d', `${fleet}/${device}`))
      return row && { key: row.bytes(), channels: row.rows((one) => one.integer()) }
    },
    putDevice: (fleet, device, record) =>
      put(nameKey('d', `${fleet}/${device}`), [record.key, record.channels.map((one) => [one])]),
  }
}

type Channels = Pick<ColdStore, 'channel' | 'hasChannel' | 'putChannel' | 'numberOf'>

/**
 * The same channel is asked for several times while one message is dealt with or one settlement is
 * made, and reading its record takes about 40 us. Each takes about 2 KB.
 */
const CHANNELS_REMEMBERED_MAX = 4_096

function channels(get: Get, put: Put): Channels {
  const remembered = new Map<number, ColdChannel>()
  const remember = (channel: number, record: ColdChannel) => {
    if (remembered.size >= CHANNELS_REMEMBERED_MAX) remembered.clear()
    remembered.set(channel, record)
  }
  return {
    hasChannel: (channel) => get(numberKey('c', channel)) !== undefined,
    channel: (channel) => {
      const known = remembered.get(channel)
      if (known) return known
      const row = present(get(numberKey('c', channel)), 'the channel exists')
      const record = readChannel(row)
      remember(channel, record)
      return record
    },
    putChannel: (channel, record) => {
      remember(channel, record)
      const { fleet, device, slot, unit, channelId } = record
      const fields = toWire(channelStructure, record.channel)
      put(numberKey('c', channel), [fleet, device, slot, unit, channelId, fields])
      put(concatBytes(utf8ToBytes('i'), channelId), [channel])
    },
    numberOf: (channelId) => get(concatBytes(utf8ToBytes('i'), channelId))?.integer(),
  }
}

function readChannel(row: Row): ColdChannel {
  return {
    fleet: row.text(),
    device: row.text(),
    slot: row.integer(),
    unit: row.text(),
    channelId: row.bytes(),
    channel: present(fromWire(channelStructure, row.next()), 'a stored channel is whole'),
  }
}

type SignedRecords = Pick<
  ColdStore,
  'mandate' | 'cover' | 'mandates' | 'putMandate' | 'commitment' | 'putCommitment'
>

function signed(get: Get, put: Put): SignedRecords {
  const mandates = (channel: number) => {
    const row = get(numberKey('n', channel))
    if (!row) return []
    const inForce = readMandate(row.next())
    const cover = row.optional(readMandate)
    return cover ? [inForce, cover] : [inForce]
  }
  return {
    mandate: (channel) => {
      const row = get(numberKey('n', channel))
      return row && readMandate(row.next())
    },
    cover: (channel) => mandates(channel)[1],
    mandates,
    putMandate: (channel, mandate, cover) =>
      put(numberKey('n', channel), [
        signedToWire(mandateStructure, mandate),
        cover ? signedToWire(mandateStructure, cover) : null,
      ]),
    commitment: (channel, epoch) => {
      const row = get(numberKey('k', channel, epoch))
      return row && signedFromWire(commitmentStructure, row.next())
    },
    putCommitment: (channel, commitment) =>
      put(numberKey('k', channel, commitment.value.epoch), [
        signedToWire(commitmentStructure, commitment),
      ]),
  }
}

function nameKey(prefix: string, name: string): Uint8Array {
  return utf8ToBytes(`${prefix}${name}`)
}

/** Big-endian numbers, so that ranges are in order. */
function numberKey(prefix: string, ...numbers: readonly number[]): Uint8Array {
  const key = new Uint8Array(1 + 4 * numbers.length)
  key[0] = prefix.charCodeAt(0)
  const view = new DataView(key.buffer)
  for (const [place, number] of numbers.entries()) view.setUint32(1 + 4 * place, number)
  return key
}
