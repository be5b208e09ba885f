import { describe, expect, it } from 'vitest'
import { openEmbeddedLedger } from '../../../ledger/embedded/embeddedLedger.ts'
import { fastSha256, fastVerify } from '../../../ledger/io/fastVerify.ts'
import type { LedgerEvent } from '../../../ledger/ledger.ts'
import { readClaim } from '../../../ledger/rules/claimBytes.ts'
import { checkClaim } from '../../../ledger/rules/claimRules.ts'
import { digesterOf } from '../../../ledger/rules/digests.ts'
import type { Sha256 } from '../../../protocol/chain.ts'
import type { Verify } from '../../../protocol/keys.ts'
import { LEDGER_TAIL_TICKS_MAX } from '../../../protocol/limits.ts'
import { RENEWAL } from '../../../protocol/structures.ts'
import { memoryKeyValue } from '../../support/memoryKeyValue.ts'
import { virtualTime } from '../../support/virtualTime.ts'
import { allocationTerms, deviceOf, fundedWorld, START_SECONDS, seedOf } from './world.ts'

describe('a submission', () => {
  it('pays the difference to what was paid before, the higher amount wins', async () => {
    const { ledger, device } = await fundedWorld()
    const { channelId, commit } = device(1)
    const { claim } = commit()
    const steps = [3, 2, 3, 10, 4, 100]
    const results = await ledger.submit(
      steps.map((index) => claim(index)),
      'k',
    )
    expect(results.map(({ paid, cumulative }) => [paid, cumulative])).toEqual([
      [30n, 30n],
      [0n, 30n],
      [0n, 30n],
      [70n, 100n],
      [0n, 100n],
      [900n, 1_000n],
    ])
    expect(results.every((one) => Buffer.from(one.channelId).equals(channelId))).toBe(true)
  })

  it('compares amounts, not epochs or indexes', async () => {
    const { ledger, device } = await fundedWorld()
    const { commit } = device(1)
    const high = commit({ epoch: 1, base: 500n }).claim(10)
    const low = commit({ epoch: 2, base: 0n }).claim(50)
    const higher = commit({ epoch: 2, kind: RENEWAL, base: 550n }).claim(6)
    const results = await ledger.submit([high, low, higher], 'k')
    expect(results.map(({ status, paid }) => [status, paid])).toEqual([
      ['paid', 600n],
      ['repeated', 0n],
      ['paid', 10n],
    ])
  })

  it('gives a position to one channel for good', async () => {
    const { ledger, device, allocation } = await fundedWorld()
    const old = device(1).commit()
    const replacement = device(1, { salt: seedOf(88) }).commit()
    await ledger.submit([old.claim(3)], 'k1')
    const [refused, further] = await ledger.submit([replacement.claim(9), old.claim(4)], 'k2')
    expect(refused).toMatchObject({ status: 'refused', reason: 'position_taken', cumulative: 0n })
    expect(further).toMatchObject({ status: 'paid', paid: 10n })
    const fresh = device(1, { salt: seedOf(88), position: 2 }).commit()
    expect(await ledger.submit([fresh.claim(9)], 'k3')).toMatchObject([{ paid: 90n }])
    const paid = [...ledger.channelsPaid(allocation.id)]
    expect(paid.map(({ position, paid }) => [position, paid])).toEqual([
      [1, 40n],
      [2, 90n],
    ])
  })

  it('says with a refusal what was paid for that channel, and for no other', async () => {
    const { ledger, device } = await fundedWorld()
    const { claim } = device(1).commit()
    await ledger.submit([claim(3)], 'k1')
    const stranger = device(1, { salt: seedOf(88), fleet: 'other' })
      .commit()
      .claim(9)
    const results = await ledger.submit([claim(9, { word: seedOf(1) }), stranger], 'k2')
    expect(results.map(({ reason, cumulative }) => [reason, cumulative])).toEqual([
      ['bad_word', 30n],
      ['wrong_terms', 0n],
    ])
  })

  it('gives a position to the first of two in one submission', async () => {
    const { ledger, device } = await fundedWorld()
    const first = device(1).commit().claim(1)
    const second = device(1, { salt: seedOf(88) })
      .commit()
      .claim(2)
    const results = await ledger.submit([first, second], 'k')
    expect(results.map(({ reason }) => reason)).toEqual([undefined, 'position_taken'])
  })

  it('does not let an unproved claim take a position', async () => {
    const { ledger, device } = await fundedWorld()
    const thief = device(1, { salt: seedOf(88) }).commit()
    await ledger.submit([thief.claim(2, { word: seedOf(1) })], 'k1')
    expect(await ledger.submit([device(1).commit().claim(1)], 'k2')).toMatchObject([{ paid: 10n }])
  })

  it('pays what was refused for want of money once it is there', async () => {
    const { ledger, device, allocation } = await fundedWorld(25n)
    const { claim } = device(1).commit()
    const claims = [claim(2), claim(3)]
    const results = await ledger.submit(claims, 'same-key')
    expect(results.map((one) => one.reason ?? one.paid)).toEqual([20n, 'no_funds'])
    await ledger.fund(allocation.id, 5n, 'deposit-2')
    const again = await ledger.submit(claims, 'same-key')
    expect(again.map((one) => one.paid)).toEqual([20n, 10n])
    expect(await ledger.allocation(allocation.id)).toMatchObject({ paid: 30n, available: 0n })
  })

  it('follows no longer tail than it says', () => {
    const domain = { chainId: 0n, verifyingContract: new Uint8Array(20) }
    const state = {
      ...{ id: seedOf(1), setAside: 0n, paid: 0n, fee: 0n, withdrawing: [] },
      ...{ ...allocationTerms, available: 0n, withdrawalNoticeSeconds: 0 },
    }
    const { claim } = deviceOf(domain, state, 1).commit()
    const tools = { digester: digesterOf(domain), verify: fastVerify, hash: fastSha256 }
    const judge = (index: number) => {
      const context = {
        maxTail: 10,
        nowSeconds: START_SECONDS,
        allocation: { ...allocationTerms, assetCode: 'EUR', assetScale: 6 },
        holder: undefined,
        proven: undefined,
      }
      return checkClaim(context, readClaim(claim(index)), tools).verdict
    }
    expect(judge(10)).toBe('proved')
    expect(judge(11)).toBe('too_long_tail')
  })

  it('follows the longest epoch there is', async () => {
    const { ledger, device } = await fundedWorld()
    const { claim } = device(1).commit({ length: LEDGER_TAIL_TICKS_MAX, pricePerTick: 1n })
    expect(ledger.maxTail).toBe(LEDGER_TAIL_TICKS_MAX)
    const results = await ledger.submit([claim(LEDGER_TAIL_TICKS_MAX)], 'k')
    expect(results).toMatchObject([{ paid: 65_536n }])
  })
})

describe('the key of a submission', () => {
  it('gives the same results again', async () => {
    const { ledger, device } = await fundedWorld()
    const { claim } = device(1).commit()
    const first = await ledger.submit([claim(3)], 'k')
    await ledger.submit([claim(9)], 'later')
    expect(await ledger.submit([claim(3)], 'k')).toEqual(first)
    expect(ledger.audit()).toEqual([])
  })

  it('protects nothing by itself: other claims under it are judged', async () => {
    const { ledger, device, allocation } = await fundedWorld()
    const { claim } = device(1).commit()
    await ledger.submit([claim(3)], 'k')
    const [further] = await ledger.submit([claim(5)], 'k')
    expect(further).toMatchObject({ status: 'paid', paid: 20n, cumulative: 50n })
    const [forged] = await ledger.submit([claim(3, { word: seedOf(1) })], 'k')
    expect(forged).toMatchObject({ status: 'refused', reason: 'bad_word' })
    const [known] = await ledger.submit([claim(3)], 'k')
    expect(known).toMatchObject({ status: 'repeated', paid: 0n, cumulative: 50n })
    expect(await ledger.allocation(allocation.id)).toMatchObject({ paid: 50n })
  })

  it('is forgotten after a while without harm', async () => {
    const { ledger, device, store } = await fundedWorld()
    const { claim } = device(1).commit()
    await ledger.submit([claim(3)], 'k-0')
    for (let i = 1; i <= 64; i++) await ledger.submit([claim(3)], `k-${i}`)
    const size = store.size()
    for (let i = 65; i <= 200; i++) await ledger.submit([claim(3)], `k-${i}`)
    expect(store.size()).toBe(size)
    const [again] = await ledger.submit([claim(3)], 'k-0')
    expect(again).toMatchObject({ status: 'repeated', paid: 0n, cumulative: 30n })
  })
})

describe('work that is not done twice', () => {
  async function counted() {
    const counts = { verified: 0, hashed: 0 }
    const verify: Verify = (...input) => {
      counts.verified += 1
      return fastVerify(...input)
    }
    const sha256: Sha256 = (bytes) => {
      counts.hashed += bytes.length === 55 ? 1 : 0
      return fastSha256(bytes)
    }
    const ledger = await openEmbeddedLedger({
      ...{ store: memoryKeyValue(), clock: virtualTime(START_SECONDS * 1_000).clock },
      ...{ timers: { soon: queueMicrotask }, random: { bytes: () => seedOf(1) } },
      ...{ verify, sha256, place: 'memory' },
    })
    const { id } = await ledger.openAllocation(allocationTerms)
    const allocation = await ledger.fund(id, 1_000_000n, 'd')
    const device = deviceOf(ledger.domain, allocation, 1)
    const spent = async (claims: Parameters<typeof ledger.submit>[0], key: string) => {
      Object.assign(counts, { verified: 0, hashed: 0 })
      await ledger.submit(claims, key)
      return { ...counts }
    }
    return { device, spent }
  }

  it('hashes only new steps and verifies only new signatures', async () => {
    const { device, spent } = await counted()
    const { claim } = device.commit()
    expect(await spent([claim(40)], 'k1')).toEqual({ verified: 2, hashed: 40 })
    expect(await spent([claim(43)], 'k2')).toEqual({ verified: 0, hashed: 3 })
    expect(await spent([claim(43)], 'k3')).toEqual({ verified: 0, hashed: 0 })
    const mandate = device.signMandate({ sequence: 2 })
    expect(await spent([claim(44, { mandate })], 'k4')).toEqual({ verified: 1, hashed: 1 })
    const next = device.commit({ epoch: 2, base: 440n })
    expect(await spent([next.claim(2, { mandate })], 'k5')).toEqual({ verified: 1, hashed: 2 })
  })

  it('does nothing for a repeat under the same key', async () => {
    const { device, spent } = await counted()
    const claims = [device.commit().claim(40)]
    await spent(claims, 'k')
    await spent([device.commit({ epoch: 2 }).claim(3)], 'other')
    expect(await spent(claims, 'k')).toEqual({ verified: 0, hashed: 0 })
  })
})

describe('followers', () => {
  it('hear of each durable change once', async () => {
    const { ledger, allocation, device, time } = await fundedWorld(1_000n)
    const heard: LedgerEvent[] = []
    const cancel = ledger.follow((event) => heard.push(event))
    const { claim } = device(1).commit()
    await ledger.fund(allocation.id, 5n, 'deposit-2')
    await ledger.fund(allocation.id, 5n, 'deposit-2')
    await ledger.submit([claim(3), claim(4)], 'k')
    await ledger.submit([claim(3), claim(4)], 'k')
    await ledger.submit([claim(4)], 'k2')
    await ledger.requestWithdrawal(allocation.id, 10n, 'out')
    await time.advance(allocation.withdrawalNoticeSeconds * 1_000)
    await ledger.completeWithdrawal(allocation.id, 'out')
    cancel()
    await ledger.fund(allocation.id, 5n, 'deposit-3')
    expect(heard.map(({ kind, allocation: { paid } }) => [kind, paid])).toEqual([
      ['funded', 0n],
      ['paid', 40n],
      ['withdrawal_requested', 40n],
      ['withdrawn', 40n],
    ])
  })
})
