/** What the payer does when the gateway has lost state. */
import { describe, expect, test } from 'vitest'
import {
  connect,
  deviceTakes,
  feed,
  makePair,
  openedPair,
  order,
  pass,
  read,
  settle,
} from './support/pair.ts'

describe('a fence', () => {
  test('answer a fence once', () => {
    const pair = openedPair()
    pair.gateway.supply = { level: 'off', reason: 'fenced' }
    connect(pair)
    settle(pair)
    expect(order(pair)).toBe('off fenced')
    expect(pair.gateway.verdicts).toEqual(['accepted', 'accepted'])
    for (let i = 0; i < 10; i++) {
      pass(pair, 6_000)
      settle(pair)
    }
    expect(pair.gateway.verdicts).toEqual(['accepted', 'accepted'])
    feed(pair, { kind: 'supply', supply: { level: 'on', reason: 'ok' } })
    expect(order(pair)).toBe('until 1160 ok')
  })

  test('raised behind a commitment that was already on its way is answered all the same', () => {
    const pair = makePair()
    read(pair, 1_000n)
    connect(pair)
    for (const down of pair.toDevice.splice(0)) deviceTakes(pair, down)
    const fenced = { level: 'off', reason: 'fenced' } as const
    pair.gateway.supply = fenced
    feed(pair, { kind: 'supply', supply: fenced })
    settle(pair)
    expect(pair.gateway.verdicts).toEqual(['accepted', 'accepted'])
    expect(pair.payer.running?.terms.epoch).toBe(2)
  })

  test('told of after the acceptance of an older commitment is answered too', () => {
    const pair = openedPair()
    pair.gateway.supply = { level: 'off', reason: 'fenced' }
    feed(pair, { kind: 'supply', supply: pair.gateway.supply })
    settle(pair)
    expect(pair.payer.running?.terms.epoch).toBe(2)
  })

  test('raised a second time before the first was lowered is answered a minute later', () => {
    const pair = openedPair()
    pair.gateway.supply = { level: 'off', reason: 'fenced' }
    connect(pair)
    settle(pair)
    expect(pair.payer.running?.terms.epoch).toBe(2)
    pass(pair, 60_000)
    settle(pair)
    expect(pair.payer.running?.terms.epoch).toBe(2)
    pass(pair, 1)
    settle(pair)
    expect(pair.payer.running?.terms.epoch).toBe(3)
  })
})
