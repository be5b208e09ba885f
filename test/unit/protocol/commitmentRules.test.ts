import { describe, expect, test } from 'vitest'
import { worstCase } from '../../../protocol/channel.ts'
import type { CommitmentContext, CommitmentVerdict } from '../../../protocol/commitmentRules.ts'
import { checkCommitment, worstCaseAfter, worstCaseOf } from '../../../protocol/commitmentRules.ts'
import { verifyDigest } from '../../../protocol/keys.ts'
import type { CommitmentReason } from '../../../protocol/reasons.ts'
import { commitmentReasons } from '../../../protocol/reasons.ts'
import type { Commitment } from '../../../protocol/structures.ts'
import {
  checkpoint,
  commitmentCases,
  commitmentOf,
  commitmentVerdict,
  held,
  renewal,
} from '../../support/commitmentCases.ts'
import {
  commitmentContext,
  counting,
  mandate,
  nowSeconds,
  signCommitment,
  tariff,
} from '../../support/fixtures.ts'

type Input = {
  readonly context: CommitmentContext
  readonly commitment: Commitment
  readonly signatureGood: boolean
}
const good: Input = {
  context: commitmentContext(),
  commitment: checkpoint(0),
  signatureGood: true,
}
const signature = new Uint8Array(64)
const verdict = ({ context, commitment, signatureGood }: Input) =>
  checkCommitment(context, { value: commitment, signature }, () => signatureGood)
const known = (input: Input, context: Partial<CommitmentContext>): Input => ({
  ...input,
  context: { ...input.context, ...context },
})
const terms = (input: Input, commitment: Partial<Commitment>): Input => ({
  ...input,
  commitment: { ...input.commitment, ...commitment },
})
const mandateOf = (input: Input) => input.context.mandate ?? mandate

/** One fault for each check, in the order of the table. */
const faults: readonly (readonly [CommitmentReason, (input: Input) => Input])[] = [
  ['malformed', (one) => terms(one, { kind: 0 })],
  ['unknown_channel', (one) => terms(one, { channelId: counting(1) })],
  ['epoch_taken', (one) => terms(one, { epoch: 1 })],
  ['closed', (one) => known(one, { closed: true })],
  ['bad_signature', (one) => ({ ...one, signatureGood: false })],
  [
    'tariff_not_in_force',
    (one) => known(one, { tariff: { ...tariff, validFrom: nowSeconds + 1 } }),
  ],
  ['wrong_price', (one) => terms(one, { pricePerTick: 2_499n })],
  [
    'no_mandate',
    (one) => known(one, { mandate: { ...mandateOf(one), notBefore: nowSeconds + 1 } }),
  ],
  ['expired', (one) => known(one, { mandate: { ...mandateOf(one), expiry: nowSeconds } })],
  ['expiry_too_late', (one) => terms(one, { expiry: mandate.expiry + 1 })],
  ['over_mandate', (one) => known(one, { mandate: { ...mandateOf(one), limit: 1n } })],
  ['too_long', (one) => known(one, { maxLength: 1 })],
  ['no_funds', (one) => known(one, { free: 0n })],
  ['not_continuous', (one) => terms(one, { base: one.commitment.base + 1n })],
]

const only = (wanted: CommitmentVerdict) =>
  commitmentCases.filter((one) => one.verdict === wanted).map((one) => one.why)

describe('the checks on a commitment', () => {
  test('are the reasons of the list, in its order', () => {
    expect(faults.map(([reason]) => reason)).toEqual(Object.keys(commitmentReasons))
  })

  test('an input with one, two or three faults gets the reason of the earliest', () => {
    expect(verdict(good)).toBe('accepted')
    for (const [first, one] of faults.entries()) {
      expect(verdict(one[1](good))).toBe(one[0])
      for (const [second, two] of faults.entries()) {
        if (second <= first) continue
        expect(verdict(two[1](one[1](good))), `${one[0]} + ${two[0]}`).toBe(one[0])
        for (const three of faults.slice(second + 1)) {
          expect(verdict(three[1](two[1](one[1](good))))).toBe(one[0])
        }
      }
    }
  })

  test('every tail of the list of faults gets its first', () => {
    for (const place of faults.keys()) {
      const tail = faults.slice(place)
      const input = tail.reduce((one, [, apply]) => apply(one), good)
      expect(verdict(input)).toBe(tail[0]?.[0])
    }
  })

  test('a refusal changes nothing of what it read', () => {
    for (const one of commitmentCases) {
      const before = structuredClone({ context: one.context, signed: one.signed })
      commitmentVerdict(one)
      expect({ context: one.context, signed: one.signed }).toEqual(before)
    }
  })

  test('the signature is not checked before the cheap facts', () => {
    const verify = () => {
      throw new Error('verified')
    }
    const run = (input: Input) =>
      checkCommitment(input.context, { value: input.commitment, signature }, verify)
    for (const [reason, apply] of faults.slice(0, 4)) expect(run(apply(good))).toBe(reason)
    expect(() => run(good)).toThrow('verified')
  })

  test("refuses a commitment whose signature is not by the channel's key", () => {
    expect(only('bad_signature').length).toBeGreaterThanOrEqual(3)
    const signed = signCommitment(good.commitment)
    expect(checkCommitment(good.context, signed, verifyDigest)).toBe('accepted')
    for (const place of [0, 31, 32, 63]) {
      const bent = signed.signature.slice()
      bent[place] = (bent[place] ?? 0) ^ 1
      const forged = { value: signed.value, signature: bent }
      expect(checkCommitment(good.context, forged, verifyDigest)).toBe('bad_signature')
    }
  })

  test("wrong_price: a step or a price other than the tariff's", () => {
    for (const price of [0n, 2_499n, 2_501n, 1n << 40n]) {
      expect(verdict(terms(good, { pricePerTick: price }))).toBe('wrong_price')
    }
    for (const step of [1n, 9n, 11n]) {
      expect(verdict(terms(good, { unitsPerTick: step }))).toBe('wrong_price')
    }
  })

  test('tariff_not_in_force: from validFrom until just before validUntil', () => {
    const at = (now: number) =>
      known(good, {
        nowSeconds: now,
        mandate: { ...mandate, notBefore: 0, expiry: tariff.validUntil * 2 },
        tariff: { ...tariff, validUntil: good.commitment.expiry },
      })
    expect(verdict(at(tariff.validFrom - 1))).toBe('tariff_not_in_force')
    expect(verdict(at(tariff.validFrom))).toBe('accepted')
    expect(verdict(at(good.commitment.expiry - 1))).toBe('accepted')
    expect(verdict(at(good.commitment.expiry))).toBe('tariff_not_in_force')
  })

  test("over_mandate: a worst case beyond the mandate's limit", () => {
    const limit = worstCase(good.commitment)
    const limited = (value: bigint) => known(good, { mandate: { ...mandate, limit: value } })
    expect(verdict(limited(limit))).toBe('accepted')
    expect(verdict(limited(limit - 1n))).toBe('over_mandate')
  })

  // T12
  test('(!) malformed: an epoch whose end does not fit in 64 bits', () => {
    const wide = (1n << 64n) - 1n
    const open = known(good, { held: undefined, mandate: { ...mandate, limit: wide }, free: wide })
    const start = { kind: 2, base: 0n, length: 3, epoch: 1 }
    const fits = { ...start, startReading: wide - 30n }
    expect(verdict(terms(open, fits))).toBe('accepted')
    expect(verdict(terms(open, { ...fits, startReading: wide - 29n }))).toBe('malformed')
    const priced = known(open, { tariff: { ...tariff, pricePerTick: wide / 3n } })
    const dear = { ...start, pricePerTick: wide / 3n }
    expect(verdict(terms(priced, dear))).toBe('accepted')
    expect(verdict(terms(priced, { ...dear, base: 1n }))).toBe('malformed')
    expect(verdict(terms(priced, { ...dear, length: 4 }))).toBe('malformed')
  })

  test('(!) too_long: a length beyond what the ledger follows', () => {
    const { length } = good.commitment
    expect(verdict(known(good, { maxLength: length }))).toBe('accepted')
    expect(verdict(known(good, { maxLength: length - 1 }))).toBe('too_long')
  })
})

describe('the same commitment again', () => {
  const repeat = known(good, { pending: renewal })

  test('(!) is accepted again whatever else has changed, also with another signature', () => {
    for (const commitment of [held, renewal]) {
      const again = { ...repeat, commitment, signatureGood: false }
      expect(verdict(again)).toBe('repeated')
      const ended = { closed: true, mandate: undefined, tariff: undefined, free: -1n }
      expect(verdict(known(again, ended))).toBe('repeated')
    }
  })

  test('(!) a committed or lower epoch with other terms is taken', () => {
    for (const epoch of [1, 2]) expect(verdict(terms(repeat, { epoch }))).toBe('epoch_taken')
    expect(verdict(terms(repeat, { epoch: 3 }))).toBe('accepted')
    const later = { commitment: commitmentOf({ epoch: 9 }), index: 100 }
    for (const epoch of [1, 8]) {
      expect(verdict(terms(known(good, { held: later }), { epoch }))).toBe('epoch_taken')
    }
  })

  test('one field or the root changed is not the same', () => {
    const input = { ...repeat, commitment: held }
    expect(verdict(terms(input, { root: counting(0x11) }))).toBe('epoch_taken')
    expect(verdict(terms(input, { issuedAt: nowSeconds + 1 }))).toBe('epoch_taken')
  })
})

describe('the reservation', () => {
  test('(!) reserves the highest worst case of the live commitments, never their sum', () => {
    const context = { held: { commitment: held, index: 100 }, pending: renewal }
    expect(worstCase(held)).toBe(5_000_000n)
    expect(worstCase(renewal)).toBe(10_000_000n)
    expect(worstCaseOf(context)).toBe(10_000_000n)
    expect(worstCaseOf({ ...context, pending: undefined })).toBe(5_000_000n)
    expect(worstCaseOf({ held: undefined, pending: undefined })).toBe(0n)
    expect(worstCaseAfter({ held: context.held }, renewal)).toBe(10_000_000n)
  })

  test('(!) a renewal needs only what it adds to the running epoch', () => {
    const input = { ...good, commitment: { ...renewal, root: counting(1) } }
    expect(verdict(known(input, { free: 5_000_000n }))).toBe('accepted')
    expect(verdict(known(input, { free: 4_999_999n }))).toBe('no_funds')
  })

  test('(!) a renewal that replaces a pending one needs only the difference', () => {
    const shorter = { ...renewal, length: 1_000, epoch: 2 }
    const input = { ...known(good, { pending: shorter }), commitment: { ...renewal, epoch: 3 } }
    expect(verdict(known(input, { free: 2_500_000n }))).toBe('accepted')
    expect(verdict(known(input, { free: 2_499_999n }))).toBe('no_funds')
  })

  test('(!) a checkpoint supersedes: what it frees is free', () => {
    const small = checkpoint(0, { epoch: 3, length: 10 })
    const context = { held: { commitment: held, index: 100 }, pending: renewal }
    expect(worstCaseAfter(context, small)).toBe(275_000n)
    expect(verdict({ ...known(good, { ...context, free: 0n }), commitment: small })).toBe(
      'accepted',
    )
    const broke = known(good, { ...context, free: -1_000n })
    expect(verdict({ ...broke, commitment: small })).toBe('accepted')
  })

  test('(!) a renewal shorter than nothing new keeps the running worst case reserved', () => {
    const none = { ...renewal, pricePerTick: 0n }
    expect(worstCaseAfter({ held: { commitment: held, index: 5 } }, none)).toBe(5_000_000n)
  })
})

describe('continuity', () => {
  test('(!) a renewal starts exactly where the running epoch ends', () => {
    const input = { ...good, commitment: { ...renewal, root: counting(1) } }
    expect(verdict(input)).toBe('accepted')
    for (const off of [-1n, 1n, 2_500n, -2_500n]) {
      expect(verdict(terms(input, { base: renewal.base + off }))).toBe('not_continuous')
    }
    for (const off of [-10n, -1n, 1n, 10n]) {
      const startReading = renewal.startReading + off
      expect(verdict(terms(input, { startReading }))).toBe('not_continuous')
    }
  })

  test('(!) a checkpoint pays any gap at the old price, also past the end of the epoch', () => {
    const changed = known(good, {
      tariff: { ...tariff, unitsPerTick: 3n, pricePerTick: 9_000n },
      free: 1n << 62n,
      mandate: { ...mandate, limit: 1n << 62n },
    })
    const price = { unitsPerTick: 3n, pricePerTick: 9_000n }
    for (const gap of [0, 1, 1_024, 1_025, 1_900, 1_901, 100_000, 40_000_000]) {
      const paid = { ...changed, commitment: checkpoint(gap, price) }
      expect(verdict(paid), `gap ${gap}`).toBe('accepted')
      expect(verdict(terms(paid, { base: paid.commitment.base - 1n }))).toBe('not_continuous')
      expect(verdict(terms(paid, { base: paid.commitment.base + 1n }))).toBe('not_continuous')
    }
  })

  test('(!) units between two whole ticks are not skipped', () => {
    for (const units of [1n, 5n, 9n]) {
      const startReading = good.commitment.startReading + units
      expect(verdict(terms(good, { startReading }))).toBe('not_continuous')
    }
  })

  test('(!) a checkpoint below the held state takes nothing back', () => {
    for (const gap of [-1, -100]) {
      const lower = { ...good, commitment: checkpoint(gap) }
      expect(verdict(lower)).toBe('not_continuous')
    }
  })

  test('(!) a channel begins with a checkpoint that owes nothing', () => {
    const open = known({ ...good, commitment: commitmentOf({}) }, { held: undefined })
    expect(verdict(open)).toBe('accepted')
    expect(verdict(terms(open, { startReading: 0n }))).toBe('accepted')
    expect(verdict(terms(open, { base: 1n }))).toBe('not_continuous')
    expect(verdict(terms(open, { kind: 1 }))).toBe('not_continuous')
  })
})
