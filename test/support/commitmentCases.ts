/**
 * Contexts and commitments with the verdict each must get: every row of the checks, the paths that
 * accept, and the edges between them. Used by tests and vectors.
 * @module
 */
import type { Terms } from '../../protocol/chain.ts'
import type { CommitmentContext, CommitmentVerdict } from '../../protocol/commitmentRules.ts'
import { checkCommitment } from '../../protocol/commitmentRules.ts'
import { signDigest, verifyDigest } from '../../protocol/keys.ts'
import type { Commitment, Signed } from '../../protocol/structures.ts'
import { commitmentStructure, digestOf, RENEWAL } from '../../protocol/structures.ts'
import {
  checkpointTerms,
  commitmentContext,
  counting,
  deviceKey,
  keyNamed,
  mandate,
  nowSeconds,
  openEpoch,
  otherDomain,
  renewalTerms,
  signCommitment,
  tariff,
  termsOf,
} from './fixtures.ts'

export type CommitmentCase = {
  readonly why: string
  readonly context: CommitmentContext
  readonly signed: Signed<Commitment>
  readonly verdict: CommitmentVerdict
}

/** Epoch 1 of 2,000 ticks; the context holds it at index 100. */
export const held = openEpoch().commitment
const heldIndex = 100
export const renewal = openEpoch(renewalTerms(held)).commitment
const wide = (1n << 64n) - 1n

/** A commitment with these terms and any root: the rules do not look at the root. */
export function commitmentOf(changes: Partial<Terms>): Commitment {
  return { ...termsOf(changes), root: counting(0x10) }
}

/** A checkpoint that pays `gapTicks`, with other terms on request. */
export function checkpoint(gapTicks: number, changes: Partial<Terms> = {}): Commitment {
  return commitmentOf({ ...checkpointTerms(held, heldIndex, gapTicks), ...changes })
}

function one(
  verdict: CommitmentVerdict,
  why: string,
  commitment: Commitment,
  changes: Partial<CommitmentContext> = {},
): CommitmentCase {
  return { why, verdict, context: commitmentContext(changes), signed: signCommitment(commitment) }
}

function renewed(changes: Partial<Terms> = {}): Commitment {
  return commitmentOf({ ...renewalTerms(held), ...changes })
}

const first = { held: undefined }
const opening = commitmentOf({})

const accepted: readonly CommitmentCase[] = [
  one('accepted', 'first commitment', opening, first),
  one('accepted', 'renewal', renewed()),
  one('accepted', 'renewal with a higher epoch than the next', renewed({ epoch: 9 })),
  one('accepted', 'a newer renewal replaces the pending one', renewed({ epoch: 3 }), {
    pending: renewal,
  }),
  one('accepted', 'checkpoint without a gap', checkpoint(0)),
  one('accepted', 'checkpoint with a gap', checkpoint(37)),
  one('accepted', 'checkpoint past the end of the epoch', checkpoint(5_000)),
  one('accepted', 'checkpoint beside a pending renewal', checkpoint(10, { epoch: 3 }), {
    pending: renewal,
  }),
  one('accepted', 'worst case just at the mandate limit', opening, {
    ...first,
    mandate: { ...mandate, limit: 5_000_000n },
  }),
  one('accepted', 'just enough funds', opening, { ...first, free: 5_000_000n }),
  one('accepted', 'no funds needed when the worst case shrinks', checkpoint(0, { length: 100 }), {
    free: 0n,
  }),
  one('accepted', 'one tick', checkpoint(0, { length: 1 })),
  one('accepted', 'the longest epoch', checkpoint(0, { length: 65_536 }), { free: 200_000_000n }),
  one('accepted', 'mandate valid since now', checkpoint(0), {
    mandate: { ...mandate, notBefore: nowSeconds },
  }),
  one('accepted', 'as long as the ledger follows', opening, { ...first, maxLength: 2_000 }),
]

const repeated: readonly CommitmentCase[] = [
  one('repeated', 'the same again', held),
  one('repeated', 'the pending one again', renewal, { pending: renewal }),
  {
    ...one('repeated', 'the same terms with another signature', held),
    signed: { value: held, signature: signDigest(keyNamed('p256', 0x99), counting(0)) },
  },
  one('repeated', 'the same again when everything else has ended', held, {
    closed: true,
    mandate: undefined,
    tariff: undefined,
    free: 0n,
    nowSeconds: nowSeconds + 900 * 86_400,
  }),
]

const cheap: readonly CommitmentCase[] = [
  one('malformed', 'kind 0', checkpoint(0, { kind: 0 })),
  one('malformed', 'kind 3', checkpoint(0, { kind: 3 })),
  one('malformed', 'epoch 0', checkpoint(0, { epoch: 0 })),
  one('malformed', 'length 0', checkpoint(0, { length: 0 })),
  one('malformed', 'length 65,537', checkpoint(0, { length: 65_537 })),
  one('malformed', 'no units per tick', checkpoint(0, { unitsPerTick: 0n })),
  one('malformed', 'amount overflow', checkpoint(0, { base: wide - 4_999_999n })),
  one('malformed', 'amount overflow by the price', checkpoint(0, { pricePerTick: wide })),
  one('malformed', 'reading overflow', checkpoint(0, { startReading: wide - 19_999n })),
  one('unknown_channel', 'another channel', checkpoint(0, { channelId: counting(7) })),
  one('epoch_taken', 'the held epoch with other terms', checkpoint(1, { epoch: 1 })),
  one('epoch_taken', 'an earlier epoch', checkpoint(1, { epoch: 4 }), {
    held: { commitment: commitmentOf({ epoch: 5 }), index: heldIndex },
  }),
  one('epoch_taken', 'the pending epoch with other terms', checkpoint(1, { epoch: 2 }), {
    pending: renewal,
  }),
  one('closed', 'channel closed', checkpoint(0), { closed: true }),
  {
    ...one('bad_signature', 'another key', checkpoint(0)),
    signed: signCommitment(checkpoint(0), keyNamed('p256', 0x99)),
  },
  {
    ...one('bad_signature', 'signed for another ledger', checkpoint(0)),
    signed: {
      value: checkpoint(0),
      signature: signDigest(deviceKey, digestOf(otherDomain, commitmentStructure, checkpoint(0))),
    },
  },
  one('bad_signature', 'the context of another ledger', checkpoint(0), { domain: otherDomain }),
]

const priced: readonly CommitmentCase[] = [
  one('tariff_not_in_force', 'no such tariff', checkpoint(0), { tariff: undefined }),
  one('tariff_not_in_force', 'not yet', checkpoint(0), {
    tariff: { ...tariff, validFrom: nowSeconds + 1 },
  }),
  one('tariff_not_in_force', 'over since now', checkpoint(0), {
    tariff: { ...tariff, validUntil: nowSeconds },
  }),
  one('wrong_price', 'lower price', checkpoint(0, { pricePerTick: 2_499n })),
  one('wrong_price', 'other step', checkpoint(0, { unitsPerTick: 11n })),
  one('no_mandate', 'none', checkpoint(0), { mandate: undefined }),
  one('no_mandate', 'not yet', checkpoint(0), {
    mandate: { ...mandate, notBefore: nowSeconds + 1 },
  }),
  one('expired', 'mandate expired', checkpoint(0), {
    mandate: { ...mandate, expiry: nowSeconds },
  }),
  one('expired', 'commitment expired', checkpoint(0, { expiry: nowSeconds })),
  one('expiry_too_late', 'later than the mandate', checkpoint(0, { expiry: mandate.expiry + 1 })),
  one('expiry_too_late', 'later than the tariff', checkpoint(0), {
    tariff: { ...tariff, validUntil: mandate.expiry - 1 },
  }),
  one('over_mandate', 'worst case one above the limit', opening, {
    ...first,
    mandate: { ...mandate, limit: 4_999_999n },
  }),
]

const reserved: readonly CommitmentCase[] = [
  one('too_long', 'longer than the ledger follows', opening, { ...first, maxLength: 1_999 }),
  one('no_funds', 'one short', opening, { ...first, free: 4_999_999n }),
  one('no_funds', 'growth of a renewal', renewed(), { free: 4_999_999n }),
  one('not_continuous', 'first with a base', commitmentOf({ base: 1n }), first),
  one('not_continuous', 'first as a renewal', commitmentOf({ kind: RENEWAL }), first),
  one('not_continuous', 'renewal with a lower base', renewed({ base: 4_999_999n })),
  one('not_continuous', 'renewal with a higher base', renewed({ base: 5_000_001n })),
  one('not_continuous', 'renewal from the held index', renewed(checkpointAsRenewal())),
  one('not_continuous', 'renewal with another reading', renewed({ startReading: 143_449n })),
  one(
    'not_continuous',
    'renewal after a gap',
    renewed({ startReading: 143_460n, base: 5_002_500n }),
  ),
  one('not_continuous', 'checkpoint below the held state', checkpoint(-1)),
  one(
    'not_continuous',
    'checkpoint that pays less than its gap',
    checkpoint(5, { base: 262_499n }),
  ),
  one('not_continuous', 'checkpoint that pays more', checkpoint(5, { base: 262_501n })),
  one('not_continuous', 'gap of half a tick', checkpoint(5, { startReading: 124_505n })),
  one('not_continuous', 'gap that is not paid', checkpoint(0, { startReading: 124_500n })),
]

function checkpointAsRenewal(): Partial<Terms> {
  return { ...checkpointTerms(held, heldIndex, 0), kind: RENEWAL }
}

/** A gap is paid at the price and in the steps of the commitment that was running. */
const newTariff = { ...tariff, unitsPerTick: 7n, pricePerTick: 4_000n }
const newPrice = { unitsPerTick: 7n, pricePerTick: 4_000n }
const repriced: readonly CommitmentCase[] = [
  one('accepted', 'gap at the old price, then the new one', checkpoint(5, newPrice), {
    tariff: newTariff,
  }),
  one(
    'not_continuous',
    'gap at the new price',
    checkpoint(5, { ...newPrice, base: 250_000n + 5n * 4_000n }),
    { tariff: newTariff },
  ),
  one(
    'not_continuous',
    'gap in steps of the new size',
    checkpoint(0, { ...newPrice, startReading: 124_450n + 7n, base: 252_500n }),
    { tariff: newTariff },
  ),
]

export const commitmentCases: readonly CommitmentCase[] = [
  ...accepted,
  ...repeated,
  ...cheap,
  ...priced,
  ...reserved,
  ...repriced,
]

/** The verdict as the program gives it. */
export function commitmentVerdict({ context, signed }: CommitmentCase): CommitmentVerdict {
  return checkCommitment(context, signed, verifyDigest)
}
