/**
 * Reads DER (ITU-T X.690) as far as certificates and revocation lists need it: definite lengths,
 * one-byte tags, nothing nested deeper than the caller goes. What is not whole is `undefined`.
 * @module
 */

/** One value: `whole` with its tag and length, `content` without. */
export type DerValue = {
  readonly tag: number
  readonly content: Uint8Array
  readonly whole: Uint8Array
}

/** Universal tags (X.690 section 8) and the constructed ones of context 0. */
export const tags = {
  integer: 0x02,
  bitString: 0x03,
  objectId: 0x06,
  utcTime: 0x17,
  generalizedTime: 0x18,
  sequence: 0x30,
  context0: 0xa0,
} as const

/** A length of more bytes than this is that of no file that is read here. */
const LENGTH_BYTES_MAX = 4
/** YYYYMMDDHHMMSSZ */
const TIME_BYTES_MAX = 15

/** The value at `start`. */
export function readDer(bytes: Uint8Array, start = 0): DerValue | undefined {
  const tag = bytes[start]
  const first = bytes[start + 1]
  // Tags of several bytes occur in none of these structures.
  if (tag === undefined || first === undefined || (tag & 0x1f) === 0x1f) return undefined
  const lengthBytes = first < 0x80 ? 0 : first & 0x7f
  if (first === 0x80 || lengthBytes > LENGTH_BYTES_MAX) return undefined
  const from = start + 2 + lengthBytes
  if (from > bytes.length) return undefined
  const long = bytes.subarray(start + 2, from).reduce((sum, byte) => sum * 256 + byte, 0)
  const end = from + (lengthBytes === 0 ? first : long)
  if (end > bytes.length) return undefined
  return { tag, content: bytes.subarray(from, end), whole: bytes.subarray(start, end) }
}

/** The values inside a constructed one, which they must fill. */
export function readChildren({ content }: DerValue): readonly DerValue[] | undefined {
  const children: DerValue[] = []
  for (let at = 0; at < content.length; ) {
    const child = readDer(content, at)
    if (!child) return undefined
    children.push(child)
    at += child.whole.length
  }
  return children
}

/** Seconds since 1970 of a UTCTime or GeneralizedTime in the form of RFC 5280 section 4.1.2.5. */
export function readTimeSeconds(value: DerValue | undefined): number | undefined {
  if (value?.tag !== tags.utcTime && value?.tag !== tags.generalizedTime) return undefined
  if (value.content.length > TIME_BYTES_MAX) return undefined
  const text = String.fromCharCode(...value.content)
  const digits = value.tag === tags.utcTime ? withCentury(text) : text
  const parts = /^(\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)Z$/.exec(digits)?.slice(1).map(Number)
  if (!parts) return undefined
  const [year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0] = parts
  return Date.UTC(year, month - 1, day, hour, minute, second) / 1_000
}

/** Two digits of a year from 50 on are of the last century (RFC 5280 section 4.1.2.5.1). */
function withCentury(text: string): string {
  return `${text >= '50' ? '19' : '20'}${text}`
}

/** The dotted form of an object identifier. */
export function readObjectId(value: DerValue | undefined): string | undefined {
  if (value?.tag !== tags.objectId || value.content.length === 0) return undefined
  const arcs: number[] = []
  let arc = 0
  for (const byte of value.content) {
    arc = arc * 128 + (byte & 0x7f)
    if (byte < 0x80) {
      arcs.push(arc)
      arc = 0
    }
  }
  const [first = 0, ...rest] = arcs
  const top = Math.min(2, Math.floor(first / 40))
  return [top, first - 40 * top, ...rest].join('.')
}
