/** A key in hardware takes its time and may fail; payment is exact all the same. */
import { afterEach, describe, expect, test } from 'vitest'
import { createAccount } from '../../../agent/account.ts'
import { createEpochs } from '../../../agent/epochs.ts'
import { noOwnLimits } from '../../../agent/ownLimits.ts'
import type { Timers } from '../../../ports/index.ts'
import { present } from '../../../protocol/assert.ts'
import { publicKeyOf, signDigest } from '../../../protocol/keys.ts'
import { decodeCommit } from '../../../protocol/messages.ts'
import * as fixtures from '../../support/fixtures.ts'
import { signedMandate } from '../../support/virtualGateway.ts'
import { modelGateway, slotOf } from './support/modelGateway.ts'
import { knownTariffs } from './support/pair.ts'
import type { Site, SiteOptions } from './support/site.ts'
import { booksOf, deviceKey, startSite } from './support/site.ts'

/** Signs after `delayMs`; counts how many signatures were in progress at once. */
function slowKey(delayMs: number) {
  const seen = { asked: 0, failing: false }
  const sign = (digest: Uint8Array, timers: Timers) => {
    seen.asked += 1
    return new Promise<Uint8Array>((resolve, reject) => {
      timers.after(delayMs, () => {
        if (seen.failing) reject(new Error('the token is gone: plug it in'))
        else resolve(signDigest(deviceKey, digest))
      })
    })
  }
  return { seen, sign }
}

let site: Site
afterEach(() => {
  expect(site.world.fatal).toEqual([])
})

async function started(options: SiteOptions): Promise<Site> {
  site = await startSite(options)
  return site
}

/** Everything that flowed is paid, once. */
async function expectExact(): Promise<void> {
  await site.close()
  const books = await booksOf(site)
  expect(books.units).toBeGreaterThan(300n)
  expect(books.unitsUnpaid).toBe(0n)
  expect(books.units).toBe(books.unitsPaid + books.remainder)
}

describe('an agent whose key takes its time', () => {
  test.each([0, 700, 4_000, 7_000])(
    'pays exactly what flows, with %i ms a signature',
    async (ms) => {
      const { sign } = slowKey(ms)
      const { channelIds, world } = await started({ sign, mandate: { limit: 30_000n } })
      await world.time.advance(70_000)
      const channelId = present(channelIds[0], 'one channel')
      const mandates = [signedMandate(world, channelId, { sequence: 2, limit: 300_000n })]
      await world.gateway.call('mandate_put', { mandates })
      await world.time.advance(110_000)
      expect(site.agent.status().signatures.commitments.renewals).toBeGreaterThan(0)
      const status = (await world.gateway.call('status', {})) as { refused: object }
      expect(status.refused).toEqual({})
      await expectExact()
    },
  )

  test('says what is wrong when it fails, supplies what credit allows, and goes on', async () => {
    const { seen, sign } = slowKey(100)
    const { world } = await started({ sign })
    await world.time.advance(3_000)
    seen.failing = true
    site.crash()
    await site.start()
    await world.time.advance(60_000)
    const before = await booksOf(site)
    await world.time.advance(60_000)
    expect((await booksOf(site)).units).toBe(before.units)
    expect(site.agent.status().connectionReason).toBe('the token is gone: plug it in')
    seen.failing = false
    await world.time.advance(120_000)
    await expectExact()
  })

  test('is restarted in the middle of a signature, and nothing is lost or paid twice', async () => {
    const { sign } = slowKey(900)
    const { world } = await started({ sign })
    for (const afterMs of [950, 1_900, 2_500, 3_100]) {
      await world.time.advance(afterMs)
      site.crash()
      await site.start()
    }
    await world.time.advance(120_000)
    await expectExact()
  })
})

describe('a commitment that is being signed', () => {
  function bench() {
    const sent: number[] = []
    const shown: number[] = []
    const answers: { resolve: () => void; reject: (error: Error) => void }[] = []
    let nowMs = 0
    const gateway = modelGateway({ maxLength: 5_000 })
    const signer = {
      publicKey: publicKeyOf(fixtures.deviceKey),
      sign: (digest: Uint8Array) =>
        new Promise<Uint8Array>((resolve, reject) => {
          const signature = signDigest(fixtures.deviceKey, digest)
          answers.push({ resolve: () => resolve(signature), reject })
        }),
    }
    const account = createAccount(
      { meter: 'energy', unit: 'Wh', own: noOwnLimits, record: undefined },
      {
        identity: {
          domain: fixtures.domain,
          fleet: fixtures.fleet,
          device: fixtures.device,
          gateway: fixtures.gateway,
          publicKey: signer.publicKey,
          fleetSigner: undefined,
        },
        epochs: createEpochs(fixtures.domain, signer, fixtures.rootSecret),
        log: () => {},
        now: () => ({ seconds: gateway.nowSeconds, monotonicMs: nowMs }),
        send: (_name, payload) => sent.push(decodeCommit(payload)?.commitment.value.epoch ?? -1),
        show: (_slot, ticks) => shown.push(...ticks.map(({ index }) => index)),
        forgetTicks: () => {},
        order: () => {},
        counted: () => {},
        save: async () => {},
        resync: () => {},
      },
    )
    account.takeTariffs(knownTariffs([fixtures.tariff]))
    gateway.tariffs = [fixtures.tariff]
    const passMs = (ms: number) => {
      nowMs += ms
      account.tick()
    }
    const finished = () => new Promise<void>((resolve) => setImmediate(resolve))
    account.takeReading(1_000n)
    account.takeSlot(slotOf(gateway))
    return { account, gateway, sent, shown, answers, passMs, finished }
  }

  test('(!) is not accepted, whatever a gateway says: no word of it is shown', async () => {
    const { account, answers, sent, shown, finished } = bench()
    account.takeReading(1_050n)
    account.takeAccept({ slot: 0, epoch: 1, mark: fixtures.mark })
    account.takeReading(1_090n)
    expect(shown).toEqual([])
    answers[0]?.resolve()
    await finished()
    expect(sent).toEqual([1])
    expect(shown).toEqual([])
    account.takeAccept({ slot: 0, epoch: 1, mark: fixtures.mark })
    expect(shown).toEqual([9])
  })

  test('is asked for once, however long it takes', async () => {
    const { answers, passMs, sent, finished } = bench()
    for (let i = 0; i < 10; i++) passMs(6_000)
    expect(answers).toHaveLength(1)
    answers[0]?.resolve()
    await finished()
    expect(sent).toEqual([1])
  })

  test('is left away after its connection: the next epoch is another one', async () => {
    const { account, answers, gateway, sent, finished } = bench()
    account.goOffline()
    account.takeSlot(slotOf(gateway))
    expect(answers).toHaveLength(2)
    answers[0]?.resolve()
    await finished()
    expect(sent).toEqual([])
    answers[1]?.resolve()
    await finished()
    expect(sent).toEqual([2])
  })

  test('is asked for again after a failure, with the very same terms', async () => {
    const { account, answers, passMs, sent, finished } = bench()
    answers[0]?.reject(new Error('the token is gone: plug it in'))
    await finished()
    expect(account.problem()).toBe('the token is gone: plug it in')
    passMs(6_000)
    answers[1]?.resolve()
    await finished()
    expect(sent).toEqual([1])
    expect(account.problem()).toBeUndefined()
  })
})
