/**
 * A gateway with its own ledger that is killed between every two steps of a settlement, by SIGKILL
 * to a process of its own: journal, books, journal. Whatever happened, there is exactly one payment
 * afterwards, and the gateway's books say the same.
 * `npm run ledger-faults -- --ledger embedded --kills 300` kills more often.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { ChildOrder } from './embeddedChild.ts'
import { expectPaid, openSite, paidBy, pay, settleAll, setUp, siteSteps } from './gatewaySite.ts'
import { killers, kills, PER_KILL_MS, roundsOf } from './killing.ts'

const kinds = ['claims', 'statement'] as const
const rounds = roundsOf(siteSteps.claims.length + siteSteps.statement.length)
const killer = killers<ChildOrder>('test/ledger/embeddedChild.ts')

let folder = ''
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'tickpay-kills-'))
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

describe.each(kinds)('T60: a settlement of %s with the embedded ledger', (kind) => {
  const steps = siteSteps[kind]

  it('takes the steps that are listed, and no others', { timeout: 60_000 }, async () => {
    const site = await openSite(folder, kind)
    const terms = await setUp(site)
    await pay(site, terms, 1)
    const seen: string[] = []
    site.arm(kind, (step) => {
      seen.push(step)
    })
    await settleAll(site)
    await expectPaid(site, 1)
    await site.close()
    expect(seen).toEqual(steps)
  })

  it('is paid exactly once when it is killed between any two steps', {
    timeout: 60_000 + PER_KILL_MS * rounds * steps.length,
  }, async () => {
    const first = await openSite(folder, kind)
    const terms = await setUp(first)
    await first.close()
    const all = Array.from({ length: rounds }, () => steps).flat()
    const { killWith, end } = killer()
    for (const [number, step] of all.entries()) {
      // The process first ends what is left and fails when that is not exactly one payment each.
      const order = { folder, terms, job: { kind, number }, step }
      expect(await killWith(order), step).toBe('SIGKILL')
    }
    end()
    const site = await openSite(folder, kind)
    await settleAll(site)
    await expectPaid(site, all.length)
    expect(await paidBy(site)).toMatchObject({ payments: all.length })
    expect(site.ledger.audit()).toEqual([])
    await site.close()
    if (kills > 0) {
      process.stderr.write(`${kind}: ${all.length} kills, every step ${rounds} times\n`)
    }
  })
})
