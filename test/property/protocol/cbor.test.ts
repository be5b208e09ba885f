import { decode, encode } from 'cborg'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { equalBytes } from '../../../protocol/bytes.ts'
import type { WireValue } from '../../../protocol/cbor.ts'
import { decodeCbor, encodeCbor } from '../../../protocol/cbor.ts'

const strict = {
  strict: true,
  allowIndefinite: false,
  allowUndefined: false,
  allowInfinity: false,
  allowNaN: false,
  allowBigInt: true,
  rejectDuplicateMapKeys: true,
  useMaps: true,
}

/** A second decoder: another library in its strict mode, then the profile by hand. */
function oracle(bytes: Uint8Array): unknown {
  try {
    const value: unknown = decode(bytes, strict)
    return isWithin(value, 0) && equalBytes(encode(value), bytes) ? value : undefined
  } catch {
    return undefined
  }
}

function isWithin(value: unknown, depth: number): boolean {
  if (Array.isArray(value)) return depth < 4 && value.every((one) => isWithin(one, depth + 1))
  if (typeof value === 'number')
    return Number.isSafeInteger(value) && value >= 0 && !Object.is(value, -0)
  if (typeof value === 'bigint') return value >= 0n
  return (
    typeof value === 'boolean' ||
    typeof value === 'string' ||
    value === null ||
    value instanceof Uint8Array
  )
}

/** Integers alike, whether they are carried as number or bigint. */
function plain(value: unknown): unknown {
  if (value === undefined) return 'refused'
  if (typeof value === 'number') return BigInt(value)
  if (Array.isArray(value)) return value.map(plain)
  return value
}

const leaf: fc.Arbitrary<WireValue> = fc.oneof(
  fc.bigInt(0n, (1n << 64n) - 1n),
  fc.nat(300),
  fc.nat(0xffff_ffff),
  fc.boolean(),
  fc.constant(null),
  fc.uint8Array({ maxLength: 40 }),
  fc.string({ unit: 'binary', maxLength: 30 }),
)
const nest = (inner: fc.Arbitrary<WireValue>) => fc.oneof(leaf, fc.array(inner, { maxLength: 5 }))
const value = nest(nest(nest(nest(leaf))))

describe('the CBOR profile', () => {
  test('what is encoded is decoded', () => {
    fc.assert(
      fc.property(value, (one) => {
        expect(plain(decodeCbor(encodeCbor(one)))).toEqual(plain(one))
      }),
      { numRuns: 500 },
    )
  })

  test('an independent encoder gives the same bytes', () => {
    fc.assert(
      fc.property(value, (one) => {
        expect(encodeCbor(one)).toEqual(Uint8Array.from(encode(one)))
      }),
      { numRuns: 500 },
    )
  })

  test('arbitrary bytes are decoded as an independent strict decoder does, and never throw', () => {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 24 }), agree), { numRuns: 20_000 })
  })

  // T41
  test('so are encodings in which one byte was changed, added or left out', () => {
    const edit = fc.record({ place: fc.nat(60), byte: fc.nat(255), how: fc.nat(2) })
    fc.assert(
      fc.property(value, edit, (one, { place, byte, how }) => {
        const bytes = [...encodeCbor(one)]
        bytes.splice(place % bytes.length, how === 2 ? 0 : 1, ...(how === 0 ? [] : [byte]))
        agree(Uint8Array.from(bytes))
      }),
      { numRuns: 5_000 },
    )
  })
})

function agree(bytes: Uint8Array): void {
  const ours = decodeCbor(bytes)
  const theirs = oracle(bytes)
  expect(plain(ours)).toEqual(plain(theirs))
  if (ours !== undefined) expect(equalBytes(encodeCbor(ours), bytes)).toBe(true)
}
