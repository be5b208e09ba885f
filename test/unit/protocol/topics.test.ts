import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { TOPIC_BYTES_MAX, TOPIC_LEVELS_MAX } from '../../../protocol/limits.ts'
import type { Topic } from '../../../protocol/topics.ts'
import {
  downFilter,
  downNames,
  formatTopic,
  gatewayNames,
  isBoundedTopic,
  parseTopic,
  upNames,
} from '../../../protocol/topics.ts'
import { topics } from '../../support/accessCases.ts'

const idCharacter = fc.constantFrom(...'abcdefghijklmnopqrstuvwxyz0123456789-')
const id = fc
  .string({ unit: idCharacter, minLength: 1, maxLength: 30 })
  .filter((text) => !text.startsWith('-'))
const place = { fleet: id, device: id }
const topic: fc.Arbitrary<Topic> = fc.oneof(
  fc.record({ kind: fc.constant('up' as const), ...place, name: fc.constantFrom(...upNames) }),
  fc.record({ kind: fc.constant('down' as const), ...place, name: fc.constantFrom(...downNames) }),
  fc.record({ kind: fc.constant('deviceState' as const), ...place }),
  fc.record({ kind: fc.constant('deviceReport' as const), ...place }),
  fc.record({
    kind: fc.constant('fleet' as const),
    fleet: id,
    name: fc.constantFrom('status' as const, 'event' as const, 'statement' as const),
  }),
  fc.record({ kind: fc.constant('request' as const), fleet: id, verb: id }),
  fc.record({ kind: fc.constant('response' as const), fleet: id, verb: id }),
  fc.record({
    kind: fc.constant('gateway' as const),
    gateway: id,
    name: fc.constantFrom(...gatewayNames),
  }),
)

describe('topics', () => {
  test('what is formatted is parsed', () => {
    fc.assert(
      fc.property(topic, (one) => {
        expect(parseTopic(formatTopic(one))).toEqual(one)
      }),
      { numRuns: 500 },
    )
  })

  test('what is parsed is formatted to the very same text', () => {
    const known = topics.filter((text) => parseTopic(text))
    expect(known.length).toBeGreaterThan(100)
    for (const text of known) {
      const parsed = parseTopic(text)
      expect(parsed && formatTopic(parsed)).toBe(text)
    }
  })

  test('a trailing slash is another topic, and unknown', () => {
    for (const text of topics.filter((one) => parseTopic(one))) {
      expect(parseTopic(`${text}/`), text).toBeUndefined()
      expect(parseTopic(`/${text}`), text).toBeUndefined()
    }
  })

  test('wildcards are filters and never topics', () => {
    for (const text of topics.filter((one) => /[+#]/.test(one))) {
      expect(parseTopic(text), text).toBeUndefined()
    }
    expect(parseTopic(downFilter('harbour', 'charger-7'))).toBeUndefined()
  })

  // T39
  test('bytes, levels and characters are bounded', () => {
    expect(isBoundedTopic('a'.repeat(TOPIC_BYTES_MAX))).toBe(true)
    expect(isBoundedTopic('a'.repeat(TOPIC_BYTES_MAX + 1))).toBe(false)
    expect(isBoundedTopic('a/'.repeat(TOPIC_LEVELS_MAX - 1))).toBe(true)
    expect(isBoundedTopic('a/'.repeat(TOPIC_LEVELS_MAX))).toBe(false)
    for (const text of ['', '$SYS/x', 'a b', 'A', 'é', 'a\u0000', 'a.b', 'a\n']) {
      expect(isBoundedTopic(text)).toBe(false)
    }
  })

  test('arbitrary text never throws', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 200 }), (text) => {
        parseTopic(text)
        parseTopic(`tickpay/1/${text}`)
      }),
    )
  })

  test('the longest ids still fit into a topic', () => {
    const longest = 'a'.repeat(48)
    const up = formatTopic({ kind: 'up', fleet: longest, device: longest, name: 'reading' })
    const report = formatTopic({ kind: 'deviceReport', fleet: longest, device: longest })
    const verb = formatTopic({ kind: 'response', fleet: longest, verb: longest })
    for (const text of [up, report, verb]) expect(parseTopic(text)).toBeDefined()
  })
})
