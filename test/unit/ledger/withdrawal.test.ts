import { describe, expect, it } from 'vitest'
import { noticeFor } from '../../../ledger/rules/allocationRules.ts'
import {
  CLAIM_WINDOW_SECONDS,
  MANDATE_SECONDS_DEFAULT,
  MANDATE_UNATTENDED_SECONDS,
  WITHDRAWAL_NOTICE_SECONDS,
} from '../../../protocol/limits.ts'
import { allocationTerms, fundedWorld, ledgerWorld, payee } from './world.ts'

const payeeName = `payee:0x${Buffer.from(payee).toString('hex')}`

describe('the notice of a withdrawal', () => {
  it('is longer than the longest mandate and its claim window', () => {
    for (const seconds of [MANDATE_SECONDS_DEFAULT, MANDATE_UNATTENDED_SECONDS]) {
      expect(noticeFor(seconds)).toBeGreaterThan(seconds + CLAIM_WINDOW_SECONDS)
      expect(noticeFor(seconds)).toBeGreaterThanOrEqual(WITHDRAWAL_NOTICE_SECONDS)
    }
    expect(noticeFor(0)).toBe(WITHDRAWAL_NOTICE_SECONDS)
  })

  it('can be made longer and not shorter', async () => {
    const ledger = await ledgerWorld().open()
    const needed = noticeFor(MANDATE_UNATTENDED_SECONDS)
    const terms = { ...allocationTerms, mandateSeconds: MANDATE_UNATTENDED_SECONDS }
    for (const withdrawalNoticeSeconds of [needed - 1, WITHDRAWAL_NOTICE_SECONDS, Number.NaN]) {
      const opened = ledger.openAllocation({ ...terms, withdrawalNoticeSeconds })
      await expect(opened).rejects.toThrow(/notice of .* is too short/)
    }
    const opened = await ledger.openAllocation({ ...terms, withdrawalNoticeSeconds: needed + 1 })
    expect(opened.withdrawalNoticeSeconds).toBe(needed + 1)
  })

  it('starts with the request and ends not a second early', async () => {
    const { ledger, allocation, time } = await fundedWorld(1_000n)
    const { id, withdrawalNoticeSeconds } = allocation
    await ledger.requestWithdrawal(id, 400n, 'out-1')
    await time.advance(withdrawalNoticeSeconds * 1_000 - 1)
    await expect(ledger.completeWithdrawal(id, 'out-1')).rejects.toThrow(/is in its notice/)
    await time.advance(1)
    expect(await ledger.completeWithdrawal(id, 'out-1')).toBe(400n)
    expect(ledger.balance('fleet:acme')).toMatchObject([{ amount: 400n }])
    expect(await ledger.allocation(id)).toMatchObject({ setAside: 600n, withdrawing: [] })
  })
})

describe('money that is asked back', () => {
  it('is gone for new reservations at once', async () => {
    const { ledger, allocation } = await fundedWorld(1_000n)
    const after = await ledger.requestWithdrawal(allocation.id, 400n, 'out-1')
    expect(after).toMatchObject({ setAside: 1_000n, available: 600n })
    expect(after.withdrawing).toMatchObject([{ reference: 'out-1', amount: 400n }])
    const more = ledger.requestWithdrawal(allocation.id, 601n, 'out-2')
    await expect(more).rejects.toThrow(/more than the allocation has available \(600\)/)
  })

  it('still pays claims until it has left', async () => {
    const { ledger, allocation, device, time } = await fundedWorld(1_000n)
    await ledger.requestWithdrawal(allocation.id, 1_000n, 'out-1')
    const { claim } = device(1).commit()
    const [result] = await ledger.submit([claim(70)], 'within')
    expect(result).toMatchObject({ status: 'paid', paid: 700n })
    expect(await ledger.allocation(allocation.id)).toMatchObject({ available: 0n })
    await time.advance(allocation.withdrawalNoticeSeconds * 1_000)
    expect(await ledger.completeWithdrawal(allocation.id, 'out-1')).toBe(300n)
    expect(ledger.sum()).toBe('0')
    expect(ledger.audit()).toEqual([])
  })

  it('leaves the ledger only through an account', async () => {
    const { ledger, allocation, device } = await fundedWorld(1_000n)
    await ledger.submit([device(1).commit().claim(50)], 'pay')
    const { asset } = allocation
    const payOut = { account: payeeName, asset, amount: 495n, reference: 'bank-7' }
    await ledger.payOut(payOut)
    await ledger.payOut(payOut)
    expect(ledger.balance(payeeName)).toMatchObject([{ amount: 0n }])
    const again = ledger.payOut({ ...payOut, reference: 'bank-8' })
    await expect(again).rejects.toThrow(/holds less than 495/)
    for (const account of ['external', `allocation:${'00'.repeat(32)}`]) {
      const wrong = ledger.payOut({ ...payOut, account, reference: 'bank-9' })
      await expect(wrong).rejects.toThrow(/cannot be paid out/)
    }
    expect(ledger.sum()).toBe('0')
  })

  it('can be set aside again', async () => {
    const { ledger, allocation, time } = await fundedWorld(1_000n)
    await ledger.requestWithdrawal(allocation.id, 400n, 'out-1')
    await time.advance(allocation.withdrawalNoticeSeconds * 1_000)
    await ledger.completeWithdrawal(allocation.id, 'out-1')
    expect(await ledger.setAside(allocation.id, 400n, 'in-2')).toMatchObject({ setAside: 1_000n })
    const more = ledger.setAside(allocation.id, 1n, 'in-3')
    await expect(more).rejects.toThrow(/fleet "acme" holds less than 1/)
    expect(ledger.audit()).toEqual([])
  })

  it('waits in a bounded list', async () => {
    const { ledger, allocation } = await fundedWorld(1_000n)
    for (let i = 0; i < 16; i++) await ledger.requestWithdrawal(allocation.id, 1n, `out-${i}`)
    const more = ledger.requestWithdrawal(allocation.id, 1n, 'out-16')
    await expect(more).rejects.toThrow(/complete one first/)
  })
})
