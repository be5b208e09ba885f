/** What a watcher shows the ledger when, on a virtual clock and with a ledger in memory. */
import { describe, expect, test } from 'vitest'
import { fastSha256 } from '../../../ledger/io/fastVerify.ts'
import type { Claim } from '../../../ledger/ledger.ts'
import { dueNow, type Held } from '../../../ledger/watch/decide.ts'
import { createWatch, type Look } from '../../../ledger/watch/service.ts'
import { OperatorError } from '../../../ports/operatorError.ts'
import { present } from '../../../protocol/assert.ts'
import { DAY_SECONDS, fundedWorld, leafOf, START_SECONDS, statementOf } from './world.ts'

const HOUR = 3_600
const policy = { marginSeconds: 72 * HOUR, staleSeconds: 24 * HOUR, retrySeconds: 900 }
const POLL_MS = 60_000

async function watched(wrap: (claims: readonly Claim[]) => void = () => {}) {
  const world = await fundedWorld()
  const { ledger, time, allocation } = world
  let claims: readonly Claim[] | 'same' = []
  let away = false
  const lines: string[] = []
  const submissions: number[] = []
  const watch = createWatch({
    ledger: {
      allocation: async (id) => {
        if (away) throw new OperatorError('the ledger is away')
        return ledger.allocation(id)
      },
      submit: async (shown, key) => {
        submissions.push(shown.length)
        wrap(shown)
        return ledger.submit(shown, key)
      },
    },
    readClaims: async () => {
      const read = claims
      claims = 'same'
      return read
    },
    ...{ policy, pollMs: POLL_MS, clock: time.clock, timers: time.timers, sha256: fastSha256 },
    log: (level, message) => lines.push(`${level} ${message}`),
  })
  const paid = async () => present(await ledger.allocation(allocation.id), 'known').paid
  return {
    ...{ ...world, watch, lines, submissions, paid },
    exports: (...all: readonly Claim[]) => {
      claims = all
    },
    isAway: (value: boolean) => {
      away = value
    },
    pass: (seconds: number) => time.advance(seconds * 1_000),
    look: (scope: 'due' | 'all' = 'due'): Promise<Look> => watch.look(scope),
  }
}

describe('with nothing announced', () => {
  test('shows nothing until a mandate is nearly over, then all of it, once', async () => {
    const { device, exports, look, pass, paid, submissions } = await watched()
    const epoch = device(1).commit()
    exports(epoch.claim(40))
    const first = await look()
    const claimUntil = START_SECONDS + 8 * DAY_SECONDS
    expect(first).toMatchObject({ channels: 1, open: 400n, paid: 0n })
    expect(first.nextDueAtSeconds).toBe(claimUntil - policy.marginSeconds)
    await pass(5 * DAY_SECONDS - 1)
    expect((await look()).shown).toEqual([])
    await pass(1)
    expect(await look()).toMatchObject({ paid: 400n, open: 0n, lost: 0 })
    expect(await paid()).toBe(400n)
    expect((await look()).shown).toEqual([])
    expect(submissions).toEqual([1])
  })

  test('what the gateway settled meanwhile costs one question and no payment', async () => {
    const { device, exports, look, pass, ledger, paid } = await watched()
    const epoch = device(1).commit()
    exports(epoch.claim(40))
    await look()
    await ledger.submit([epoch.claim(40)], 'gateway')
    await pass(6 * DAY_SECONDS)
    const { shown } = await look()
    expect(shown.map(({ result }) => result.status)).toEqual(['repeated'])
    expect(await paid()).toBe(400n)
  })

  test('says which evidence has run out', async () => {
    const { device, exports, look, pass } = await watched()
    exports(device(1).commit().claim(40))
    await pass(8 * DAY_SECONDS + 1)
    expect(await look()).toMatchObject({ shown: [], lost: 1, open: 400n })
  })
})

describe('a withdrawal', () => {
  // T17
  test('T17 is answered with the newest evidence before the money leaves', async () => {
    const { device, exports, watch, time, pass, ledger, allocation, paid, lines } = await watched()
    const late = { claimUntil: START_SECONDS + 30 * DAY_SECONDS }
    const one = device(1)
    const epoch = one.commit()
    exports(epoch.claim(40, { mandate: one.signMandate(late) }))
    const stop = watch.start()
    await pass(60)
    const requested = await ledger.requestWithdrawal(allocation.id, 1_000_000n, 'back')
    const [withdrawal] = requested.withdrawing
    const leavesAt = present(withdrawal, 'a withdrawal').availableAtSeconds
    exports(epoch.claim(70, { mandate: one.signMandate(late) }))
    const nowSeconds = () => Math.floor(time.clock.nowMs() / 1_000)
    await pass(leavesAt - policy.marginSeconds - nowSeconds() - 60)
    expect(await paid()).toBe(0n)
    await pass(180)
    expect(await paid()).toBe(700n)
    expect(nowSeconds()).toBeLessThan(leavesAt)
    await pass(leavesAt - nowSeconds() + 1)
    expect(await ledger.completeWithdrawal(allocation.id, 'back')).toBe(1_000_000n - 700n)
    stop()
    expect(lines).toContain('warn money was asked back; evidence is shown in time')
  })

  test('whose notice is nearly over is answered at the first look', async () => {
    const { device, exports, pass, ledger, allocation, look } = await watched()
    const one = device(1)
    const mandate = one.signMandate({ claimUntil: START_SECONDS + 30 * DAY_SECONDS })
    await ledger.requestWithdrawal(allocation.id, 1_000_000n, 'back')
    await pass(8 * DAY_SECONDS)
    exports(one.commit().claim(40, { mandate }))
    const { shown } = await look()
    expect(shown).toMatchObject([{ reason: 'withdrawal', result: { status: 'paid', paid: 400n } }])
  })

  test('while the ledger is away is answered when it is back', async () => {
    const { device, exports, watch, pass, paid, isAway, lines } = await watched()
    exports(device(1).commit().claim(40))
    isAway(true)
    const stop = watch.start()
    await pass(6 * DAY_SECONDS)
    expect(await paid()).toBe(0n)
    isAway(false)
    await pass(60)
    expect(await paid()).toBe(400n)
    stop()
    expect(lines).toContain('warn the watcher could not look, it tries again')
  })
})

describe('a settlement by somebody', () => {
  /** The watcher knows of 70 ticks when somebody shows the ledger 40. */
  async function settledOld() {
    const world = await watched()
    const { device, exports, look, ledger } = world
    const epoch = device(1).commit()
    exports(epoch.claim(70))
    await look()
    await ledger.submit([epoch.claim(40)], 'old-state')
    await look()
    return { ...world, epoch }
  }

  // T17
  test('T17 with older evidence is corrected once the gateway had its time', async () => {
    const { look, pass, paid } = await settledOld()
    await pass(24 * HOUR - 1)
    expect((await look()).shown).toEqual([])
    await pass(1)
    const { shown } = await look()
    expect(shown).toMatchObject([{ reason: 'stale_settlement', result: { paid: 300n } }])
    expect(await paid()).toBe(700n)
  })

  test('that the gateway follows up is left alone but for one question', async () => {
    const { exports, look, pass, ledger, paid, epoch } = await settledOld()
    await ledger.submit([epoch.claim(80)], 'as-usual')
    exports(epoch.claim(99))
    await pass(24 * HOUR)
    const { shown } = await look()
    expect(shown.map(({ result }) => result.status)).toEqual(['repeated'])
    expect(await paid()).toBe(800n)
    expect((await look()).shown).toEqual([])
  })

  test('of its own is none: other channels wait for their own time', async () => {
    const { device, exports, look, pass, paid } = await watched()
    const long = device(2)
    const later = long.signMandate({ claimUntil: START_SECONDS + 30 * DAY_SECONDS })
    exports(device(1).commit().claim(40), long.commit().claim(10, { mandate: later }))
    await pass(5 * DAY_SECONDS)
    expect((await look()).paid).toBe(400n)
    await pass(2 * DAY_SECONDS)
    expect((await look()).shown).toEqual([])
    expect(await paid()).toBe(400n)
  })

  test('by a statement that says less is corrected with its leaf', async () => {
    const { device, exports, look, pass, ledger, allocation, paid } = await watched()
    const one = device(1)
    const epoch = one.commit()
    exports(epoch.claim(70))
    await look()
    const leaves = [{ position: 1, channelId: one.channelId, amount: 400n }]
    await ledger.submitStatement(statementOf(ledger.domain, allocation.id, leaves), 's')
    await look()
    await pass(24 * HOUR)
    expect((await look()).shown).toMatchObject([{ result: { reason: 'no_leaf' } }])
    exports(epoch.claim(70, { leaf: leafOf(leaves, 1) }))
    expect((await look()).shown).toMatchObject([{ result: { status: 'paid', paid: 300n } }])
    expect(await paid()).toBe(700n)
  })
})

describe('evidence', () => {
  test('of an export that knows less is not forgotten', async () => {
    const { device, exports, look, paid } = await watched()
    const epoch = device(1).commit()
    exports(epoch.claim(70))
    await look()
    exports(epoch.claim(40))
    await look('all')
    expect(await paid()).toBe(700n)
  })

  test('that is gone from the export is settled, and nothing is shown', async () => {
    const { device, exports, look, submissions } = await watched()
    exports(device(1).commit().claim(70))
    await look()
    exports()
    expect(await look('all')).toMatchObject({ channels: 0, open: 0n })
    expect(submissions).toEqual([])
  })

  test('that is refused is shown again after a while, and at once when money came', async () => {
    const { device, exports, look, pass, ledger, allocation, submissions, paid } = await watched()
    const one = device(1)
    const mandate = one.signMandate({ limit: 2_000_000n })
    const epoch = one.commit({ pricePerTick: 15_000n })
    exports(epoch.claim(100, { mandate }))
    await pass(5 * DAY_SECONDS)
    expect((await look()).shown).toMatchObject([{ result: { reason: 'no_funds' } }])
    expect((await look()).shown).toEqual([])
    await pass(900)
    expect((await look()).shown).toHaveLength(1)
    await ledger.fund(allocation.id, 500_000n, 'deposit-2')
    await look()
    expect(await paid()).toBe(1_500_000n)
    expect(submissions).toHaveLength(3)
  })

  test('that a ledger fails on keeps no other from being paid', async () => {
    const { device, exports, look, pass, paid, lines } = await watched((claims) => {
      if (claims.some(({ channel }) => channel.position === 3)) throw new Error('poisoned')
    })
    exports(...[1, 2, 3, 4, 5].map((number) => device(number).commit().claim(10)))
    await pass(5 * DAY_SECONDS)
    expect((await look()).shown).toHaveLength(4)
    expect(await paid()).toBe(400n)
    expect(lines).toContain('error the ledger fails on a claim')
  })
})

test('no evidence runs out, whatever margin, poll and ends of mandate and notice', () => {
  const claim = { mandate: { value: { claimUntil: 0 } } }
  for (const marginHours of [1, 72]) {
    const rule = { ...policy, marginSeconds: marginHours * HOUR }
    for (const pollSeconds of [1, 60, HOUR]) {
      for (let claimUntil = 5 * HOUR; claimUntil < 200 * HOUR; claimUntil += 7_919) {
        for (const leavesAt of [undefined, claimUntil - 4_001, claimUntil + 90_001]) {
          const held = {
            ...{ amount: 1n, settled: 0n },
            claim: { ...claim, mandate: { value: { claimUntil } } },
          } as unknown as Held
          const withdrawing =
            leavesAt === undefined
              ? []
              : [{ reference: 'w', amount: 1n, availableAtSeconds: leavesAt }]
          const end = Math.min(claimUntil, leavesAt ?? claimUntil)
          // The last look before the margin begins, and the one after it.
          const before = Math.floor((end - rule.marginSeconds - 1) / pollSeconds) * pollSeconds
          const at = Math.max(0, before + pollSeconds)
          expect(at).toBeLessThan(end)
          expect(dueNow(held, { withdrawing }, rule, at)).toBeDefined()
        }
      }
    }
  }
})
