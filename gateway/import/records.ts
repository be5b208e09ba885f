/**
 * The file of a bulk import: a mark, then one record for each channel with everything that shows
 * it may be opened. Records of one device stand together, in the order of its slots.
 *
 * ```
 * "TPCI" | u8 format version | { u32 length | CBOR [device, unit, channel, mandate, commitment] }
 * ```
 * @module
 */
import { bigEndian, concatBytes, utf8ToBytes } from '../../protocol/bytes.ts'
import { decodeCbor, encodeCbor } from '../../protocol/cbor.ts'
import { PACKET_BYTES_MAX } from '../../protocol/limits.ts'
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

export type ImportRecord = {
  readonly device: string
  /** Unit of the meter, as in the tariff. */
  readonly unit: string
  readonly channel: Channel
  readonly mandate: Signed<Mandate>
  /** Opens the channel. */
  readonly commitment: Signed<Commitment>
}

/** What an import file begins with: "TPCI" and the version of the format. */
export const importMark = concatBytes(utf8ToBytes('TPCI'), new Uint8Array([1]))

export const LENGTH_BYTES = 4
/** As large as what a device may send at a time; a record takes some 700 bytes. */
export const IMPORT_RECORD_BYTES_MAX = PACKET_BYTES_MAX
const FIELDS = 5

/** One record with its length, as it stands in the file. */
export function encodeImportRecord(record: ImportRecord): Uint8Array {
  const body = encodeCbor([
    record.device,
    record.unit,
    toWire(channelStructure, record.channel),
    signedToWire(mandateStructure, record.mandate),
    signedToWire(commitmentStructure, record.commitment),
  ])
  return concatBytes(bigEndian(BigInt(body.length), LENGTH_BYTES), body)
}

/** Reads a record without its length; undefined for what is none. */
export function decodeImportRecord(body: Uint8Array): ImportRecord | undefined {
  const wire = decodeCbor(body, IMPORT_RECORD_BYTES_MAX)
  if (!Array.isArray(wire) || wire.length !== FIELDS) return undefined
  const [device, unit, ...signed] = wire
  const channel = fromWire(channelStructure, signed[0])
  const mandate = signedFromWire(mandateStructure, signed[1])
  const commitment = signedFromWire(commitmentStructure, signed[2])
  if (typeof device !== 'string' || typeof unit !== 'string') return undefined
  if (!channel || !mandate || !commitment) return undefined
  return { device, unit, channel, mandate, commitment }
}
