import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { equalBytes } from '../../../protocol/bytes.ts'
import { decodeCbor, encodeCbor, type WireValue } from '../../../protocol/cbor.ts'
import { alterAt, messageKinds, pathsOf } from '../../support/messageSamples.ts'

const kind = fc.constantFrom(...messageKinds)
const leaf: fc.Arbitrary<WireValue> = fc.oneof(
  fc.constantFrom<WireValue>(null, true, 0, 1, 2, 3, 63, 64, 255, 256, 65_536, 2 ** 32),
  fc.bigInt(0n, (1n << 64n) - 1n),
  fc.string({ unit: 'binary', maxLength: 12 }),
  fc.constantFrom(15, 16, 20, 31, 32, 33, 64, 65).map((length) => new Uint8Array(length)),
)
const node = fc.oneof(leaf, fc.array(leaf, { maxLength: 4 }))

/** Refused, or exactly what was meant: the same value encodes to the same bytes. */
function isRefusedOrSame(bytes: Uint8Array): void {
  for (const one of messageKinds) {
    const again = one.again(bytes)
    expect(again === undefined || equalBytes(again, bytes), one.name).toBe(true)
  }
}

describe('decoding', () => {
  test('arbitrary bytes never throw', () => {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 60 }), isRefusedOrSame), { numRuns: 2_000 })
  })

  test('messages with bytes changed, added or left out are refused or mean what they say', () => {
    const edit = fc.record({
      kind,
      sample: fc.nat(),
      place: fc.nat(),
      bytes: fc.uint8Array({ maxLength: 3 }),
      drop: fc.nat(3),
    })
    fc.assert(
      fc.property(edit, (one) => {
        const { samples } = one.kind
        const sample = samples[one.sample % samples.length]?.bytes ?? new Uint8Array()
        const edited = [...sample]
        edited.splice(one.place % sample.length, one.drop, ...one.bytes)
        isRefusedOrSame(Uint8Array.from(edited))
      }),
      { numRuns: 2_000 },
    )
  })

  test('messages with a value replaced are refused or mean what they say', () => {
    fc.assert(
      fc.property(kind, fc.nat(), fc.nat(), node, (one, sampleAt, pathAt, value) => {
        const sample = one.samples[sampleAt % one.samples.length]
        const wire = decodeCbor(sample?.bytes ?? new Uint8Array()) ?? null
        const paths = pathsOf(wire)
        const path = paths[pathAt % paths.length] ?? []
        isRefusedOrSame(encodeCbor(alterAt(wire, path, () => value)))
      }),
      { numRuns: 2_000 },
    )
  })
})
