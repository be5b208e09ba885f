import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { afterTransfer, feeOf } from '../../../ledger/rules/accounting.ts'
import { fundedWorld, payee } from './world.ts'

const payeeName = `payee:0x${Buffer.from(payee).toString('hex')}`

describe('the fee', () => {
  it('is the floor of its share, the payee gets the rest', () => {
    expect(feeOf(9_999n, 1)).toBe(0n)
    expect(feeOf(10_000n, 1)).toBe(1n)
    expect(feeOf(199n, 100)).toBe(1n)
    expect(feeOf(12_345n, 10_000)).toBe(12_345n)
  })

  it('is taken from the cumulative total, so small payments do not avoid it', async () => {
    const { ledger, device, allocation } = await fundedWorld()
    const { claim } = device(1).commit()
    for (let index = 1; index <= 25; index++) await ledger.submit([claim(index)], `k-${index}`)
    // 25 payments of 10 at 1 %: each alone would bear a fee of 0.
    expect(await ledger.allocation(allocation.id)).toMatchObject({ paid: 250n, fee: 2n })
    expect(ledger.balance('fee:gate-1')).toMatchObject([{ amount: 2n }])
    expect(ledger.balance(payeeName)).toMatchObject([{ amount: 248n }])
  })

  it('comes to the same however payments were cut', () => {
    fc.assert(
      fc.property(
        fc.array(fc.bigInt(1n, 10_000n), { maxLength: 30 }),
        fc.nat(10_000),
        (payments, share) => {
          let [paid, fee] = [0n, 0n]
          for (const payment of payments) {
            paid += payment
            const next = feeOf(paid, share)
            expect(next).toBeGreaterThanOrEqual(fee)
            expect(next - fee).toBeLessThanOrEqual(payment)
            fee = next
          }
          expect(fee).toBe((paid * BigInt(share)) / 10_000n)
        },
      ),
    )
  })
})

describe('a transfer', () => {
  const transfer = { debit: 'fleet:a', credit: 'fee:b', asset: 'EUR/6', reference: 'r' }

  it('takes from one account what it gives to another', () => {
    const after = afterTransfer((name) => (name === 'EUR/6 fleet:a' ? 10n : 3n), {
      ...transfer,
      amount: 10n,
    })
    expect(after).toEqual([
      { name: 'EUR/6 fleet:a', balance: 0n },
      { name: 'EUR/6 fee:b', balance: 13n },
    ])
  })

  it('leaves no account but the outside below 0', () => {
    expect(afterTransfer(() => 9n, { ...transfer, amount: 10n })).toBe('not_enough')
    const deposit = { ...transfer, debit: 'external', amount: 10n }
    expect(afterTransfer(() => 0n, deposit)).toMatchObject([{ balance: -10n }, { balance: 10n }])
  })

  it('never lets the ledger hold more than an amount can say', () => {
    const deposit = { ...transfer, debit: 'external', amount: 2n ** 64n }
    expect(afterTransfer(() => 0n, deposit)).toBe('too_much')
  })

  it('is a bug when it moves nothing', () => {
    expect(() => afterTransfer(() => 9n, { ...transfer, amount: 0n })).toThrow()
    const circle = { ...transfer, credit: transfer.debit, amount: 1n }
    expect(() => afterTransfer(() => 9n, circle)).toThrow()
  })
})
