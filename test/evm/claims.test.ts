/**
 * Evidence of single channels at the contract, on a real node.
 * @module
 */
import { describe, expect, test } from 'vitest'
import { claimCodeOf } from '../../ledger/evm/reasons.ts'
import type { Claim } from '../../ledger/ledger.ts'
import type { ClaimReason } from '../../ledger/rules/claimRules.ts'
import type { Algorithm } from '../../protocol/keys.ts'
import { CHECKPOINT, type Commitment, RENEWAL } from '../../protocol/structures.ts'
import { DAY_SECONDS, keyOf, START_SECONDS, seedOf } from '../unit/ledger/world.ts'

import { escrowScene } from './scene.ts'
import { type Escrow, FACTOR, hasAnvil, hex } from './world.ts'

const { escrow: open, single } = escrowScene()

describe.skipIf(!hasAnvil)('claims at the contract', () => {
  test.each<Algorithm>(['secp256k1', 'p256'])(
    '%s: pays what is proved, then only what is more',
    async (algorithm) => {
      const device = open().device(3, algorithm)
      const epoch = device.commit()
      const first = await single(epoch.claim(4))
      const channel = hex(device.channelId).slice(0, 2 + 25)
      expect(first).toMatchObject({ channel, position: 3, paid: 40n, evidence: 40n })
      expect(await single(epoch.claim(4))).toMatchObject({ reason: 0, paid: 0n, evidence: 40n })
      expect(await single(epoch.claim(2))).toMatchObject({ reason: 0, paid: 0n, evidence: 40n })
      expect(await single(epoch.claim(9))).toMatchObject({ reason: 0, paid: 50n, evidence: 90n })
      expect(await open().state()).toMatchObject({ paid: 90n, evidencePaid: 90n })
      // The payee has what was paid less the floor of 1 % of 90.
      expect(await open().tokens(open().payee)).toBe(90n * FACTOR)
    },
  )

  test('a checkpoint is evidence of its base, and its tail of more', async () => {
    const device = open().device(3)
    const checkpoint = device.commit({ kind: CHECKPOINT, base: 700n, epoch: 9 })
    expect(await single(checkpoint.claim(0))).toMatchObject({ paid: 700n })
    expect(await single(checkpoint.claim(1))).toMatchObject({ paid: 10n })
  })

  test('pays a tail of 4,096 steps and none of 4,097', async () => {
    const device = open().device(3)
    const long = device.commit({ length: 5_000 })
    expect(await single(long.claim(4_096))).toMatchObject({ paid: 40_960n })
    expect(await single(long.claim(4_097))).toMatchObject({
      reason: claimCodeOf('too_long_tail'),
      paid: 0n,
    })
  })

  test('the fee is the floor of its share of all that was paid', async () => {
    const device = open().device(3)
    const epoch = device.commit()
    for (const index of [3, 7, 10, 25]) await single(epoch.claim(index))
    expect(await open().tokens(open().payee)).toBe(248n * FACTOR)
    await open().run(open().stranger, 'takeFee', [open().terms])
    expect(await open().tokens(open().gateway)).toBe(2n * FACTOR)
    await open().run(open().stranger, 'takeFee', [open().terms])
    expect(await open().tokens(open().gateway)).toBe(2n * FACTOR)
  })

  test('a poisoned claim is refused and the others are paid', async () => {
    const good = [1, 2, 3].map((number) => open().device(number).commit().claim(5))
    const bad = open()
      .device(4)
      .commit()
      .claim(5, { word: seedOf(77) })
    const [one, two, three] = good as [Claim, Claim, Claim]
    const { outcomes } = await open().claim([one, bad, two, three])
    expect(outcomes.map(({ reason, paid }) => [reason, paid])).toEqual([
      [0, 50n],
      [claimCodeOf('bad_commitment_signature'), 0n],
      [0, 50n],
      [0, 50n],
    ])
  })

  test('the same channel twice in one call is paid once', async () => {
    const epoch = open().device(1).commit()
    const { outcomes } = await open().claim([epoch.claim(5), epoch.claim(8), epoch.claim(5)])
    expect(outcomes.map(({ paid }) => paid)).toEqual([50n, 30n, 0n])
    expect(await open().state()).toMatchObject({ paid: 80n })
  })

  test('pays what there is and refuses what is more, until there is more', async () => {
    const device = open().device(1)
    const mandate = device.signMandate({ limit: 1n << 60n }, open().signer)
    const all = device.commit({ base: 999_999_990n }).claim(0, { mandate })
    const over = open().device(2).commit().claim(2)
    const { outcomes } = await open().claim([all, over])
    expect(outcomes.map(({ reason, paid }) => [reason, paid])).toEqual([
      [0, 999_999_990n],
      [claimCodeOf('no_funds'), 0n],
    ])
    await open().run(open().owner, 'fund', [open().terms, 10n])
    expect(await single(over)).toMatchObject({ reason: 0, paid: 20n })
  })

  test('a position belongs to the channel that was paid there first', async () => {
    await single(open().device(3).commit().claim(1))
    const other = open().device(4, 'secp256k1', { position: 3 }).commit().claim(50)
    expect(await single(other)).toMatchObject({ reason: claimCodeOf('position_taken'), paid: 0n })
  })

  // T65
  test('only the payee and whom it named may claim, and the payee gets the money', async () => {
    const claim = open().device(3).commit().claim(1)
    expect((await open().claim([claim], open().stranger)).status).toBe('0x0')
    expect((await open().claim([claim], open().owner)).status).toBe('0x0')
    expect((await open().claim([claim], open().gateway)).status).toBe('0x1')
    expect(await open().tokens(open().gateway)).toBe(0n)
    await open().run(open().payee, 'nameSubmitter', [open().gateway, false])
    expect((await open().claim([claim], open().gateway)).status).toBe('0x0')
    expect((await open().claim([claim], open().payee)).status).toBe('0x1')
  })
})

/** A claim that is refused, and why. */
type Wrong = readonly [
  name: string,
  reason: ClaimReason,
  of: (device: ReturnType<Escrow['device']>) => Claim,
]

const commits = (changes: Partial<Commitment>, index: number) =>
  ((device) => device.commit(changes).claim(index)) satisfies Wrong[2]
const mandates =
  (changes: Parameters<ReturnType<Escrow['device']>['signMandate']>[0]): Wrong[2] =>
  (device) =>
    device.commit().claim(1, { mandate: device.signMandate(changes, open().signer) })

const wrongs: readonly Wrong[] = [
  ['a renewal without a word', 'not_evidence', commits({ kind: RENEWAL }, 0)],
  ['a kind that is none', 'malformed', commits({ kind: 3 }, 1)],
  ['epoch 0', 'malformed', commits({ epoch: 0 }, 1)],
  ['units of 0', 'malformed', commits({ unitsPerTick: 0n }, 1)],
  ['more than 2^64 in the end', 'malformed', commits({ base: (1n << 64n) - 100n }, 1)],
  ['a register past 2^64', 'malformed', commits({ startReading: (1n << 64n) - 100n }, 1)],
  ['a word past the end', 'out_of_range', (device) => device.commit().claim(101)],
  ['over the mandate', 'over_mandate', mandates({ limit: 9n })],
  ['a mandate that begins later', 'mandate_early', mandates({ notBefore: START_SECONDS + 3_600 })],
  [
    'a mandate of last week',
    'mandate_expired',
    mandates({
      notBefore: START_SECONDS - 9 * DAY_SECONDS,
      expiry: START_SECONDS - 8 * DAY_SECONDS,
      claimUntil: START_SECONDS - DAY_SECONDS,
    }),
  ],
  [
    'a mandate that ends before it begins',
    'malformed',
    mandates({ notBefore: START_SECONDS + DAY_SECONDS }),
  ],
  [
    'a mandate of somebody else',
    'bad_mandate_signature',
    (device) =>
      device.commit().claim(1, { mandate: device.signMandate({}, keyOf(5, 'secp256k1')) }),
  ],
  [
    'a word of another index',
    'bad_commitment_signature',
    (device) => {
      const epoch = device.commit()
      return epoch.claim(3, { word: epoch.chain.wordAt(4) })
    },
  ],
  [
    'another root',
    'bad_commitment_signature',
    (device) => device.commit({ root: seedOf(8) }).claim(1),
  ],
  [
    'a channel with another fee',
    'bad_mandate_signature',
    () => open().device(6, 'secp256k1', { feeBasisPoints: 99 }).commit().claim(1),
  ],
  [
    'a channel of another allocation',
    'bad_mandate_signature',
    () =>
      open()
        .device(6, 'secp256k1', { allocation: seedOf(4) })
        .commit()
        .claim(1),
  ],
]

describe.skipIf(!hasAnvil)('claims that the contract refuses', () => {
  test.each(wrongs)('%s: %s', async (_, reason, of) => {
    const outcome = await single(of(open().device(5)))
    expect(outcome).toMatchObject({ reason: claimCodeOf(reason), paid: 0n })
    expect(await open().state()).toMatchObject({ paid: 0n, evidencePaid: 0n })
  })
})
