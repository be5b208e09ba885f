/**
 * MQTT packets at both doors: the gate of the embedded broker with its own reader of PUBLISH, and
 * the reader of what an external broker sends. However the bytes are cut, the same packets are
 * found, as a naive reader of MQTT 3.1.1 finds them in one piece.
 * @module
 */
import { createPacketReader } from '../../../gateway/bridge/packetReader.ts'
import { createFramer } from '../../../gateway/broker/framer.ts'
import {
  countLevels,
  newPublishParts,
  readPuback,
  readPublish,
} from '../../../gateway/broker/publishPacket.ts'
import { bytesToHex, concatBytes } from '../../../protocol/bytes.ts'
import { lengthBytes, publishPacket, subscribePacket } from '../../broker/rawClient.ts'
import type { Dice } from '../dice.ts'
import { perhapsDamaged } from '../dice.ts'
import type { Target } from '../target.ts'

const LIMIT = 200

const topics = [
  'tickpay/1/acme/ev-1/up/tick',
  '',
  'a',
  '/',
  'a//b',
  '#',
  'a/+',
  '\u00e9',
  'x'.repeat(150),
]

function somePacket(dice: Dice): Uint8Array {
  switch (dice.below(7)) {
    case 0:
    case 1:
    case 2: {
      const payload = dice.bytes(dice.size(120))
      const qos = dice.oneIn(6) ? 2 : dice.below(2)
      const options = { qos, retain: dice.oneIn(4), id: dice.oneIn(6) ? 0 : dice.below(65_536) }
      return publishPacket(dice.pick(topics), payload, options)
    }
    case 3:
      return Uint8Array.of(0x40, 2, dice.below(2), dice.below(256))
    case 4:
      return subscribePacket(dice.below(65_536), [dice.pick(topics)])
    case 5:
      return concatBytes(dice.bytes(1), lengthBytes(dice.size(300)), dice.bytes(dice.size(60)))
    default:
      // A remaining length that is long, or never ends.
      return Uint8Array.of(dice.pick([0x10, 0x30, 0x32]), 0x80, 0x80, dice.pick([0x80, 0, 1]), 1)
  }
}

/** The first byte says how the rest is cut into pieces. */
function generate(dice: Dice): Uint8Array {
  const packets = Array.from({ length: 1 + dice.size(6) }, () => somePacket(dice))
  return concatBytes(dice.bytes(1), perhapsDamaged(dice, concatBytes(...packets), 2))
}

type Header = { readonly body: number; readonly end: number } | 'partial' | 'malformed'

/** Section 2.2.3, a byte at a time. */
function readHeader(bytes: Uint8Array, start: number): Header {
  let length = 0
  for (let place = 0; place < 4; place++) {
    const byte = bytes[start + 1 + place]
    if (byte === undefined) return 'partial'
    length += (byte % 128) * 128 ** place
    if (byte < 128) return { body: start + 2 + place, end: start + 2 + place + length }
  }
  return 'malformed'
}

/** What the gate should find, and how it should end. */
function modelOfGate(bytes: Uint8Array): readonly string[] {
  const found: string[] = []
  for (let start = 0; start < bytes.length; ) {
    const first = bytes[start] ?? 0
    const type = first >> 4
    if (![1, 3, 4, 8, 10, 12, 14].includes(type)) return [...found, 'unknown_packet']
    if (type === 3 && (first & 4) !== 0) return [...found, 'qos_2']
    const header = readHeader(bytes, start)
    if (header === 'partial')
      return tooLongSoFar(bytes, start) ? [...found, 'packet_too_long'] : found
    if (header === 'malformed')
      return [...found, tooLongSoFar(bytes, start) ? 'packet_too_long' : `${header}_packet`]
    if (header.end - header.body > LIMIT) return [...found, 'packet_too_long']
    if (header.end > bytes.length) return found
    found.push(`${bytesToHex(bytes.subarray(start, header.end))} ${inside(bytes, start, header)}`)
    start = header.end
  }
  return found
}

/** The bytes of a length that are there say already that it is too long. */
function tooLongSoFar(bytes: Uint8Array, start: number): boolean {
  let length = 0
  for (let place = 0; place < 4; place++) {
    const byte = bytes[start + 1 + place]
    if (byte === undefined) return false
    length += (byte % 128) * 128 ** place
    if (length > LIMIT) return true
  }
  return false
}

type Place = { readonly body: number; readonly end: number }

/** A PUBLISH or PUBACK read the slow way (sections 3.3 and 3.4). */
function inside(bytes: Uint8Array, start: number, { body, end }: Place): string {
  const first = bytes[start] ?? 0
  const content = bytes.slice(body, end)
  if (first >> 4 === 4) {
    const id = content.length === 2 && first === 0x40 ? Number(`0x${bytesToHex(content)}`) : 0
    return `puback ${id}`
  }
  if (first >> 4 !== 3) return 'other'
  const qos = (first >> 1) & 3
  const topicBytes = content.length >= 2 ? Number(`0x${bytesToHex(content.subarray(0, 2))}`) : -1
  const rest = content.length - 2 - topicBytes - 2 * qos
  const bad = topicBytes < 0 || rest < 0 || qos > 1 || (qos === 0 && (first & 8) !== 0)
  if (bad) return 'publish malformed'
  const topic = content.slice(2, 2 + topicBytes)
  const id =
    qos === 0 ? 0 : Number(`0x${bytesToHex(content.subarray(2 + topicBytes, 4 + topicBytes))}`)
  if (qos === 1 && id === 0) return 'publish malformed'
  const text = Buffer.from(topic).toString('latin1')
  const levels = text === '' || /[+#]/.test(text) ? -1 : text.split('/').length
  return `publish ${bytesToHex(topic)} ${levels} ${id} ${rest} ${(first & 1) !== 0}`
}

function throughGate(bytes: Uint8Array, piece: number): readonly string[] | string {
  const framer = createFramer(LIMIT)
  const found: string[] = []
  for (let at = 0; at < bytes.length; at += piece) {
    framer.push(bytes.slice(at, at + piece))
    let frame = framer.peek()
    for (; frame.kind === 'packet'; frame = framer.peek()) {
      const { start, end, body, first } = frame
      const text = bytesToHex(frame.bytes.subarray(start, end))
      found.push(`${text} ${fastInside(frame.bytes, first, body, end)}`)
      framer.pass()
    }
    if (frame.kind === 'refused') return [...found, frame.why]
    framer.compact()
    if (framer.held() > LIMIT + 5) return `holds ${framer.held()} bytes`
  }
  return found
}

function fastInside(bytes: Uint8Array, first: number, body: number, end: number): string {
  if (first >> 4 === 4) return `puback ${readPuback(bytes, first, body, end)}`
  if (first >> 4 !== 3) return 'other'
  const parts = newPublishParts()
  if (!readPublish(bytes, first, body, end, parts)) return 'publish malformed'
  const { topicStart, topicEnd, packetId, payloadStart, retain } = parts
  const topic = bytesToHex(bytes.subarray(topicStart, topicEnd))
  const levels = countLevels(bytes, topicStart, topicEnd)
  return `publish ${topic} ${levels} ${packetId} ${end - payloadStart} ${retain}`
}

function throughReader(bytes: Uint8Array, piece: number): readonly string[] {
  const found: string[] = []
  const reader = createPacketReader(LIMIT, {
    onMessage: (message) => {
      const { topicStart, topicEnd, payloadStart, payloadEnd, packetId, retained } = message
      const part = (from: number, to: number) => bytesToHex(message.bytes.subarray(from, to))
      const topic = part(topicStart, topicEnd)
      found.push(`${topic} ${part(payloadStart, payloadEnd)} ${packetId} ${retained}`)
    },
    onTooLong: (packetId) => found.push(`too long ${packetId}`),
    onAnswer: (type, body) => found.push(`${type} ${bytesToHex(body)}`),
  })
  for (let at = 0; at < bytes.length; at += piece) {
    const wrong = reader.push(bytes.slice(at, at + piece))
    if (wrong !== undefined) return [...found, wrong]
  }
  return found
}

function check(input: Uint8Array): string | undefined {
  const bytes = input.subarray(1)
  const piece = 1 + ((input[0] ?? 0) % 90)
  const expected = modelOfGate(bytes).join('\n')
  for (const size of [piece, bytes.length + 1]) {
    const found = throughGate(bytes, size)
    if (typeof found === 'string') return found
    if (found.join('\n') !== expected) {
      return `the gate, ${size} at a time, found\n${found.join('\n')}\ninstead of\n${expected}`
    }
  }
  const whole = throughReader(bytes, bytes.length + 1).join('\n')
  const cut = throughReader(bytes, piece).join('\n')
  return whole === cut
    ? undefined
    : `the reader, ${piece} at a time, found\n${cut}\nwhole\n${whole}`
}

export const mqttTarget: Target = { name: 'mqtt', quickRuns: 2_000, generate, check }
