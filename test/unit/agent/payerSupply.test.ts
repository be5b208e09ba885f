/** The payer's rules on supply, and the device's own limits. */
import { describe, expect, test } from 'vitest'
import { noOwnLimits } from '../../../agent/ownLimits.ts'
import { mandate, tariff } from '../../support/fixtures.ts'
import { heldReading } from './support/modelGateway.ts'
import {
  connect,
  crash,
  feed,
  makePair,
  offered,
  openedPair,
  order,
  pass,
  read,
  settle,
  shown,
} from './support/pair.ts'

const hour = 3_600

describe('supply', () => {
  test('goes on up to the credit window beyond what is acknowledged', () => {
    const pair = openedPair()
    expect(order(pair)).toBe('until 1160 ok')
    read(pair, 1_055n)
    expect(order(pair)).toBe('until 1160 ok')
    settle(pair)
    expect(order(pair)).toBe('until 1210 ok')
    feed(pair, { kind: 'offline' })
    read(pair, 1_209n)
    expect(order(pair)).toBe('until 1210 ok')
    read(pair, 1_210n)
    expect(order(pair)).toBe('off credit_used')
    connect(pair)
    settle(pair)
    expect(order(pair)).toBe('until 1370 ok')
  })

  test.each([
    [{ level: 'off', reason: 'paused' }, 'off paused'],
    [{ level: 'limited', reason: 'no_space' }, 'off no_space'],
    [{ level: 'off', reason: 'over_limit' }, 'off over_limit'],
  ] as const)('obeys the gateway: %j', (supply, expected) => {
    const pair = openedPair()
    feed(pair, { kind: 'supply', supply })
    expect(order(pair)).toBe(expected)
    read(pair, 1_050n)
    expect(shown(pair.actions)).toEqual(['1/5'])
  })

  test('ends with mandate and commitment, while what is owed is still paid', () => {
    const pair = openedPair({ mandate: { ...mandate, expiry: mandate.notBefore + 2 * hour } })
    read(pair, 1_050n)
    settle(pair)
    pass(pair, hour * 1_000)
    expect(order(pair)).toBe('off mandate_expired')
    read(pair, 1_090n)
    settle(pair)
    expect(heldReading(pair.gateway)).toBe(1_090n)
    const short = openedPair({
      tariffs: [{ ...tariff, validUntil: pair.gateway.nowSeconds + 10 }],
    })
    pass(short, 3_700_000)
    expect(order(short)).toBe('off commitment_expired')
  })

  test('ends when the device is stopped; a checkpoint for the rest is still sent', () => {
    const pair = openedPair()
    read(pair, 1_050n)
    feed(pair, { kind: 'stop' })
    expect(order(pair)).toBe('off stopping')
    read(pair, 1_060n)
    settle(pair)
    expect(heldReading(pair.gateway)).toBe(1_060n)
  })

  test('stays off without a reading', () => {
    const pair = openedPair()
    crash(pair)
    connect(pair)
    settle(pair)
    expect(order(pair)).toBe('off no_reading')
  })

  test('stops where the mandate is used up', () => {
    const pair = openedPair({ mandate: { ...mandate, limit: 10n * 2_500n + 100n } })
    expect(order(pair)).toBe('until 1100 ok')
    read(pair, 1_100n)
    settle(pair)
    expect(order(pair)).toBe('off mandate_used_up')
  })

  test('stops where the day is used up, and goes on the next day', () => {
    const pair = openedPair({ mandate: { ...mandate, limitPerDay: 10n * 2_500n } })
    read(pair, 1_100n)
    settle(pair)
    expect(order(pair)).toBe('off over_limit')
    pair.gateway.mandate = { ...mandate, sequence: 9, limitPerDay: 25_000n, expiry: 2e9 }
    connect(pair)
    settle(pair)
    expect(order(pair)).toBe('off over_limit')
    pass(pair, 24 * hour * 1_000)
    settle(pair)
    expect(order(pair)).toBe('until 1200 ok')
  })
})

describe('own limits', () => {
  test('a price above the own ceiling is not committed to', () => {
    const own = { ...noOwnLimits, pricePerTickMax: 2_499n }
    const pair = openedPair({}, own)
    expect(offered(pair.actions)).toBeUndefined()
    expect(order(pair)).toBe('off own_price_limit')
    expect(openedPair({}, { ...own, pricePerTickMax: 2_500n }).payer.running).toBeDefined()
  })

  test('a price rise above the own ceiling ends supply, and what is owed is paid', () => {
    const pair = openedPair({}, { ...noOwnLimits, pricePerTickMax: 3_000n })
    read(pair, 1_040n)
    settle(pair)
    const validFrom = pair.gateway.nowSeconds
    pair.gateway.tariffs = [
      { ...tariff, validUntil: validFrom },
      { ...tariff, validFrom, pricePerTick: 3_001n },
    ]
    connect(pair)
    settle(pair)
    expect(order(pair)).toBe('off own_price_limit')
    read(pair, 1_050n)
    settle(pair)
    expect(heldReading(pair.gateway)).toBe(1_050n)
    expect(pair.payer.running?.terms.epoch).toBe(1)
  })

  test('an hour: neither words nor supply go beyond, until the next', () => {
    const pair = openedPair({}, { ...noOwnLimits, amountPerHour: 10n * 2_500n })
    expect(order(pair)).toBe('until 1100 ok')
    read(pair, 1_150n)
    settle(pair)
    expect(heldReading(pair.gateway)).toBe(1_100n)
    expect(order(pair)).toBe('off own_hour_limit')
    pass(pair, hour * 1_000)
    settle(pair)
    expect(heldReading(pair.gateway)).toBe(1_150n)
    expect(order(pair)).toBe('until 1200 ok')
  })

  test('a crash loop within the hour buys nothing', () => {
    const pair = openedPair({}, { ...noOwnLimits, amountPerHour: 25_000n })
    for (let i = 0; i < 5; i++) {
      read(pair, 1_000n + 60n * BigInt(i))
      settle(pair)
      crash(pair)
      read(pair, 1_000n + 60n * BigInt(i))
      connect(pair)
      settle(pair)
      pass(pair, 60_000)
    }
    expect(heldReading(pair.gateway)).toBe(1_100n)
  })

  test('nothing is paid before the first record is durable', () => {
    const pair = makePair({}, { ...noOwnLimits, amountPerDay: 25_000n })
    pair.diskWorks = false
    read(pair, 1_000n)
    connect(pair)
    settle(pair)
    expect(order(pair)).toBe('off own_limit_unproven')
    read(pair, 1_050n)
    settle(pair)
    expect(heldReading(pair.gateway)).toBe(1_000n)
    const { book } = pair.payer
    if (book) feed(pair, { kind: 'recorded', record: book })
    settle(pair)
    expect(heldReading(pair.gateway)).toBe(1_050n)
  })

  test('a new channel does not bring a new hour', () => {
    const pair = openedPair({}, { ...noOwnLimits, amountPerHour: 25_000n })
    read(pair, 1_080n)
    settle(pair)
    const { facts } = pair.payer
    if (!facts) throw new Error('opened')
    const channelId = new Uint8Array(32).fill(9)
    const proof = { held: undefined, pending: undefined }
    pair.signedEpochs.clear()
    feed(pair, { kind: 'slot', facts: { ...facts, channelId }, proof })
    expect(pair.payer.running).toBeUndefined()
    expect(pair.payer.book).toMatchObject({ channelId, hourBase: -20_000n })
  })
})
