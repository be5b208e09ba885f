/**
 * Every row of both tables of checks, and what a hostile device may make of words, commitments and
 * CBOR, over real MQTT: the right reason comes back or the connection is closed, the stored state
 * is identical, and an honest device beside does not notice.
 */
import { p256 } from '@noble/curves/nist.js'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { present } from '../../protocol/assert.ts'
import { concatBytes } from '../../protocol/bytes.ts'
import { STRIKES_MAX } from '../../protocol/limits.ts'
import { encodeCommit } from '../../protocol/messages.ts'
import type { CommitmentReason, TickReason } from '../../protocol/reasons.ts'
import { consequenceOf } from '../../protocol/reasons.ts'
import type { Commitment, Signed } from '../../protocol/structures.ts'
import { RENEWAL } from '../../protocol/structures.ts'
import { encodeTicks } from '../../protocol/tick.ts'
import type { UpName } from '../../protocol/topics.ts'
import type { Session } from '../support/deviceSession.ts'
import { checkpointOf, renewalOf } from '../support/gatewayScene.ts'
import type { Committed } from '../support/scriptedDevice.ts'
import { commit, sign, tickOf } from '../support/scriptedDevice.ts'
import { testKey, testTariff } from '../support/virtualGateway.ts'
import type { Enrolled, HostileWorld } from './world.ts'
import { startHostileWorld, tariff } from './world.ts'

let world: HostileWorld
let evil: Enrolled
let victim: Enrolled
let session: Session
let victimSession: Session
/** Slot 0 is at index 10 of 3,000, slot 1 is closed. */
let running: Committed
let theirs: Committed
let baseline: number

beforeAll(async () => {
  world = await startHostileWorld()
  evil = await world.enrol('evil', { meters: 2 })
  victim = await world.enrol('victim')
  session = await world.login(evil)
  victimSession = await world.login(victim)
  running = await session.commit({ length: 3_000 })
  await session.tick(running, 10)
  const ended = await session.commit({}, 1)
  await session.tick(ended, 5, 1)
  await world.gateway.call('channel_close', { fleet: 'acme', device: 'evil', meter: 'm-1' })
  theirs = await victimSession.commit({ length: 500 })
  await victimSession.tick(theirs, 7)
  // What is loaded, compiled and sized on first use is no leak.
  for (let round = 0; round < 180; round++) await outcomeOf('commit', new Uint8Array(9))
  baseline = await world.gateway.memory()
})

afterAll(() => world.stop())

const stored = () => world.gateway.channels([...evil.numbers, ...victim.numbers])

type Outcome = TickReason | CommitmentReason | 'acknowledged' | 'accepted' | 'closed'

/** What comes of a message: the first answer to it, or the end of the connection. */
async function outcomeOf(name: UpName, payload: Uint8Array): Promise<Outcome> {
  if (isCondemned(session)) await session.closed
  if (session.received.closed) session = await world.login(evil)
  const { rejects, acks, accepts } = session.received
  const before = { rejects: rejects.length, acks: acks.length, accepts: accepts.length }
  session.send(name, payload).catch(() => {})
  const answer = session.until((now): Outcome | undefined => {
    const refused = now.rejects[before.rejects]
    if (refused) return refused.reason
    if (now.acks.length > before.acks) return 'acknowledged'
    return now.accepts.length > before.accepts ? 'accepted' : undefined
  })
  return answer.catch(() => 'closed')
}

/** Three strikes: the connection is on its way to be closed. */
function isCondemned({ received }: Session): boolean {
  const strikes = received.rejects.filter(({ reason }) => consequenceOf(reason) === 'strike')
  return strikes.length >= STRIKES_MAX
}

/** Sends each and expects the stored state of both channels to be the same before and after. */
async function expectUnchanged(
  name: UpName,
  payloads: readonly Uint8Array[],
  allowed: readonly Outcome[],
): Promise<void> {
  const before = await stored()
  for (const payload of payloads) expect(allowed).toContain(await outcomeOf(name, payload))
  expect(await stored()).toEqual(before)
  expect(victimSession.received.closed).toBe(false)
}

const tick = (change: object, committed = running) =>
  encodeTicks([{ ...tickOf(committed, 11), ...change }])
const commitBytes = (commitment: Signed<Commitment>, slot = 0) => encodeCommit({ slot, commitment })
const next = (change: object = {}) =>
  session.commitment({ ...checkpointOf(running, 10), length: 100, ...change })
const signed = (change: object = {}) => next(change).commitment
const wrong = new Uint8Array(32).fill(7)

describe('every row of the checks on a tick', () => {
  type Row = readonly [reason: string, payload: () => Uint8Array, outcome: Outcome]
  const rows: readonly Row[] = [
    ['malformed: a size that is none', () => tick({}).slice(1), 'malformed'],
    ['malformed: another version', () => tickOfVersion(2), 'malformed'],
    ['malformed: nothing', () => new Uint8Array(0), 'malformed'],
    ['malformed: 65 ticks', () => concatBytes(...Array(65).fill(tick({}))), 'malformed'],
    ['unknown_channel', () => tick({ slot: 60 }), 'unknown_channel'],
    ['stale', () => tick({ index: 9, word: wrong }), 'acknowledged'],
    ['unknown_epoch', () => tick({ epoch: 2 }), 'unknown_epoch'],
    ['closed', () => tick({ slot: 1 }), 'closed'],
    ['out_of_range', () => tick({ index: 3_001 }), 'out_of_range'],
    ['needs_checkpoint', () => tick({ index: 1_035, word: wrong }), 'needs_checkpoint'],
    ['bad_word', () => tick({ word: wrong }), 'bad_word'],
  ]

  test.each(rows)('%s', async (_, payload, outcome) => {
    await expectUnchanged('tick', [payload()], [outcome])
  })

  test('slow_down: when a jump that leads nowhere has used up the budget', async () => {
    const jump = tick({ index: 10 + 1_000, word: wrong })
    await expectUnchanged('tick', [jump], ['bad_word', 'slow_down'])
    await expectUnchanged('tick', [jump], ['slow_down'])
  })

  function tickOfVersion(version: number): Uint8Array {
    return concatBytes(Uint8Array.of(version), tick({}).slice(1))
  }

  test('unknown_channel: every slot before hello', async () => {
    const before = await stored()
    const silent = await world.connect(evil)
    silent.sendTicks(tickOf(running, 11)).catch(() => {})
    const reason = await silent.until(({ rejects }) => rejects[0]?.reason)
    expect(reason).toBe('unknown_channel')
    expect(silent.received.rejects[0]?.held).toBeUndefined()
    expect(await stored()).toEqual(before)
    await session.closed
  })
})

describe('every row of the checks on a commitment', () => {
  const foreign = (change: object) =>
    commit(evil.identity, {
      channelId: present(evil.channelIds[0], 'an id'),
      tariff,
      nowSeconds: world.nowSeconds(),
      ...checkpointOf(running, 10),
      ...change,
    }).commitment
  type Row = readonly [CommitmentReason, slot: number, () => Signed<Commitment>]
  const rows: readonly Row[] = [
    ['malformed', 0, () => sign(evil.identity, { ...signed().value, kind: 3 })],
    ['malformed', 0, () => sign(evil.identity, { ...signed().value, length: 65_537 })],
    ['unknown_channel', 9, () => signed()],
    ['unknown_channel', 0, () => signed({ channelId: victim.channelIds[0] })],
    ['epoch_taken', 0, () => signed({ epoch: 1 })],
    ['closed', 1, () => signed({ channelId: evil.channelIds[1] })],
    [
      'bad_signature',
      0,
      () => sign({ ...evil.identity, key: testKey('p256', 90) }, signed().value),
    ],
    ['tariff_not_in_force', 0, () => foreign({ tariff: { ...tariff, gateway: 'gw-2' } })],
    ['tariff_not_in_force', 0, () => foreign({ tariff: testTariff({ unit: 'mL' }) })],
    ['wrong_price', 0, () => signed({ pricePerTick: 1n })],
    ['expired', 0, () => signed({ expiry: world.nowSeconds() - 1 })],
    ['expiry_too_late', 0, () => signed({ expiry: world.nowSeconds() + 86_500 })],
    ['not_continuous', 0, () => signed({ base: 1n })],
    ['not_continuous', 0, () => signed({ kind: RENEWAL })],
  ]

  test.each(rows)('%s', async (reason, slot, commitment) => {
    await expectUnchanged('commit', [commitBytes(commitment(), slot)], [reason])
  })

  test('no_mandate, over_mandate, too_long and no_funds', async () => {
    const none = await world.enrol('no-mandate', { mandate: null })
    const limited = await world.enrol('limited', { mandate: { limit: 30_000n } })
    const poor = await world.enrol('poor-1', { fleet: 'poor', meters: 3 })
    const rows = [
      ['no_mandate', none, 0, 100],
      ['over_mandate', limited, 0, 101],
      ['too_long', poor, 0, 101],
      ['accepted', poor, 0, 64],
      ['accepted', poor, 1, 36],
      ['no_funds', poor, 2, 1],
    ] as const
    for (const [outcome, device, slot, length] of rows) {
      session = await world.login(device)
      const epoch = (session.received.slots[slot]?.held?.commitment.value.epoch ?? 0) + 1
      const before = await world.gateway.channels(device.numbers)
      const { commitment } = session.commitment({ length, epoch }, slot)
      expect(await outcomeOf('open', commitBytes(commitment, slot))).toBe(outcome)
      if (outcome === 'accepted') continue
      expect(await world.gateway.channels(device.numbers)).toEqual(before)
    }
    session = await world.login(evil)
  })
})

describe('words and signatures of others', () => {
  test('high-s signatures, which verify for whoever does not look', async () => {
    const { value, signature } = signed()
    const { n } = p256.Point.CURVE()
    const s = BigInt(`0x${Buffer.from(signature.slice(32)).toString('hex')}`)
    const high = Buffer.from((n - s).toString(16).padStart(64, '0'), 'hex')
    const forged = { value, signature: concatBytes(signature.slice(0, 32), high) }
    await expectUnchanged('commit', [commitBytes(forged)], ['bad_signature'])
  })

  test("another device's words and commitments", async () => {
    const words = [11, 12, 300].map((index) => encodeTicks([tickOf(theirs, index)]))
    await expectUnchanged('tick', words, ['bad_word', 'slow_down'])
    const stolen = commitBytes(theirs.commitment)
    await expectUnchanged('commit', [stolen], ['unknown_channel'])
    const rebound = sign(evil.identity, { ...theirs.commitment.value, epoch: 2 })
    await expectUnchanged('commit', [commitBytes(rebound)], ['unknown_channel'])
  })

  test("another ledger's and another gateway's commitments, and their words", async () => {
    const elsewhere = {
      ...evil.identity,
      domain: { chainId: 0n, verifyingContract: new Uint8Array(20).fill(9) },
    }
    const other = commit(elsewhere, {
      channelId: present(evil.channelIds[0], 'an id'),
      tariff,
      nowSeconds: world.nowSeconds(),
      length: 3_000,
    })
    const { value } = other.commitment
    await expectUnchanged(
      'commit',
      [commitBytes(sign(elsewhere, { ...value, epoch: 2 }))],
      ['bad_signature'],
    )
    const words = [11, 12].map((index) => encodeTicks([tickOf(other, index)]))
    await expectUnchanged('tick', words, ['bad_word', 'slow_down'])
  })

  test('an epoch signed again: the same terms are no news, other terms are refused', async () => {
    const { value } = running.commitment
    const again = sign(evil.identity, value)
    await expectUnchanged('open', [commitBytes(again)], ['accepted'])
    const longer = sign(evil.identity, { ...value, length: 3_001 })
    const otherRoot = sign(evil.identity, { ...value, root: wrong })
    const payloads = [longer, otherRoot].map((one) => commitBytes(one))
    await expectUnchanged('open', payloads, ['epoch_taken'])
  })

  test('a word of a renewal that is not committed', async () => {
    const renewal = session.commitment(renewalOf(running))
    await expectUnchanged('tick', [encodeTicks([tickOf(renewal, 1)])], ['unknown_epoch'])
  })
})

describe('one flipped bit', () => {
  const flipped = (bytes: Uint8Array) =>
    Array.from(bytes, (_, at) => {
      const copy = bytes.slice()
      copy[at] = (copy[at] ?? 0) ^ (1 << (at % 8))
      return copy
    })

  test('in each byte of a tick', async () => {
    const allowed = [
      'malformed',
      'unknown_channel',
      'acknowledged',
      'unknown_epoch',
      'closed',
      'out_of_range',
      'needs_checkpoint',
      'slow_down',
      'bad_word',
    ] as const
    await expectUnchanged('tick', flipped(tick({})), allowed)
  })

  test('in each byte of a commitment', async () => {
    const allowed = ['malformed', 'unknown_channel', 'epoch_taken', 'bad_signature'] as const
    await expectUnchanged('commit', flipped(commitBytes(signed())), allowed)
  })
})

describe('CBOR that is none of ours', () => {
  const good = () => commitBytes(signed())
  const nested = new Uint8Array(1_001).fill(0x81)
  nested[1_000] = 0
  const cases: readonly (readonly [string, () => Uint8Array])[] = [
    ['a map with the same key twice', () => Uint8Array.of(0xa2, 1, 2, 1, 3)],
    ['a map with the same key twice inside', () => Uint8Array.of(0x83, 1, 0, 0xa2, 1, 2, 1, 3)],
    ['an integer that is longer than it must be', () => widened(good())],
    ['trailing bytes', () => concatBytes(good(), Uint8Array.of(0))],
    ['1,000 nested arrays', () => nested],
    ['1,000 nested arrays that end in nothing', () => new Uint8Array(1_000).fill(0x81)],
    ['an array that claims to be huge', () => Uint8Array.of(0x9a, 0xff, 0xff, 0xff, 0xff)],
    ['a text that claims to be huge', () => Uint8Array.of(0x7b, 0, 0, 0, 1, 0, 0, 0, 0)],
    ['indefinite lengths', () => Uint8Array.of(0x9f, 1, 0, 0xff)],
    ['a tag', () => concatBytes(Uint8Array.of(0xc1), good())],
    ['a float', () => Uint8Array.of(0x83, 1, 0xf9, 0, 0, 0x80)],
    ['a negative number', () => Uint8Array.of(0x83, 1, 0x20, 0x80)],
    ['one field less', () => Uint8Array.of(0x82, 1, 0x40)],
    ['another version', () => concatBytes(Uint8Array.of(0x83, 2), good().slice(2))],
    ['nothing', () => new Uint8Array(0)],
  ]

  /** The slot 0 as two bytes. */
  function widened(bytes: Uint8Array): Uint8Array {
    return concatBytes(bytes.slice(0, 2), Uint8Array.of(0x18, 0), bytes.slice(3))
  }

  test.each(cases)('%s', async (_, payload) => {
    for (const name of ['commit', 'open', 'hello', 'reading', 'close'] as const) {
      await expectUnchanged(name, [payload()], ['malformed'])
    }
  })
})

describe('when everything else was tried', () => {
  test('expired: words past the claim window, commitments past the mandate', async () => {
    await world.skew(9 * 86_400_000)
    session = await world.login(evil)
    await expectUnchanged('tick', [tick({})], ['expired'])
    await expectUnchanged('commit', [commitBytes(signed())], ['expired'])
    const before = world.honest.ticks()
    await world.skew(0)
    await vi.waitFor(() => expect(world.honest.ticks()).toBeGreaterThan(before), 10_000)
  })

  test('an honest device beside has noticed nothing', async () => {
    const { received, ticks, slowestMs } = world.honest
    expect(received.closed).toBe(false)
    expect(received.rejects).toEqual([])
    expect(ticks()).toBeGreaterThan(10)
    expect(slowestMs()).toBeLessThan(5_000)
    expect(world.gateway.isAlive()).toBe(true)
  })

  test('anonymous memory ends within 10 MB of its baseline', async () => {
    const growth = (await world.gateway.memory()) - baseline
    expect(growth).toBeLessThan(10 * 1_048_576)
  })
})
