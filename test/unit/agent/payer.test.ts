/** The payer's rules, one by one. */
import { describe, expect, test } from 'vitest'
import { RENEWAL } from '../../../protocol/structures.ts'
import { mandate, tariff } from '../../support/fixtures.ts'
import { heldReading } from './support/modelGateway.ts'
import {
  connect,
  deviceTakes,
  feed,
  gatewayTakes,
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

describe('opening', () => {
  test('owes nothing for what was metered before', () => {
    const pair = makePair()
    read(pair, 12_345n)
    connect(pair)
    settle(pair)
    const { running } = pair.payer
    expect(running?.terms).toMatchObject({ epoch: 1, base: 0n, startReading: 12_345n, length: 40 })
    expect(pair.gateway.held?.index).toBe(0)
  })

  test('waits for a reading, and supply for its acceptance', () => {
    const pair = makePair()
    expect(order(pair)).toBe('off no_channel')
    connect(pair)
    settle(pair)
    expect(offered(pair.actions)).toBeUndefined()
    expect(order(pair)).toBe('off opening')
    read(pair, 100n)
    expect(order(pair)).toBe('off opening')
    settle(pair)
    expect(order(pair)).toBe(`until ${100n + 160n} ok`)
  })

  test('expires with the earlier of mandate and tariff', () => {
    const validUntil = mandate.expiry - 100
    const early = openedPair({ tariffs: [{ ...tariff, validUntil }] })
    expect(early.payer.running?.terms.expiry).toBe(validUntil)
    expect(openedPair().payer.running?.terms.expiry).toBe(mandate.expiry)
  })

  test.each([
    ['what the gateway takes', {}, 40],
    ['what the mandate leaves', { mandate: { ...mandate, limit: 12_000n } }, 4],
    ['what today leaves', { mandate: { ...mandate, limitPerDay: 7_600n } }, 3],
  ])('is as long as %s', (_name, changes, length) => {
    expect(openedPair(changes).payer.running?.terms.length).toBe(length)
  })

  test.each([
    ['no mandate', { mandate: undefined }, 'off no_mandate'],
    ['a mandate of the future', { mandate: { ...mandate, notBefore: 2e9 } }, 'off no_mandate'],
    [
      'an expired mandate',
      { mandate: { ...mandate, expiry: 1_767_225_600 } },
      'off mandate_expired',
    ],
    ['a used-up mandate', { mandate: { ...mandate, limit: 2_499n } }, 'off opening'],
    ['no room at the gateway', { maxLength: 0 }, 'off opening'],
    ['no tariff in force', { tariffs: [{ ...tariff, validUntil: 5 }] }, 'off opening'],
  ])('is not tried with %s', (_name, changes, expected) => {
    const pair = openedPair(changes)
    expect(offered(pair.actions)).toBeUndefined()
    expect(order(pair)).toBe(expected)
  })
})

describe('ticks', () => {
  test('show whole ticks of what was metered, and only when there is a new one', () => {
    const pair = openedPair()
    expect(shown(read(pair, 1_009n))).toEqual([])
    expect(shown(read(pair, 1_010n))).toEqual(['1/1'])
    expect(shown(read(pair, 1_019n))).toEqual([])
    expect(shown(read(pair, 1_055n))).toEqual(['1/5'])
    expect(pair.payer.acked).toBe(0)
    settle(pair)
    expect(pair.payer.acked).toBe(5)
    expect(heldReading(pair.gateway)).toBe(1_050n)
  })

  test('never go back, whatever the meter says', () => {
    const pair = openedPair()
    read(pair, 1_055n)
    expect(shown(read(pair, 900n))).toEqual([])
    expect(pair.payer.running?.shown).toBe(5)
  })

  test('are repeated when no acknowledgement came for five seconds', () => {
    const pair = openedPair()
    read(pair, 1_050n)
    pair.toGateway = []
    pass(pair, 4_999)
    expect(pair.toGateway).toEqual([])
    pass(pair, 1)
    expect(pair.toGateway).toMatchObject([{ kind: 'ticks', ticks: [{ epoch: 1, index: 5 }] }])
    settle(pair)
    pass(pair, 6_000)
    expect(pair.toGateway).toEqual([])
  })

  test('wait for a connection and then start from the newest', () => {
    const pair = openedPair()
    feed(pair, { kind: 'offline' })
    expect(shown(read(pair, 1_030n))).toEqual([])
    expect(shown(read(pair, 1_060n))).toEqual([])
    connect(pair)
    const [slot] = pair.toDevice.splice(0)
    expect(slot && shown(deviceTakes(pair, slot))).toEqual(['1/6'])
  })

  test('an acknowledgement of what was never shown frees nothing', () => {
    const pair = openedPair()
    read(pair, 1_050n)
    const supply = pair.gateway.supply
    feed(pair, { kind: 'ack', entry: { slot: 0, epoch: 1, index: 6, supply } })
    expect(pair.payer.acked).toBe(0)
    feed(pair, { kind: 'ack', entry: { slot: 0, epoch: 1, index: 4, supply } })
    expect(pair.payer.acked).toBe(4)
    feed(pair, { kind: 'ack', entry: { slot: 0, epoch: 1, index: 2, supply } })
    expect(pair.payer.acked).toBe(4)
  })

  test('pause after slow_down', () => {
    const pair = openedPair()
    const refusal = { refused: 'tick', reason: 'slow_down' } as const
    const held = { terms: pair.payer.running?.terms, index: 0 }
    if (!held.terms) throw new Error('opened')
    const proof = { held: { ...held, terms: held.terms }, pending: undefined }
    feed(pair, { kind: 'reject', refusal, proof })
    expect(shown(read(pair, 1_050n))).toEqual([])
    pass(pair, 5_000)
    expect(pair.toGateway).toHaveLength(1)
  })
})

describe('renewals', () => {
  test('are signed at 80 % and begin exactly where the running epoch ends', () => {
    const pair = openedPair()
    expect(offered(read(pair, 1_310n))).toBeUndefined()
    const actions = read(pair, 1_320n)
    expect(shown(actions)).toEqual(['1/32'])
    expect(offered(actions)).toMatchObject({
      purpose: 'renewal',
      terms: { kind: RENEWAL, epoch: 2, base: 40n * 2_500n, startReading: 1_400n },
    })
  })

  test('do not stop the ticks of the running epoch', () => {
    const pair = openedPair()
    read(pair, 1_330n)
    expect(pair.payer.offer?.purpose).toBe('renewal')
    expect(shown(read(pair, 1_340n))).toEqual(['1/34'])
  })

  test('show no word before the last one of the epoch before', () => {
    const pair = openedPair()
    read(pair, 1_330n)
    settle(pair)
    expect(pair.payer.next?.terms.epoch).toBe(2)
    expect(shown(read(pair, 1_400n))).toEqual(['1/40'])
    expect(shown(read(pair, 1_420n))).toEqual(['1/40', '2/2'])
    pair.toGateway = []
    expect(shown(read(pair, 1_430n))).toEqual(['1/40', '2/3'])
    settle(pair)
    expect(pair.payer.running?.terms.epoch).toBe(2)
    expect(shown(read(pair, 1_450n))).toEqual(['2/5'])
  })

  test('leave out the last word once it is acknowledged', () => {
    const pair = openedPair()
    read(pair, 1_400n)
    settle(pair)
    expect(pair.payer.acked).toBe(40)
    expect(shown(read(pair, 1_410n))).toEqual(['2/1'])
  })

  test('an epoch that ends without one is followed by a checkpoint', () => {
    const pair = openedPair()
    const room = { ...mandate, limit: 100_000n }
    pair.gateway.mandate = room
    connect(pair)
    settle(pair)
    read(pair, 1_400n)
    settle(pair)
    expect(pair.payer.offer).toBeUndefined()
    expect(pair.payer.next).toBeUndefined()
    pair.gateway.mandate = { ...room, sequence: 9, limit: 900_000n }
    pair.gateway.supply = { level: 'on', reason: 'ok' }
    read(pair, 1_430n)
    connect(pair)
    settle(pair)
    expect(pair.payer.running?.terms).toMatchObject({ base: 43n * 2_500n, startReading: 1_430n })
  })
})

describe('checkpoints', () => {
  test('pay a gap beyond one jump, also past the end of the epoch', () => {
    const pair = openedPair({ tariffs: [{ ...tariff, creditTicks: 2_000 }], maxLength: 1_100 })
    feed(pair, { kind: 'offline' })
    read(pair, 1_000n + 10n * 1_500n + 3n)
    connect(pair)
    settle(pair)
    expect(pair.gateway.verdicts).toEqual(['accepted', 'accepted'])
    expect(pair.payer.running?.terms).toMatchObject({
      base: 1_500n * 2_500n,
      startReading: 16_000n,
    })
  })

  test('let nothing be shown before they are accepted', () => {
    const pair = openedPair({ tariffs: [{ ...tariff, creditTicks: 2_000 }], maxLength: 5_000 })
    feed(pair, { kind: 'offline' })
    read(pair, 20_000n)
    connect(pair)
    for (const down of pair.toDevice.splice(0)) deviceTakes(pair, down)
    expect(pair.payer.offer?.purpose).toBe('checkpoint')
    expect(shown(read(pair, 20_100n))).toEqual([])
    pass(pair, 5_000)
    expect(pair.toGateway.map(({ kind }) => kind)).toEqual(['commit', 'commit'])
    settle(pair)
    expect(pair.gateway.verdicts).toEqual(['accepted', 'accepted', 'repeated', 'accepted'])
    expect(heldReading(pair.gateway)).toBe(20_100n)
  })

  test('are sent when the gateway asks', () => {
    const pair = openedPair()
    read(pair, 1_050n)
    settle(pair)
    const terms = pair.payer.running?.terms
    if (!terms) throw new Error('opened')
    const refusal = { refused: 'tick', reason: 'needs_checkpoint' } as const
    feed(pair, {
      kind: 'reject',
      refusal,
      proof: { held: { terms, index: 5 }, pending: undefined },
    })
    expect(pair.payer.offer).toMatchObject({
      purpose: 'checkpoint',
      terms: { epoch: 2, base: 5n * 2_500n, startReading: 1_050n },
    })
    settle(pair)
    expect(pair.payer.asked).toBe(false)
    expect(pair.payer.running?.terms.epoch).toBe(2)
  })

  test('move to a new tariff at its validFrom, paying the gap at the old price', () => {
    const pair = openedPair()
    const at = pair.gateway.nowSeconds + 10
    const dear = { ...tariff, validFrom: at, pricePerTick: 4_000n, unitsPerTick: 4n }
    pair.gateway.tariffs = [{ ...tariff, validUntil: at }, dear]
    connect(pair)
    settle(pair)
    const before = pair.payer.running?.terms
    read(pair, 1_057n)
    settle(pair)
    pass(pair, 9_000)
    expect(pair.payer.running?.terms).toBe(before)
    pair.toGateway = []
    read(pair, 1_073n)
    pair.toGateway = []
    pass(pair, 1_000)
    expect(pair.payer.offer).toMatchObject({
      purpose: 'checkpoint',
      terms: { base: 7n * 2_500n, startReading: 1_070n, pricePerTick: 4_000n, unitsPerTick: 4n },
    })
    settle(pair)
    expect(pair.gateway.verdicts).not.toContain('not_continuous')
    expect(shown(read(pair, 1_078n))).toEqual([`${pair.payer.running?.terms.epoch}/2`])
  })

  test('are not taken back by a slot that arrives late', () => {
    const pair = openedPair()
    const first = pair.gateway.mandate
    pair.gateway.mandate = { ...mandate, sequence: 9, limit: 900_000n }
    connect(pair)
    settle(pair)
    pair.gateway.mandate = first
    gatewayTakes(pair, { kind: 'hello' })
    settle(pair)
    expect(pair.payer.facts?.mandate).toMatchObject({ sequence: 9, limit: 900_000n })
  })

  test('prolong a commitment that ends before mandate and tariff do', () => {
    const pair = openedPair({ mandate: { ...mandate, expiry: mandate.notBefore + 9 * hour } })
    const first = pair.payer.running?.terms.expiry ?? 0
    pair.gateway.mandate = { ...mandate, sequence: 5 }
    connect(pair)
    settle(pair)
    expect(pair.payer.running?.terms.epoch).toBe(1)
    pass(pair, (first - pair.gateway.nowSeconds - hour) * 1_000)
    settle(pair)
    expect(pair.payer.running?.terms).toMatchObject({ epoch: 2, expiry: mandate.expiry })
  })
})
