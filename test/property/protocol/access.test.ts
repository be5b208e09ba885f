import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { Identity } from '../../../protocol/access.ts'
import { mayAccess } from '../../../protocol/access.ts'
import { actions, identities, topics } from '../../support/accessCases.ts'
import { matches, mayByModel } from '../../support/accessModel.ts'

const identity = fc.constantFrom(...Object.values(identities))
const action = fc.constantFrom(...actions)
const words = ['tickpay', '1', 'harbour', 'charger-7', '_', '_gateway', 'up', 'down', 'tick', 'ack']
const level = fc.oneof(
  fc.constantFrom(...words, 'hello', 'welcome', 'state', 'request', 'response', 'devices', 'pause'),
  fc.constantFrom('+', '#', '', '+#', 'a+', '..', '$SYS', '$share', 'ｕp', 'e\u0301', ' up', 'UP'),
  fc.string({ unit: 'binary', maxLength: 4 }),
)
const text = fc.oneof(
  fc.array(level, { maxLength: 9 }).map((levels) => levels.join('/')),
  fc
    .array(level, { maxLength: 6 })
    .map((levels) => ['tickpay', '1', 'harbour', ...levels].join('/')),
  fc
    .tuple(fc.constantFrom(...topics), fc.nat(60), fc.string({ unit: 'binary', maxLength: 1 }))
    .map(([topic, place, character]) => topic.slice(0, place) + character + topic.slice(place + 1)),
)

describe('the access rule', () => {
  test('agrees with the reference model on arbitrary text', () => {
    fc.assert(
      fc.property(identity, action, text, (who, what, topic) => {
        expect(mayAccess(who, what, topic)).toBe(mayByModel(who, what, topic))
      }),
      { numRuns: 10_000 },
    )
  })

  test('no two devices share a topic, in whatever way they do it', () => {
    const one: Identity = { kind: 'device', fleet: 'harbour', device: 'charger-7' }
    const two: Identity = { kind: 'device', fleet: 'harbour', device: 'charger-70' }
    fc.assert(
      fc.property(action, action, text, text, (mine, theirs, topic, filter) => {
        const both = mayAccess(one, mine, topic) && mayAccess(two, theirs, filter)
        expect(both && (topic === filter || matches(filter, topic))).toBe(false)
      }),
      { numRuns: 5_000 },
    )
  })
})
