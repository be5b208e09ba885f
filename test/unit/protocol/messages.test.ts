import { describe, expect, test } from 'vitest'
import { bytesToHex } from '../../../protocol/bytes.ts'
import { decodeCbor, encodeCbor } from '../../../protocol/cbor.ts'
import { PACKET_BYTES_MAX, TARIFFS_MAX } from '../../../protocol/limits.ts'
import {
  decodeAck,
  decodeReject,
  decodeSlot,
  decodeTime,
  decodeWelcome,
  encodeAck,
  encodeReject,
  encodeSlot,
  encodeWelcome,
} from '../../../protocol/messages.ts'
import {
  commitmentReasons,
  supplyLevels,
  supplyReasons,
  tickReasons,
} from '../../../protocol/reasons.ts'
import { downNames, upNames } from '../../../protocol/topics.ts'
import { channel, counting, mark, tariff } from '../../support/fixtures.ts'
import { alterAt, messageKinds, pathsOf } from '../../support/messageSamples.ts'
import { refusedOf } from '../../support/vectors/messages.ts'

const wireOf = (bytes: Uint8Array) => decodeCbor(bytes) ?? null

describe.each(messageKinds)('$name', (kind) => {
  test('what is encoded is decoded, and encodes to the same bytes', () => {
    for (const { value, bytes } of kind.samples) {
      expect(kind.decode(bytes)).toEqual(value)
      expect(kind.again(bytes)).toEqual(bytes)
      expect(bytes.length).toBeLessThanOrEqual(PACKET_BYTES_MAX)
    }
  })

  test.each(refusedOf(kind))('refuses: $why', ({ bytes }) => {
    expect(kind.decode(bytes)).toBeUndefined()
  })

  test('refuses another type in any place', () => {
    for (const { bytes } of kind.samples) {
      const wire = wireOf(bytes)
      for (const path of pathsOf(wire)) {
        for (const wrong of [true, [], [true], new Uint8Array(65), (1n << 64n) - 1n]) {
          const isRegister = kind.name === 'reading' && path[0] === 2
          const isEmptyList = Array.isArray(wrong) && wrong.length === 0
          const isNumber = typeof wrong === 'bigint'
          // A list may be empty, and a whole 64-bit amount may be any number.
          if (isEmptyList || (isNumber && (isRegister || path.length > 1))) continue
          const altered = encodeCbor(alterAt(wire, path, () => wrong))
          expect(kind.decode(altered), `${kind.name} at ${path.join('.')}`).toBeUndefined()
        }
      }
    }
  })
})

describe('messages', () => {
  test('belong to topics of the protocol', () => {
    const known = [
      ...upNames.map((name) => `up/${name}`),
      ...downNames.map((name) => `down/${name}`),
    ]
    for (const { topics } of messageKinds)
      expect(known).toEqual(expect.arrayContaining([...topics]))
  })

  test('an ack names slot, epoch, index and supply', () => {
    const entry = {
      slot: 2,
      epoch: 3,
      index: 101,
      supply: { level: 'limited', reason: 'paused' },
    } as const
    const bytes = encodeAck({ mark, entries: [entry] })
    expect(wireOf(bytes)).toEqual([1, [mark.life, mark.position, mark.seal], [[2, 3, 101, [1, 2]]]])
    expect(decodeAck(bytes)).toEqual({ mark, entries: [entry] })
  })

  test('every supply level and reason goes over the wire as its number', () => {
    for (const [levelNumber, level] of supplyLevels.entries()) {
      for (const [reasonNumber, reason] of supplyReasons.entries()) {
        const supply = { level, reason }
        const ack = { mark, entries: [{ slot: 0, epoch: 1, index: 0, supply }] }
        const bytes = encodeAck(ack)
        expect(
          bytesToHex(bytes).endsWith(bytesToHex(encodeCbor([levelNumber, reasonNumber]))),
        ).toBe(true)
        expect(decodeAck(bytes)).toEqual(ack)
      }
    }
  })

  test('every reason of both tables can be told in a reject', () => {
    for (const reason of Object.keys({ ...tickReasons, ...commitmentReasons })) {
      const reject = {
        slot: 255,
        refused: 'commit',
        reason: reason as keyof typeof commitmentReasons,
        held: undefined,
        pending: undefined,
      } as const
      expect(decodeReject(encodeReject(reject))).toEqual(reject)
    }
  })

  test('(!) a held word never travels without its own commitment', () => {
    const kind = messageKinds.find(({ name }) => name === 'slot')
    const full = wireOf(kind?.samples[0]?.bytes ?? new Uint8Array())
    const heldPath = [4]
    const bare = alterAt(full, heldPath, (held) => (Array.isArray(held) ? held.slice(2) : held))
    expect(decodeSlot(encodeCbor(bare))).toBeUndefined()
    const slot = decodeSlot(encodeCbor(full))
    expect(slot?.held?.commitment.value.epoch).toBe(3)
    expect(slot?.pending?.value.epoch).toBe(5)
  })

  test('an ordinary welcome and one of a stale-clock session are told apart', () => {
    const bytesOf = (name: string) =>
      messageKinds.find((kind) => kind.name === name)?.samples[0]?.bytes ?? new Uint8Array()
    expect(decodeTime(bytesOf('welcome'))).toBeUndefined()
    expect(decodeWelcome(bytesOf('time'))).toBeUndefined()
  })

  test('the largest of each message stays below the packet limit', () => {
    const id = 'a'.repeat(48)
    const wide = (1n << 64n) - 1n
    const largest = {
      ...tariff,
      gateway: id,
      unit: 'u'.repeat(8),
      unitsPerTick: wide,
      pricePerTick: wide,
      assetCode: 'A'.repeat(12),
      creditTicks: 0xffff_ffff,
      validFrom: Number.MAX_SAFE_INTEGER,
      validUntil: Number.MAX_SAFE_INTEGER,
    }
    const tariffs = Array.from({ length: TARIFFS_MAX }, () => ({
      value: largest,
      signature: counting(0, 64),
    }))
    const position = Number.MAX_SAFE_INTEGER
    const welcome = { timeSeconds: position, mark: { ...mark, position }, tariffs, slots: 64 }
    expect(decodeWelcome(encodeWelcome(welcome))).toEqual(welcome)
    const samples = messageKinds.find((kind) => kind.name === 'slot')?.samples ?? []
    const slot = decodeSlot(samples[0]?.bytes ?? new Uint8Array())
    expect(slot).toBeDefined()
    if (!slot) return
    const wideChannel = { ...channel, fleet: id, gateway: id, meter: id, position: 0xffff_ffff }
    expect(encodeSlot({ ...slot, channel: wideChannel }).length).toBeLessThan(PACKET_BYTES_MAX / 2)
  })
})
