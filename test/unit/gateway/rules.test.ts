/** The gateway's small decisions: prices by date, what is due, precedence of supply, bounds. */
import * as v from 'valibot'
import { describe, expect, test } from 'vitest'
import { gatewayConfigSchema, toGatewayConfig } from '../../../gateway/config.ts'
import { createMarks, isBeyondJournal } from '../../../gateway/marks.ts'
import { isDue } from '../../../gateway/settle/policy.ts'
import { HOT_BYTES, hotChannels, toSeconds32 } from '../../../gateway/state/hotChannels.ts'
import type { SupplyFacts } from '../../../gateway/supply.ts'
import { decideSupply } from '../../../gateway/supply.ts'
import { signTariffs } from '../../../gateway/tariffs.ts'
import { supplyReasons } from '../../../protocol/reasons.ts'
import { gatewayKey, testKey, testTariff } from '../../support/virtualGateway.ts'

describe('supply', () => {
  const fine: SupplyFacts = {
    nowSeconds: 1_000,
    closed: false,
    paused: false,
    mandateExpirySeconds: 2_000,
    commitmentExpirySeconds: 1_500,
    fenced: false,
    cloneSuspected: false,
    spentToday: 0n,
    creditAmount: 16n,
    limitPerDay: 100n,
    held: 0n,
    limit: 1_000n,
    unpaidUnits: 160n,
    creditUnits: 160n,
    spaceLow: false,
  }

  /** Each takes supply away by itself; those above win over those below. */
  const causes: readonly (readonly [string, Partial<SupplyFacts>])[] = [
    ['closed', { closed: true }],
    ['no_mandate', { mandateExpirySeconds: 0 }],
    ['paused', { paused: true }],
    ['mandate_not_yet', { mandateNotBeforeSeconds: 1_001 }],
    ['mandate_expired', { mandateExpirySeconds: 1_000 }],
    ['commitment_expired', { commitmentExpirySeconds: 1_000 }],
    ['fenced', { fenced: true }],
    ['clone_suspected', { cloneSuspected: true }],
    ['over_limit', { spentToday: 85n }],
    ['price_ceiling', { ordered: 'price_ceiling' }],
    ['not_paying', { unpaidUnits: 161n }],
    ['no_space', { spaceLow: true }],
  ]

  test('is on when nothing speaks against it', () => {
    expect(decideSupply(fine)).toEqual({ level: 'on', reason: 'ok' })
    expect(decideSupply({ ...fine, commitmentExpirySeconds: 0 })).toMatchObject({ level: 'on' })
  })

  test.each(causes)('%s', (reason, change) => {
    const level = reason === 'no_space' ? 'limited' : 'off'
    expect(decideSupply({ ...fine, ...change })).toEqual({ level, reason })
  })

  test('of several reasons tells the most final one', () => {
    for (const [place, [reason]] of causes.entries()) {
      const later = causes.slice(place).reverse()
      const facts = Object.assign({}, fine, ...later.map(([, change]) => change))
      expect(decideSupply(facts).reason).toBe(reason)
    }
    const told = new Set(causes.map(([reason]) => reason))
    expect(supplyReasons.filter((one) => !told.has(one))).toEqual(['ok'])
  })

  test('ends a credit window before a limit, not earlier and not later', () => {
    expect(decideSupply({ ...fine, spentToday: 84n })).toMatchObject({ level: 'on' })
    expect(decideSupply({ ...fine, held: 984n })).toMatchObject({ level: 'on' })
    expect(decideSupply({ ...fine, held: 985n })).toMatchObject({ reason: 'over_limit' })
  })
})

describe('what is due', () => {
  const policy = { minimumAmount: 10n, expiryMarginSeconds: 100 }
  const owing = { exposure: 10n, urgent: false, claimUntilSeconds: 5_000 }

  test('enough, urgent, or about to run out; never nothing', () => {
    expect(isDue(owing, policy, 1_000)).toBe(true)
    expect(isDue({ ...owing, exposure: 9n }, policy, 1_000)).toBe(false)
    expect(isDue({ ...owing, exposure: 9n, urgent: true }, policy, 1_000)).toBe(true)
    expect(isDue({ ...owing, exposure: 9n }, policy, 4_899)).toBe(false)
    expect(isDue({ ...owing, exposure: 9n }, policy, 4_900)).toBe(true)
    expect(isDue({ ...owing, exposure: 0n, urgent: true }, policy, 4_999)).toBe(false)
    expect(isDue({ ...owing, exposure: -5n }, policy, 4_999)).toBe(false)
  })
})

describe('prices by date', () => {
  const domain = { chainId: 0n, verifyingContract: new Uint8Array(20) }
  const sign = (...list: ReturnType<typeof testTariff>[]) => signTariffs(domain, gatewayKey, list)

  test('in force from validFrom until just before validUntil; of several the latest', () => {
    const always = testTariff()
    const evening = testTariff({ validFrom: 500, validUntil: 600, pricePerTick: 900n })
    const tariffs = sign(evening, always)
    expect(tariffs.inForce('Wh', 499)).toEqual(always)
    expect(tariffs.inForce('Wh', 500)).toEqual(evening)
    expect(tariffs.inForce('Wh', 599)).toEqual(evening)
    expect(tariffs.inForce('Wh', 600)).toEqual(always)
    expect(tariffs.inForce('mL', 500)).toBeUndefined()
  })

  test('a device learns its own units: what is in force, then what comes', () => {
    const past = testTariff({ validUntil: 100 })
    const water = testTariff({ unit: 'mL', validFrom: 90 })
    const dates = Array.from({ length: 20 }, (_, at) =>
      testTariff({ validFrom: 50 + 60 * at, validUntil: 110 + 60 * at }),
    )
    const coming = sign(past, ...dates, water, testTariff({ unit: 's' })).comingFor(
      ['Wh', 'mL'],
      100,
    )
    expect(coming).toHaveLength(12)
    expect(
      coming
        .map(({ value }) => value.unit)
        .slice(0, 2)
        .sort(),
    ).toEqual(['Wh', 'mL'])
    const starts = coming.slice(2).map(({ value }) => value.validFrom)
    expect(starts).toEqual(Array.from({ length: 10 }, (_, at) => 110 + 60 * at))
  })
})

describe('marks', () => {
  const [a, b, c] = [1, 2, 3].map((byte) => new Uint8Array(16).fill(byte)) as [
    Uint8Array,
    Uint8Array,
    Uint8Array,
  ]
  const lives = [
    { life: a, position: 1 },
    { life: b, position: 50 },
  ]
  const mark = (life: Uint8Array, position: number) => createMarks(gatewayKey, life).at(position)

  test('are recognised in every life, and by nobody else', () => {
    const later = createMarks(gatewayKey, b)
    expect(later.isOurs(mark(a, 7))).toBe(true)
    expect(later.isOurs({ ...mark(a, 7), position: 8 })).toBe(false)
    expect(later.isOurs({ ...mark(a, 7), life: b })).toBe(false)
    expect(createMarks(testKey('p256', 5), b).isOurs(mark(a, 7))).toBe(false)
  })

  test('speak of lost state when the journal has given their position to something else', () => {
    expect(isBeyondJournal(mark(a, 49), lives, 90)).toBe(false)
    expect(isBeyondJournal(mark(a, 50), lives, 90)).toBe(true)
    expect(isBeyondJournal(mark(b, 90), lives, 90)).toBe(false)
    expect(isBeyondJournal(mark(b, 91), lives, 90)).toBe(true)
    expect(isBeyondJournal(mark(c, 2), lives, 90)).toBe(true)
  })
})

describe('hot state', () => {
  test('takes at most 256 bytes a channel', () => {
    expect(HOT_BYTES).toBeLessThanOrEqual(256)
  })

  test('survives growth and serialisation', () => {
    const hot = hotChannels()
    hot.add(3)
    hot.columns.base[2] = 77n
    hot.columns.word.set(new Uint8Array(32).fill(9), 2 * 32)
    hot.add(1_000)
    expect(hot.count()).toBe(1_003)
    const again = hotChannels(hot.serialise())
    expect(again.count()).toBe(1_003)
    expect(again.columns.base[2]).toBe(77n)
    expect(again.register(2).word).toEqual(new Uint8Array(32).fill(9))
    expect(again.register(1_002)).toMatchObject({ epoch: 0, closed: false })
  })

  test('keeps times that do not fit as the latest that do', () => {
    expect(toSeconds32(Number.MAX_SAFE_INTEGER)).toBe(0xffff_ffff)
    expect(toSeconds32(1_800_000_000)).toBe(1_800_000_000)
  })
})

describe('the configuration', () => {
  const least = {
    gateway: 'gw-1',
    data: '/var/lib/tickpay',
    key: { file: 'gateway.key', passphraseEnv: 'PASSPHRASE' },
    payee: 'acme-energy',
    asset: { code: 'EUR', scale: 6 },
    listeners: [{ kind: 'tcp', port: 1883 }],
    tariffs: [{ unit: 'Wh', unitsPerTick: '10', pricePerTick: '300' }],
  }
  const parse = (change: object = {}) => v.safeParse(gatewayConfigSchema, { ...least, ...change })
  const problem = (change: object) => parse(change).issues?.[0].message

  test('the least one has defaults for the rest', () => {
    const { output, success } = parse()
    expect(success).toBe(true)
    expect(toGatewayConfig(output as never)).toMatchObject({
      settlement: { periodSeconds: 3_600, minimumAmount: 0n, expiryMarginSeconds: 172_800 },
      limits: { hashRate: { perSecond: 200, burst: 1_024 }, channelsPerDevice: 16 },
      tariffs: [{ gateway: 'gw-1', creditTicks: 16, assetCode: 'EUR' }],
      reportSeconds: 10,
    })
  })

  test('a settlement period that could miss the end of a claim window is refused', () => {
    const settlement = { periodSeconds: 86_400, expiryMarginSeconds: 172_799 }
    expect(problem({ settlement })).toContain('at least two periods')
    expect(parse({ settlement: { ...settlement, expiryMarginSeconds: 172_800 } }).success).toBe(
      true,
    )
  })

  test.each([
    ['gateway', { gateway: 'GW' }],
    ['payee', { payee: '0x12' }],
    ['asset', { asset: { code: 'eur', scale: 6 } }],
    ['scale', { asset: { code: 'EUR', scale: 10 } }],
    ['listeners', { listeners: [] }],
    ['tariffs', { tariffs: [] }],
    ['unit', { tariffs: [{ unit: 'm3', unitsPerTick: '1', pricePerTick: '1' }] }],
    ['a date', { tariffs: [{ ...least.tariffs[0], validFrom: 'soon' }] }],
    ['an unknown key', { colour: 'red' }],
  ])('%s that cannot be is refused', (_, change) => {
    expect(parse(change).success).toBe(false)
  })
})
