import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { IncomingMessage } from '../../../../gateway/bridge/packetReader.ts'
import { createPacketReader } from '../../../../gateway/bridge/packetReader.ts'
import {
  connectPacket,
  publishBytes,
  subscribePacket,
  writePublish,
} from '../../../../gateway/bridge/packets.ts'
import { bytesToHex, concatBytes, utf8ToBytes } from '../../../../protocol/bytes.ts'
import { connack, message, pingresp } from './support/modelBroker.ts'

const LIMIT = 100

type Read = { topic: string; payload: string; packetId: number; retained: boolean }

/** Reads `chunks` as a socket brings them: each in the same memory as the one before. */
function readAll(chunks: readonly Uint8Array[]) {
  const messages: Read[] = []
  const tooLong: number[] = []
  const answers: string[] = []
  const reader = createPacketReader(LIMIT, {
    onMessage: (one) => messages.push(read(one)),
    onTooLong: (packetId) => tooLong.push(packetId),
    onAnswer: (type, body) => answers.push(`${type}:${bytesToHex(body)}`),
  })
  const memory = Buffer.alloc(4_096)
  let wrong: string | undefined
  for (const chunk of chunks) {
    memory.fill(0xff)
    memory.set(chunk)
    wrong ??= reader.push(memory.subarray(0, chunk.length))
  }
  return { messages, tooLong, answers, wrong }
}

function read(one: IncomingMessage): Read {
  const { bytes, topicStart, topicEnd, payloadStart, payloadEnd, packetId, retained } = one
  const topic = new TextDecoder().decode(bytes.subarray(topicStart, topicEnd))
  const payload = bytesToHex(bytes.subarray(payloadStart, payloadEnd))
  return { topic, payload, packetId, retained }
}

const stream = concatBytes(
  connack(),
  message('a/b', Uint8Array.of(1, 2), { packetId: 7 }),
  message('a', new Uint8Array(0), { retain: true }),
  message('long/topic', new Uint8Array(300), { packetId: 0xabcd }),
  pingresp,
  message('longer', new Uint8Array(200)),
  message('b', new Uint8Array(90).fill(5), { packetId: 1, retain: true }),
)

const expected = {
  messages: [
    { topic: 'a/b', payload: '0102', packetId: 7, retained: false },
    { topic: 'a', payload: '', packetId: 0, retained: true },
    { topic: 'b', payload: '05'.repeat(90), packetId: 1, retained: true },
  ],
  tooLong: [0xabcd, 0],
  answers: ['2:0000', '13:'],
  wrong: undefined,
}

describe('reading', () => {
  test('a stream in one piece', () => {
    expect(readAll([stream])).toEqual(expected)
  })

  test('a stream in any pieces', () => {
    const cuts = fc.array(fc.nat(stream.length), { maxLength: 40 })
    fc.assert(
      fc.property(cuts, (places) => {
        const ends = [...places, stream.length].sort((a, b) => a - b)
        const chunks = ends.map((end, n) => stream.subarray(ends[n - 1] ?? 0, end))
        expect(readAll(chunks)).toEqual(expected)
      }),
    )
  })

  test('byte by byte', () => {
    expect(readAll([...stream].map((byte) => Uint8Array.of(byte)))).toEqual(expected)
  })

  test.each([
    ['a length of five bytes', '30ffffffff01', 'malformed packet'],
    ['a topic that is longer than its packet', '3003000561', 'malformed message'],
    ['a message of one byte', '300100', 'malformed message'],
    ['no packet id', '3203000161', 'malformed message'],
    ['packet id 0', '32050001610000', 'malformed message'],
    ['QoS 2', '34050001610001', 'QoS 2'],
    ['another packet of any length', '90ffff7f', 'too long'],
  ])('%s is told', (_, hex, reason) => {
    const { wrong, messages } = readAll([Buffer.from(hex, 'hex')])
    expect(wrong).toContain(reason)
    expect(messages).toEqual([])
  })

  test('nothing makes it throw or wait for ever on a whole packet', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 400 }), (bytes) => {
        expect(() => readAll([bytes])).not.toThrow()
      }),
    )
  })
})

describe('writing', () => {
  test('CONNECT with everything in it (MQTT 3.1.1 section 3.1)', () => {
    const packet = connectPacket({
      clientId: 'c',
      username: 'u',
      password: utf8ToBytes('p'),
      keepaliveSeconds: 300,
      will: { topic: 't', payload: utf8ToBytes('w') },
    })
    expect(bytesToHex(packet)).toBe(
      `1019${'00044d515454'}04${'ee'}012c${'000163'}${'000174'}${'000177'}${'000175'}${'000170'}`,
    )
  })

  test('CONNECT without user and password', () => {
    const packet = connectPacket({
      clientId: 'c',
      username: undefined,
      password: undefined,
      keepaliveSeconds: 30,
      will: { topic: 't', payload: utf8ToBytes('w') },
    })
    expect(bytesToHex(packet)).toBe(`1013${'00044d515454'}042e001e${'000163'}000174000177`)
  })

  test('SUBSCRIBE asks for QoS 1', () => {
    expect(bytesToHex(subscribePacket(1, ['a', 'b']))).toBe('820a00010001610100016201')
  })

  test('a message of any length reads as it was written', () => {
    const lengths = fc.oneof(fc.nat(300), fc.constantFrom(117, 118, 119, 16_372, 16_373, 16_374))
    fc.assert(
      fc.property(lengths, fc.constantFrom(0, 1), fc.boolean(), (length, qos, retain) => {
        const one = { topic: 'to/pic', payload: new Uint8Array(length).fill(9), retain }
        const outgoing = { ...one, qos: qos === 1 ? (1 as const) : (0 as const) }
        const bytes = new Uint8Array(publishBytes(outgoing))
        writePublish(bytes, 0, outgoing, 0x1234)
        const fields = qos === 1 ? { packetId: 0x1234, retain } : { retain }
        expect(bytesToHex(bytes)).toBe(bytesToHex(message(one.topic, one.payload, fields)))
      }),
    )
  })
})
