/** An account between messages and meter: what it believes, and in which order it acts. */
import { describe, expect, test } from 'vitest'
import type { AccountWorld } from '../../../agent/account.ts'
import { createAccount } from '../../../agent/account.ts'
import type { LimitRecord } from '../../../agent/ownLimits.ts'
import { noOwnLimits } from '../../../agent/ownLimits.ts'
import { present } from '../../../protocol/assert.ts'
import type { PublicKey } from '../../../protocol/keys.ts'
import { publicKeyOf, signDigest } from '../../../protocol/keys.ts'
import type { Slot } from '../../../protocol/messages.ts'
import { decodeCommit } from '../../../protocol/messages.ts'
import type { Channel } from '../../../protocol/structures.ts'
import { digestOf, mandateStructure } from '../../../protocol/structures.ts'
import * as fixtures from '../../support/fixtures.ts'
import { modelGateway, slotOf, takeCommit, takeTick } from './support/modelGateway.ts'
import { knownTariffs, newEpochs } from './support/pair.ts'

function bench(fleetSigner?: PublicKey, record?: LimitRecord, change?: Partial<AccountWorld>) {
  const log: string[] = []
  const saved: LimitRecord[] = []
  const gateway = modelGateway({ maxLength: 5_000 })
  const account = createAccount(
    { meter: 'energy', unit: 'Wh', own: noOwnLimits, record },
    {
      identity: {
        domain: fixtures.domain,
        fleet: fixtures.fleet,
        device: fixtures.device,
        gateway: fixtures.gateway,
        publicKey: publicKeyOf(fixtures.deviceKey),
        fleetSigner,
      },
      epochs: newEpochs(),
      log: (level, message) => log.push(`${level} ${message}`),
      now: () => ({ seconds: gateway.nowSeconds, monotonicMs: 0 }),
      send: (name, payload) => {
        log.push(`send ${name}`)
        takeCommit(gateway, present(decodeCommit(payload), 'a commitment').commitment)
      },
      show: (slot, ticks) => log.push(`show ${slot} ${ticks.map(({ index }) => index).join()}`),
      forgetTicks: (slot) => log.push(`forget ${slot}`),
      order: (order) => log.push(`order ${order.kind} ${order.reason}`),
      counted: (units) => log.push(`counted ${units}`),
      save: async (one) => void saved.push(one),
      resync: () => log.push('resync'),
      ...change,
    },
  )
  account.takeTariffs(knownTariffs([{ ...fixtures.tariff, creditTicks: 4_000 }]))
  gateway.tariffs = [{ ...fixtures.tariff, creditTicks: 4_000 }]
  const mark = fixtures.mark
  return { account, gateway, log, mark, saved }
}

describe('an account', () => {
  test('opens on its topic and shows words of its slot', () => {
    const { account, gateway, log, mark } = bench()
    account.takeReading(1_000n)
    account.takeSlot({ ...slotOf(gateway), slot: 7 })
    expect(log).toEqual(['forget 7', 'send open', 'order off opening'])
    account.takeAccept({ slot: 7, epoch: 1, mark })
    account.takeReading(1_030n)
    expect(log.slice(3)).toEqual(['order on_until ok', 'show 7 3'])
    expect(account.signatures()).toEqual({ opened: 1, renewals: 0, checkpoints: 0 })
  })

  test('takes back words that have not left before a checkpoint goes out (!)', () => {
    const { account, gateway, log, mark } = bench()
    account.takeReading(1_000n)
    account.takeSlot(slotOf(gateway))
    account.takeAccept({ slot: 0, epoch: 1, mark })
    account.takeReading(1_050n)
    log.length = 0
    account.takeReading(30_000n)
    expect(log).toEqual(['forget 0', 'send commit'])
    expect(account.signatures()).toEqual({ opened: 1, renewals: 0, checkpoints: 1 })
  })

  test('tells the reader what was counted before', () => {
    const first = bench()
    first.account.takeReading(1_000n)
    first.account.takeSlot(slotOf(first.gateway))
    const held = present(first.gateway.held, 'opened')
    const word = newEpochs().wordAt(held.commitment.value, 40)
    takeTick(first.gateway, { epoch: 1, index: 40, word })
    const again = bench()
    again.account.takeSlot(slotOf(first.gateway))
    expect(again.log[0]).toBe('counted 1400')
  })

  test.each<[string, Partial<Channel>]>([
    ['another key', { payerKey: fixtures.counting(5, 64) }],
    ['another algorithm', { payerAlgorithm: 2 }],
    ['another fleet', { fleet: 'elsewhere' }],
    ['another gateway', { gateway: 'gateway-2' }],
    ['another meter', { meter: 'water' }],
  ])('pays on no channel of %s', (_name, change) => {
    const { account, gateway, log } = bench()
    account.takeReading(1_000n)
    const slot = slotOf(gateway)
    account.takeSlot({ ...slot, channel: { ...slot.channel, ...change } })
    expect(log.filter((line) => line.startsWith('send'))).toEqual([])
    expect(account.problem()).toMatch(/not this meter's/)
  })

  test('pays nothing twice on a channel that another has replaced (!)', () => {
    const first = bench()
    first.account.takeReading(1_000n)
    const slot = slotOf(first.gateway)
    const later = { ...slot.channel, position: slot.channel.position + 1 }
    first.account.takeSlot({ ...slot, channel: later })
    first.account.goOffline()
    first.log.length = 0
    first.account.takeSlot(slot)
    expect(first.log.filter((line) => line.startsWith('send'))).toEqual([])
    expect(first.account.problem()).toMatch(/device replace/)

    const again = bench(undefined, first.saved.at(-1))
    again.account.takeReading(1_000n)
    again.account.takeSlot(slot)
    expect(again.account.problem()).toMatch(/device replace/)
    const elsewhere = { ...slot.channel, allocation: fixtures.counting(9) }
    again.account.takeSlot({ ...slot, channel: elsewhere })
    expect(again.account.problem()).not.toMatch(/device replace/)
  })

  test('goes back to no channel that it left for another at the same position (!)', () => {
    const first = bench()
    first.account.takeReading(1_000n)
    const slot = slotOf(first.gateway)
    const again = { ...slot.channel, salt: fixtures.counting(77) }
    first.account.takeSlot(slot)
    first.account.takeSlot({ ...slot, channel: again })
    expect(first.account.problem()).not.toMatch(/device replace/)
    first.account.takeSlot(slot)
    expect(first.account.problem()).toMatch(/device replace/)

    const later = bench(undefined, first.saved.at(-1))
    later.account.takeReading(1_000n)
    later.account.takeSlot(slot)
    expect(later.account.problem()).toMatch(/device replace/)
    later.account.takeSlot({ ...slot, channel: again })
    expect(later.account.problem()).not.toMatch(/device replace/)
  })

  test('believes a mandate for this channel, signed by the fleet where its key is known', () => {
    const signer = publicKeyOf(fixtures.signerKey)
    const digest = digestOf(fixtures.domain, mandateStructure, fixtures.mandate)
    const signed = { value: fixtures.mandate, signature: signDigest(fixtures.signerKey, digest) }
    const forged = { ...signed, value: { ...fixtures.mandate, limit: 1n << 60n } }
    const foreign = { ...signed, value: { ...fixtures.mandate, channelId: fixtures.counting(1) } }
    const opens = (mandate: Slot['mandate'], key?: PublicKey) => {
      const { account, gateway, log } = bench(key)
      account.takeReading(1_000n)
      account.takeSlot({ ...slotOf(gateway), mandate })
      return log.includes('send open')
    }
    expect(opens(signed, signer)).toBe(true)
    expect(opens(forged, signer)).toBe(false)
    expect(opens(forged)).toBe(true)
    expect(opens(foreign)).toBe(false)
  })

  test('says that the gateway lied', () => {
    const { account, gateway, log } = bench()
    account.takeReading(1_000n)
    account.takeSlot(slotOf(gateway))
    const held = present(gateway.held, 'opened')
    account.takeSlot({ ...slotOf(gateway), held: { ...held, index: 9 } })
    expect(log).toContain('order off gateway_lied')
    expect(log.some((line) => line.startsWith('error the gateway claims'))).toBe(true)
  })
})

/** An account on a channel that takes the place of one that its record knows. */
function replacing(save: AccountWorld['save'], nowMs = () => 0) {
  const nowSeconds = modelGateway({ maxLength: 5_000 }).nowSeconds
  const now = () => ({ seconds: nowSeconds, monotonicMs: nowMs() })
  const record = { channelId: fixtures.counting(8), hour: 1, hourBase: 0n, day: 1, dayBase: 0n }
  const { account, gateway, log, mark } = bench(undefined, record, { save, now })
  account.takeReading(1_000n)
  account.takeSlot(slotOf(gateway))
  account.takeAccept({ slot: 0, epoch: 1, mark })
  account.takeReading(1_030n)
  return { account, shown: () => log.filter((line) => line.startsWith('show')) }
}

describe('a channel that replaces another', () => {
  test('is paid on once the disk knows of it (!)', async () => {
    let written = () => {}
    const disk = new Promise<void>((resolve) => {
      written = resolve
    })
    const { shown } = replacing(() => disk)
    expect(shown()).toEqual([])
    written()
    await disk
    expect(shown()).toEqual(['show 0 3'])
  })

  test('waits for a disk that refuses, is saved again soon, and goes on without it', async () => {
    let nowMs = 0
    let tries = 0
    const refuse = async () => {
      tries += 1
      throw new Error('EIO')
    }
    const { account, shown } = replacing(refuse, () => nowMs)
    const pass = async (ms: number) => {
      for (const endMs = nowMs + ms; nowMs < endMs; nowMs += 1_000) {
        account.tick()
        await new Promise(setImmediate)
      }
    }
    await pass(10_000)
    expect(shown()).toEqual([])
    expect(tries).toBe(5)
    await pass(1_000)
    expect(shown()).toEqual(['show 0 3'])
    await pass(60_000)
    expect(tries).toBe(6)
  })
})
