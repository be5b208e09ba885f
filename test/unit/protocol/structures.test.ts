import { describe, expect, test } from 'vitest'
import { bytesToHex } from '../../../protocol/bytes.ts'
import type { WireValue } from '../../../protocol/cbor.ts'
import { decodeCbor, encodeCbor } from '../../../protocol/cbor.ts'
import type { Commitment } from '../../../protocol/structures.ts'
import {
  channelStructure,
  commitmentStructure,
  connectStructure,
  digestOf,
  fromWire,
  signedFromWire,
  signedToWire,
  tariffStructure,
  toWire,
} from '../../../protocol/structures.ts'
import {
  channel,
  counting,
  domain,
  openEpoch,
  otherDomain,
  signCommitment,
  tariff,
} from '../../support/fixtures.ts'

const { commitment } = openEpoch()
const wire = toWire(commitmentStructure, commitment)
const at = (position: number, value: WireValue) =>
  wire.map((one, place) => (place === position ? value : one))

/** The same commitment with one field changed, for every field. */
const altered: readonly (readonly [string, Commitment])[] = [
  ['kind', { ...commitment, kind: 1 }],
  ['channelId', { ...commitment, channelId: counting(1) }],
  ['epoch', { ...commitment, epoch: 2 }],
  ['base', { ...commitment, base: 1n }],
  ['root', { ...commitment, root: counting(1) }],
  ['length', { ...commitment, length: 1_999 }],
  ['unitsPerTick', { ...commitment, unitsPerTick: 11n }],
  ['pricePerTick', { ...commitment, pricePerTick: 2_501n }],
  ['startReading', { ...commitment, startReading: 0n }],
  ['tariffHash', { ...commitment, tariffHash: counting(1) }],
  ['issuedAt', { ...commitment, issuedAt: 0 }],
  ['expiry', { ...commitment, expiry: 0 }],
]

describe('structures', () => {
  test('every field of a commitment changes its digest', () => {
    expect(altered.map(([name]) => name)).toEqual(Object.keys(commitmentStructure.fields))
    const digests = altered.map(([, one]) => digestOf(domain, commitmentStructure, one))
    const all = [...digests, digestOf(domain, commitmentStructure, commitment)]
    expect(new Set(all.map(bytesToHex)).size).toBe(altered.length + 1)
  })

  test('(!) the same commitment at another ledger has another digest', () => {
    expect(digestOf(domain, commitmentStructure, commitment)).not.toEqual(
      digestOf(otherDomain, commitmentStructure, commitment),
    )
  })

  test('go over the wire unchanged', () => {
    const over = <T>(value: T) => decodeCbor(encodeCbor(value as WireValue)) ?? null
    expect(fromWire(commitmentStructure, over(wire))).toEqual(commitment)
    expect(fromWire(channelStructure, over(toWire(channelStructure, channel)))).toEqual(channel)
    expect(fromWire(tariffStructure, over(toWire(tariffStructure, tariff)))).toEqual(tariff)
    const signed = signCommitment(commitment)
    expect(
      signedFromWire(commitmentStructure, over(signedToWire(commitmentStructure, signed))),
    ).toEqual(signed)
  })

  // T12
  test('the ends of every range go over the wire, one step further does not', () => {
    const wide = (1n << 64n) - 1n
    const ends: readonly (readonly [number, WireValue, WireValue])[] = [
      [0, 255, 256],
      [1, new Uint8Array(32), new Uint8Array(33)],
      [2, 0xffff_ffff, 2 ** 32],
      [3, wide, wide + 1n],
      [5, 0xffff_ffff, 2 ** 32],
      [8, wide, wide + 1n],
      [10, Number.MAX_SAFE_INTEGER, 2n ** 53n],
      [11, Number.MAX_SAFE_INTEGER, 2n ** 53n],
    ]
    for (const [position, last, beyond] of ends) {
      expect(fromWire(commitmentStructure, at(position, last))).toBeDefined()
      expect(fromWire(commitmentStructure, at(position, beyond))).toBeUndefined()
      expect(fromWire(commitmentStructure, at(position, -1))).toBeUndefined()
    }
  })

  test('text has at most 64 bytes of UTF-8', () => {
    const connect = (fleet: string) => ['g', fleet, 'd', 0, counting(0)]
    expect(fromWire(connectStructure, connect('é'.repeat(32)))).toBeDefined()
    expect(fromWire(connectStructure, connect('é'.repeat(33)))).toBeUndefined()
    expect(fromWire(connectStructure, connect('a'.repeat(65)))).toBeUndefined()
  })

  test('another type in any place is refused', () => {
    for (let position = 0; position < wire.length; position++) {
      const wrong = [null, true, 'x', [], new Uint8Array(5), wire.length === 0 ? 0 : [1]]
      for (const value of wrong) {
        expect(fromWire(commitmentStructure, at(position, value))).toBeUndefined()
      }
    }
    for (const value of [null, 1, 'x', [], [...wire, 0], wire.slice(1)]) {
      expect(fromWire(commitmentStructure, value)).toBeUndefined()
    }
  })

  test('a signature has 64 bytes', () => {
    for (const signature of [counting(0, 63), counting(0, 65), null, 'x']) {
      expect(signedFromWire(commitmentStructure, [wire, signature])).toBeUndefined()
    }
    expect(signedFromWire(commitmentStructure, [wire])).toBeUndefined()
    expect(signedFromWire(commitmentStructure, [wire, counting(0, 64), 1])).toBeUndefined()
  })
})
