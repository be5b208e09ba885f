/** Prices are believed when the pinned key signed them, and apply at their time. */
import { describe, expect, test } from 'vitest'
import { tariffInForce, tariffsFor, verifyTariffs } from '../../../agent/tariffs.ts'
import { publicKeyOf } from '../../../protocol/keys.ts'
import type { Tariff } from '../../../protocol/structures.ts'
import { digestOf, tariffStructure } from '../../../protocol/structures.ts'
import {
  channel,
  counting,
  deviceKey,
  domain,
  gateway,
  gatewayKey,
  nowSeconds,
  signed,
  tariff,
} from '../../support/fixtures.ts'

const sign = (change: Partial<Tariff>, key = gatewayKey) => {
  const value = { ...tariff, ...change }
  return signed(key, value, digestOf(domain, tariffStructure, value))
}
const verify = (...list: ReturnType<typeof sign>[]) =>
  verifyTariffs(domain, gateway, publicKeyOf(gatewayKey), list)

describe('a list of tariffs', () => {
  test.each<[string, ReturnType<typeof sign>]>([
    ['another key signed', sign({}, deviceKey)],
    ['was changed after it was signed', { ...sign({}), value: { ...tariff, pricePerTick: 1n } }],
    ['is of another gateway', sign({ gateway: 'gateway-2' })],
    ['has ticks of no units', sign({ unitsPerTick: 0n })],
  ])('loses an entry that %s', (_name, entry) => {
    const { known, rejected } = verify(sign({}), entry)
    expect(known).toHaveLength(1)
    expect(rejected).toBe(1)
  })

  test('is narrowed to a channel and its meter', () => {
    const { known } = verify(
      sign({}),
      sign({ unit: 'mL' }),
      sign({ payee: counting(1, 20) }),
      sign({ assetCode: 'USD' }),
      sign({ assetScale: 2 }),
    )
    expect(known).toHaveLength(5)
    expect(tariffsFor(known, channel, 'Wh').map(({ tariff: one }) => one)).toEqual([tariff])
  })

  test('has one entry in force: of several, the one that came last', () => {
    const { known } = verify(
      sign({ validUntil: nowSeconds + 10 }),
      sign({ validFrom: nowSeconds - 5, validUntil: nowSeconds + 5, pricePerTick: 7n }),
      sign({ validFrom: nowSeconds + 10, pricePerTick: 9n }),
    )
    const price = (at: number) => tariffInForce(known, at)?.tariff.pricePerTick
    expect(price(nowSeconds - 6)).toBe(2_500n)
    expect(price(nowSeconds - 5)).toBe(7n)
    expect(price(nowSeconds + 5)).toBe(2_500n)
    expect(price(nowSeconds + 10)).toBe(9n)
    expect(price(tariff.validUntil)).toBeUndefined()
  })
})
