/**
 * How every ledger behaves, as tests that each kind of ledger runs for itself.
 * @module
 */
import { describe, expect, it } from 'vitest'
import type { LedgerEvent } from '../../ledger/ledger.ts'
import { allocationTerms, leafOf, seedOf, statementOf } from '../unit/ledger/world.ts'
import { type FundedWorld, fundedContract, type OpenContractWorld } from './contractWorld.ts'

type Funded = (amount?: bigint) => Promise<FundedWorld>

/** @param name what the ledger is called; @param open makes a new one for each test */
export function describeLedger(name: string, open: OpenContractWorld): void {
  const funded: Funded = (amount) => fundedContract(open, amount)
  describe(`${name}: an allocation`, () => allocations(funded))
  describe(`${name}: claims`, () => {
    payments(funded)
    refusals(funded)
    repeats(funded)
  })
  describe(`${name}: statements`, () => statements(funded))
  describe(`${name}: money back`, () => moneyBack(funded))
  describe(`${name}: followers and entries`, () => followersAndEntries(funded))
}

function allocations(funded: Funded): void {
  it('is opened once and keeps its terms', async () => {
    const { ledger, allocation } = await funded(10n)
    expect(await ledger.openAllocation(allocationTerms)).toEqual(allocation)
    const other = ledger.openAllocation({ ...allocationTerms, feeBasisPoints: 5 })
    await expect(other).rejects.toThrow(/is open with another fee, notice or key/)
    expect(await ledger.allocations()).toEqual([allocation])
    expect(await ledger.allocation(new Uint8Array(32))).toBeUndefined()
  })

  it('is funded once for each reference', async () => {
    const { ledger, allocation, state } = await funded(10n)
    await ledger.fund(allocation.id, 10n, 'deposit-1')
    expect(await state()).toMatchObject({ setAside: 10n, available: 10n })
    const other = ledger.fund(allocation.id, 11n, 'deposit-1')
    await expect(other).rejects.toThrow(/"deposit-1" was used before .* choose another one/)
    await expect(ledger.fund(new Uint8Array(32), 1n, 'd2')).rejects.toThrow(/open it first/)
    await expect(ledger.fund(allocation.id, 0n, 'd3')).rejects.toThrow(/is no amount/)
  })
}

function payments(funded: Funded): void {
  it('pay the difference, once, to the payee, and the fee of the total', async () => {
    const { ledger, device, state } = await funded()
    const { claim } = device(1).commit()
    const [first] = await ledger.submit([claim(3)], 'k1')
    expect(first).toMatchObject({ status: 'paid', paid: 30n, cumulative: 30n })
    const [later] = await ledger.submit([claim(50)], 'k2')
    expect(later).toMatchObject({ status: 'paid', paid: 470n, cumulative: 500n })
    const [older] = await ledger.submit([claim(7)], 'k3')
    expect(older).toMatchObject({ status: 'repeated', paid: 0n, cumulative: 500n })
    expect(await state()).toMatchObject({ paid: 500n, evidencePaid: 500n, fee: 5n })
    expect(await ledger.balance('fee:gate-1')).toMatchObject([{ amount: 5n }])
    expect(await ledger.sum()).toBe('0')
    expect(await ledger.audit()).toEqual([])
  })

  it('of many channels are paid in one submission, each by itself', async () => {
    const { ledger, device, state } = await funded()
    const claims = Array.from({ length: 40 }, (_, place) => device(place).commit().claim(2))
    const bad = device(40)
      .commit()
      .claim(2, { word: seedOf(7) })
    const results = await ledger.submit([...claims, bad, ...claims.slice(0, 2)], 'k')
    expect(results.map(({ status }) => status)).toEqual([
      ...claims.map(() => 'paid'),
      'refused',
      ...['repeated', 'repeated'],
    ])
    expect(results[40]).toMatchObject({ reason: 'bad_word', cumulative: 0n })
    expect(await state()).toMatchObject({ paid: 800n, fee: 8n })
    expect(await ledger.audit()).toEqual([])
  })

  it('further along in the same submission add to each other', async () => {
    const { ledger, device, state } = await funded()
    const { claim } = device(1).commit()
    const results = await ledger.submit([claim(3), claim(4)], 'k')
    expect(results.map(({ paid }) => paid)).toEqual([30n, 10n])
    const { entries } = await ledger.entries({ account: 'payee:0x'.padEnd(48, '07') })
    expect(entries.map(({ amount }) => amount)).toEqual([30n, 10n])
    expect(await state()).toMatchObject({ paid: 40n })
    expect(await ledger.audit()).toEqual([])
  })
}

function refusals(funded: Funded): void {
  it('are refused with the reason of the first check that fails', async () => {
    const { ledger, device, advance } = await funded()
    const one = device(1).commit()
    const stranger = device(2, { payee: new Uint8Array(20).fill(9) })
      .commit()
      .claim(1)
    const unknown = device(3, { allocation: seedOf(3) })
      .commit()
      .claim(1)
    const mandate = device(1).signMandate({ limit: 5n })
    const malformed = one.claim(1, { index: -1 })
    const claims = [stranger, unknown, one.claim(1, { mandate }), malformed]
    const results = await ledger.submit(claims, 'k1')
    expect(results.map(({ reason }) => reason)).toEqual([
      ...['wrong_terms', 'unknown_allocation', 'over_mandate', 'malformed'],
    ])
    await advance(9 * 86_400)
    expect(await ledger.submit([one.claim(1)], 'k2')).toMatchObject([{ reason: 'mandate_expired' }])
    expect(await ledger.audit()).toEqual([])
  })

  // T60

  it('of a position that was paid are not taken from another channel', async () => {
    const { ledger, device } = await funded()
    const other = device(1, { salt: seedOf(88) })
    const results = await ledger.submit([device(1).commit().claim(1), other.commit().claim(2)], 'k')
    expect(results.map(({ reason }) => reason)).toEqual([undefined, 'position_taken'])
    expect(await ledger.submit([other.commit().claim(3)], 'k2')).toMatchObject([
      { reason: 'position_taken' },
    ])
  })
}

function repeats(funded: Funded): void {
  it('wait where the allocation holds too little, and are paid when there is more', async () => {
    const { ledger, device, allocation, state } = await funded(25n)
    const { claim } = device(1).commit()
    const claims = [claim(2), claim(3)]
    const results = await ledger.submit(claims, 'same')
    expect(results.map((one) => one.reason ?? one.paid)).toEqual([20n, 'no_funds'])
    await ledger.fund(allocation.id, 5n, 'deposit-2')
    const again = await ledger.submit(claims, 'same')
    expect(again.map(({ paid }) => paid)).toEqual([20n, 10n])
    expect(await state()).toMatchObject({ paid: 30n, available: 0n })
  })

  // T60

  it('under the same key get the same results, other claims are judged', async () => {
    const { ledger, device, state } = await funded()
    const { claim } = device(1).commit()
    const first = await ledger.submit([claim(3)], 'k')
    await ledger.submit([claim(9)], 'later')
    expect(await ledger.submit([claim(3)], 'k')).toEqual(first)
    expect(await ledger.submit([claim(12)], 'k')).toMatchObject([{ paid: 30n }])
    expect(await state()).toMatchObject({ paid: 120n })
    expect(await ledger.audit()).toEqual([])
  })

  it('are durable: another process finds them paid', async () => {
    const { ledger, device, reopen } = await funded()
    const claims = [device(1).commit().claim(3)]
    const results = await ledger.submit(claims, 'k')
    const again = await reopen()
    expect(again.domain).toEqual(ledger.domain)
    expect(await again.submit(claims, 'k')).toEqual(results)
    expect(await again.submit(claims, 'k2')).toMatchObject([{ status: 'repeated' }])
  })
}

function statements(funded: Funded): void {
  it('pay what they add to all that is paid, once, and rise in sequence', async () => {
    const { ledger, allocation, device, state, reopen } = await funded()
    const { domain } = ledger
    const leaves = (amount: bigint) => [{ position: 1, channelId: device(1).channelId, amount }]
    const first = statementOf(domain, allocation.id, leaves(300n))
    expect(await ledger.submitStatement(first, 'a')).toMatchObject({ status: 'paid', paid: 300n })
    const again = await (await reopen()).submitStatement(first, 'a')
    expect(again).toEqual({ status: 'repeated', paid: 0n, total: 300n })
    const second = statementOf(domain, allocation.id, leaves(500n), { sequence: 4 })
    expect(await ledger.submitStatement(second, 'b')).toMatchObject({ paid: 200n, total: 500n })
    expect(await ledger.submitStatement(first, 'c')).toMatchObject({ reason: 'old_sequence' })
    expect(await state()).toMatchObject({
      ...{ paid: 500n, evidencePaid: 0n, fee: 5n },
      ...{ statementSequence: 4, statementPositions: 2 },
    })
    expect(await ledger.audit()).toEqual([])
  })

  // T60
  it('and evidence never pay for the same unit', async () => {
    const { ledger, allocation, device, state } = await funded()
    const { domain } = ledger
    const { claim } = device(1).commit()
    const leaves = [{ position: 1, channelId: device(1).channelId, amount: 300n }]
    await ledger.submitStatement(statementOf(domain, allocation.id, leaves), 'a')
    expect(await ledger.submit([claim(50)], 'b')).toMatchObject([{ reason: 'no_leaf' }])
    const leaf = leafOf(leaves, 1)
    expect(await ledger.submit([claim(30, { leaf })], 'c')).toMatchObject([{ paid: 0n }])
    expect(await ledger.submit([claim(50, { leaf })], 'd')).toMatchObject([{ paid: 200n }])
    expect(await ledger.submit([claim(60, { leaf })], 'e')).toMatchObject([{ paid: 100n }])
    const stale = statementOf(domain, allocation.id, leaves, { sequence: 2, total: 700n })
    expect(await ledger.submitStatement(stale, 'f')).toMatchObject({ reason: 'evidence_differs' })
    const higher = { sequence: 2, total: 700n, evidencePaid: 300n }
    const fresh = statementOf(domain, allocation.id, leaves, higher)
    expect(await ledger.submitStatement(fresh, 'g')).toMatchObject({ paid: 100n, total: 700n })
    expect(await state()).toMatchObject({ paid: 700n, evidencePaid: 300n })
    expect(await ledger.audit()).toEqual([])
  })
}

function moneyBack(funded: Funded): void {
  it('is promised at once, still pays claims, and leaves after the notice', async () => {
    const { ledger, allocation, device, advance, state } = await funded(1_000n)
    const { id, withdrawalNoticeSeconds } = allocation
    const asked = await ledger.requestWithdrawal(id, 1_000n, 'out-1')
    expect(asked).toMatchObject({ setAside: 1_000n, available: 0n })
    const more = ledger.requestWithdrawal(id, 1n, 'out-2')
    await expect(more).rejects.toThrow(/more than the allocation has available/)
    const [result] = await ledger.submit([device(1).commit().claim(70)], 'within')
    expect(result).toMatchObject({ paid: 700n })
    await advance(withdrawalNoticeSeconds - 1)
    await expect(ledger.completeWithdrawal(id, 'out-1')).rejects.toThrow(/is in its notice/)
    await advance(1)
    expect(await ledger.completeWithdrawal(id, 'out-1')).toBe(300n)
    expect(await state()).toMatchObject({ setAside: 700n, withdrawing: [], available: 0n })
    expect(await ledger.balance('fleet:acme')).toMatchObject([{ amount: 300n }])
    await expect(ledger.completeWithdrawal(id, 'out-1')).rejects.toThrow(/is waiting/)
    expect(await ledger.setAside(id, 300n, 'in-2')).toMatchObject({ setAside: 1_000n })
    expect(await ledger.audit()).toEqual([])
  })

  it('leaves the ledger from the accounts of people only, and once', async () => {
    const { ledger, allocation, device } = await funded(1_000n)
    await ledger.submit([device(1).commit().claim(50)], 'pay')
    const account = `payee:0x${'07'.repeat(20)}`
    const payOut = { account, asset: allocation.asset, amount: 495n, reference: 'bank-7' }
    await ledger.payOut(payOut)
    await ledger.payOut(payOut)
    expect(await ledger.balance(account)).toMatchObject([{ amount: 0n }])
    const again = ledger.payOut({ ...payOut, reference: 'bank-8' })
    await expect(again).rejects.toThrow(/holds less than 495/)
    for (const wrong of ['external', `allocation:${'00'.repeat(32)}`]) {
      const refused = ledger.payOut({ ...payOut, account: wrong, reference: 'bank-9' })
      await expect(refused).rejects.toThrow(/cannot be paid out/)
    }
    expect(await ledger.audit()).toEqual([])
  })
}

function followersAndEntries(funded: Funded): void {
  it('tell each durable change once', async () => {
    const { ledger, allocation, device } = await funded(1_000n)
    const heard: LedgerEvent[] = []
    const cancel = ledger.follow((event) => heard.push(event))
    const { claim } = device(1).commit()
    await ledger.fund(allocation.id, 5n, 'deposit-2')
    await ledger.fund(allocation.id, 5n, 'deposit-2')
    await ledger.submit([claim(3), claim(4)], 'k')
    await ledger.submit([claim(3), claim(4)], 'k')
    await ledger.submit([claim(4)], 'k2')
    await ledger.requestWithdrawal(allocation.id, 10n, 'out')
    cancel()
    await ledger.fund(allocation.id, 5n, 'deposit-3')
    expect(heard.map(({ kind, allocation: { paid } }) => [kind, paid])).toEqual([
      ['funded', 0n],
      ['paid', 40n],
      ['withdrawal_requested', 40n],
    ])
  })

  it('come in pages, in order, by account', async () => {
    const { ledger, device } = await funded(1_000n)
    await ledger.submit([device(1).commit().claim(3), device(2).commit().claim(20)], 'k')
    const all = await ledger.entries({})
    expect(all.entries.map(({ debit, credit, amount }) => [debit, credit, amount])).toEqual([
      ['external', 'fleet:acme', 1_000n],
      ['fleet:acme', expect.stringMatching(/^allocation:/), 1_000n],
      [expect.stringMatching(/^allocation:/), expect.stringMatching(/^payee:/), 30n],
      [expect.stringMatching(/^allocation:/), expect.stringMatching(/^payee:/), 200n],
      [expect.stringMatching(/^payee:/), 'fee:gate-1', 2n],
    ])
    const page = await ledger.entries({ limit: 2 })
    expect(page.entries).toEqual(all.entries.slice(0, 2))
    const rest = await ledger.entries({ from: page.next ?? 0 })
    expect(rest.entries).toEqual(all.entries.slice(2))
    expect((await ledger.entries({ account: 'fee:gate-1' })).entries).toHaveLength(1)
  })
}
