import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  defaultReaderRules,
  type Reader,
  type ReaderOutcome,
  type ReaderRules,
  raiseFloor,
  readSample,
  registerAt,
  type Sample,
  type SavedReader,
  startReader,
} from '../../../../agent/meters/reader.ts'

const rules: ReaderRules = { ...defaultReaderRules, unitsPerSecondMax: 10n }
const modulus = 1n << 32n

/** Feeds samples a second apart and remembers what came out. */
class Feed {
  reader: Reader
  nowMs = 0
  units: bigint[] = []
  notes: string[] = []
  common: Partial<Sample> = { modulus, bootId: 1, uptimeMs: 3_600_000 }

  constructor(saved?: SavedReader, ruled: ReaderRules = rules) {
    this.reader = startReader(ruled, saved)
  }

  see(register: bigint, more: Partial<Sample> = {}): ReaderOutcome {
    this.nowMs += 1_000
    const unknown = {
      modulus: undefined,
      bootId: undefined,
      uptimeMs: undefined,
      meterNumber: undefined,
      flowing: undefined,
    }
    const sample = { ...unknown, ...this.common, register, atMs: this.nowMs, ...more }
    const outcome = readSample(this.reader, sample)
    this.reader = outcome.reader
    if (outcome.kind === 'units') {
      this.units.push(outcome.units)
      if (outcome.note !== undefined) this.notes.push(outcome.note)
    }
    return outcome
  }

  seeAll(...registers: bigint[]): void {
    for (const register of registers) this.see(register)
  }
}

const savedAt = (lastRegister: bigint, offset = 0n): SavedReader => ({
  offset,
  lastRegister,
  bootId: 1,
  meterNumber: undefined,
})

describe('an ordinary meter', () => {
  test('units are its register; the first reading needs a second that agrees', () => {
    const feed = new Feed()
    feed.seeAll(100n, 105n, 105n, 112n)
    expect(feed.units).toEqual([105n, 105n, 112n])
    expect(feed.notes).toEqual(['first'])
  })

  test('nothing is to be saved while the offset stays', () => {
    const feed = new Feed()
    feed.seeAll(100n, 100n)
    const { saved } = feed.reader
    feed.seeAll(105n, 110n, 118n)
    expect(feed.reader.saved).toBe(saved)
  })

  test('a long silence allows a long step', () => {
    const feed = new Feed()
    feed.seeAll(0n, 0n)
    feed.nowMs += 3_600_000
    feed.see(30_000n)
    expect(feed.units.at(-1)).toBe(30_000n)
  })
})

describe('rollover', () => {
  test('a counter that wraps goes on', () => {
    const feed = new Feed()
    feed.seeAll(modulus - 5n, modulus - 2n, 3n, 8n)
    expect(feed.units).toEqual([modulus - 2n, modulus + 3n, modulus + 8n])
    expect(feed.notes).toEqual(['first', 'rollover'])
    expect(feed.reader.saved?.offset).toBe(modulus)
  })

  test('a wrap while the agent was away is known by the boot id that stayed', () => {
    const feed = new Feed(savedAt(modulus - 1_000n))
    feed.seeAll(50n, 50n)
    expect(feed.units).toEqual([modulus + 50n])
  })
})

test('a counter that is lower without a restart, and was not near its end, did not wrap', () => {
  const feed = new Feed(savedAt(1_000n))
  feed.seeAll(50n, 50n)
  expect(feed.units).toEqual([1_000n])
  expect(feed.notes).toEqual(['set_back'])
})

describe('a meter that starts again at 0', () => {
  test('with a new boot id, all it counted since is added', () => {
    const feed = new Feed()
    feed.seeAll(500n, 500n)
    feed.common = { modulus, bootId: 2, uptimeMs: 2_000 }
    feed.seeAll(4n, 6n)
    expect(feed.units).toEqual([500n, 506n])
    expect(feed.notes).toEqual(['first', 'reset'])
  })

  test('with a new boot id and more than its uptime allows, it is not trusted that far', () => {
    const feed = new Feed()
    feed.seeAll(50_000n, 50_000n)
    feed.common = { modulus, bootId: 2, uptimeMs: 2_000 }
    feed.seeAll(40_000n, 40_003n)
    expect(feed.units).toEqual([50_000n, 50_003n])
    expect(feed.notes).toEqual(['first', 'set_back'])
  })

  test('a reboot that keeps the counter changes nothing', () => {
    const feed = new Feed()
    feed.seeAll(500n, 500n)
    feed.common = { modulus, bootId: 2, uptimeMs: 1_000 }
    feed.seeAll(503n)
    expect(feed.units).toEqual([500n, 503n])
  })

  test('while the agent was away, the saved register is the base', () => {
    const feed = new Feed(savedAt(800n, 100n))
    feed.common = { modulus, bootId: 9, uptimeMs: 60_000 }
    feed.seeAll(20n, 20n)
    expect(feed.units).toEqual([920n])
  })

  test('without a boot id it is believed after three readings, with nothing added', () => {
    const feed = new Feed()
    feed.common = {}
    feed.seeAll(500n, 500n, 0n, 4n, 9n, 12n)
    expect(feed.units).toEqual([500n, 509n, 512n])
    expect(feed.notes).toEqual(['first', 'set_back'])
  })
})

describe('wrong readings', () => {
  test('one or two of them change nothing', () => {
    const feed = new Feed()
    feed.seeAll(100n, 100n, 4_000_000n, 103n, 0n, 1n, 106n, 999_999n, 0n, 110n)
    expect(feed.units).toEqual([100n, 103n, 106n, 110n])
    expect(feed.notes).toEqual(['first'])
  })

  test('a confirmed jump adds no more than the maximum rate allows', () => {
    const feed = new Feed()
    feed.seeAll(100n, 100n, 900_000n, 900_001n, 900_002n, 900_005n)
    expect(feed.units).toEqual([100n, 122n, 125n])
    expect(feed.notes).toEqual(['first', 'jump'])
  })

  test('a wrong first reading is not believed', () => {
    const feed = new Feed()
    feed.seeAll(77_000n, 100n, 103n)
    expect(feed.units).toEqual([103n])
  })

  test('another meter at the same place does not charge for its own past', () => {
    const feed = new Feed()
    feed.common = { meterNumber: '1' }
    feed.seeAll(100n, 100n)
    feed.common = { meterNumber: '2' }
    feed.seeAll(101n, 102n, 103n, 110n)
    expect(feed.units).toEqual([100n, 102n, 109n])
    expect(feed.notes).toEqual(['first', 'exchanged'])
    const later = new Feed({ ...savedAt(100n), meterNumber: '1' })
    later.common = { meterNumber: '2' }
    later.seeAll(700_000n, 700_001n)
    expect(later.units).toEqual([101n])
  })
})

describe('floor', () => {
  test('units start where a proof says they were', () => {
    const feed = new Feed()
    feed.reader = raiseFloor(feed.reader, 5_000n)
    feed.seeAll(40n, 40n, 44n)
    expect(feed.units).toEqual([5_000n, 5_004n])
    expect(feed.notes).toEqual(['below_floor'])
  })

  test('a floor below the register is no news', () => {
    const feed = new Feed()
    feed.seeAll(100n, 100n)
    feed.reader = raiseFloor(feed.reader, 90n)
    feed.see(101n)
    expect(feed.units).toEqual([100n, 101n])
  })
})

test('a register that stands still while something flows is stuck after a while', () => {
  const feed = new Feed(undefined, { ...rules, stuckAfterMs: 10_000 })
  feed.common = { modulus, flowing: true }
  feed.seeAll(100n, 100n, 101n)
  const stuckAt: number[] = []
  for (let i = 0; i < 12; i++) {
    const outcome = feed.see(101n)
    if (outcome.kind === 'units' && outcome.stuck) stuckAt.push(i)
  }
  expect(stuckAt[0]).toBe(9)
  const moved = feed.see(102n)
  expect(moved.kind === 'units' && moved.stuck).toBe(false)
  feed.common = { modulus, flowing: false }
  for (let i = 0; i < 12; i++) expect(feed.see(102n)).toMatchObject({ stuck: false })
})

test('a limit in units becomes the register at which the meter will have counted them', () => {
  const feed = new Feed()
  expect(registerAt(feed.reader, 5n)).toBeUndefined()
  feed.seeAll(modulus - 5n, modulus - 2n)
  expect(registerAt(feed.reader, modulus - 1n)).toBe(modulus - 1n)
  expect(registerAt(feed.reader, modulus + 7n)).toBe(7n)
  feed.seeAll(3n)
  expect(registerAt(feed.reader, modulus + 7n)).toBe(7n)
})

test('whatever a meter answers, units never go back and never run ahead of the rate', () => {
  const sample = fc.record({
    register: fc.oneof(
      fc.bigInt({ min: 0n, max: 200n }),
      fc.bigInt({ min: 0n, max: modulus - 1n }),
      fc.bigInt({ min: modulus - 100n, max: modulus - 1n }),
    ),
    bootId: fc.constantFrom(1, 1, 1, 2, 3, undefined),
    meterNumber: fc.constantFrom('a', 'a', 'a', 'b', undefined),
    uptimeMs: fc.nat({ max: 5_000 }),
    flowing: fc.boolean(),
    modulus: fc.constantFrom(modulus, modulus, undefined),
    repeat: fc.integer({ min: 1, max: 4 }),
  })
  fc.assert(
    fc.property(fc.array(sample, { maxLength: 40 }), (samples) => {
      const feed = new Feed(savedAt(50n))
      for (const { repeat, register, ...more } of samples) {
        for (let i = 0; i < repeat; i++) feed.see(register, more)
      }
      const [first = 0n] = feed.units
      const last = feed.units.at(-1) ?? 0n
      expect(feed.units.every((units, i) => i === 0 || units >= (feed.units[i - 1] ?? 0n))).toBe(
        true,
      )
      // 10 a second, a second to spare for each reading.
      expect(last - first).toBeLessThanOrEqual(20n * BigInt(feed.nowMs / 1_000))
    }),
    { numRuns: 500 },
  )
})

test('a limit in units is nowhere on a register that nobody understands', () => {
  const feed = new Feed(undefined, { ...rules, confirmations: 3 })
  feed.seeAll(500n, 500n)
  expect(registerAt(feed.reader, 510n)).toBe(510n)
  feed.see(3n)
  expect(registerAt(feed.reader, 510n)).toBeUndefined()
  feed.seeAll(3n, 3n)
  expect(registerAt(feed.reader, 510n)).toBe(13n)
})

test('a limit waits for a reading that has met the floor', () => {
  const feed = new Feed()
  feed.seeAll(100n, 100n)
  feed.reader = raiseFloor(feed.reader, 150n)
  expect(registerAt(feed.reader, 160n)).toBeUndefined()
  feed.see(103n)
  expect(registerAt(feed.reader, 160n)).toBe(113n)
})
