/** What a gateway claims to hold is recomputed: it cannot claim what was never shown. */
import { describe, expect, test } from 'vitest'
import type { Held } from '../../../protocol/messages.ts'
import type { Commitment, Signed } from '../../../protocol/structures.ts'
import { CHECKPOINT } from '../../../protocol/structures.ts'
import {
  channelId,
  counting,
  gatewayKey,
  openEpoch,
  renewalTerms,
  signCommitment,
  termsOf,
} from '../../support/fixtures.ts'
import { newEpochs } from './support/pair.ts'

const first = openEpoch()
const renewal = openEpoch(renewalTerms(first.commitment))
const held: Held = {
  commitment: signCommitment(first.commitment),
  index: 100,
  word: first.chain.wordAt(100),
}
const pending = signCommitment(renewal.commitment)

describe('own epochs', () => {
  test('the same terms give the same chain and the same bytes', () => {
    const terms = termsOf()
    const epochs = newEpochs()
    expect(epochs.commit(terms)).toEqual(held.commitment)
    expect(epochs.commit(termsOf())).toEqual(held.commitment)
    expect(newEpochs().wordAt(terms, 100)).toEqual(held.word)
  })

  test('a device without memory takes over what it made itself', () => {
    const { root: _root, ...terms } = first.commitment
    expect(newEpochs().prove(channelId, held, undefined)).toEqual({
      held: { terms, index: 100 },
      pending: undefined,
    })
    expect(newEpochs().prove(channelId, held, pending)).toMatchObject({ pending: { epoch: 2 } })
    expect(newEpochs().prove(channelId, undefined, undefined)).toEqual({
      held: undefined,
      pending: undefined,
    })
  })
})

describe('a lie is found out', () => {
  const signature = new Uint8Array(held.commitment.signature)
  signature[5] = (signature[5] ?? 0) ^ 1
  const rise = (value: Partial<Commitment>): Signed<Commitment> =>
    signCommitment({ ...first.commitment, ...value })
  const other = openEpoch({ ...renewalTerms(first.commitment), base: 9_000_000n })
  const later = openEpoch(renewalTerms(renewal.commitment))

  test.each<[string, Held | undefined, Signed<Commitment> | undefined]>([
    ['a higher index', { ...held, index: 101 }, undefined],
    ['a word that was never shown', { ...held, word: counting(1) }, undefined],
    ['an index past the end', { ...held, index: 2_001 }, undefined],
    ['another root', { ...held, commitment: rise({ root: counting(3) }) }, undefined],
    ['a higher base', { ...held, commitment: rise({ base: 5n }) }, undefined],
    ['no length', { ...held, commitment: rise({ length: 0 }), index: 0 }, undefined],
    ['a length beyond all limits', { ...held, commitment: rise({ length: 1e9 }) }, undefined],
    ['another channel', { ...held, commitment: rise({ channelId: counting(7) }) }, undefined],
    [
      'a flipped bit in the signature',
      { ...held, commitment: { ...held.commitment, signature } },
      undefined,
    ],
    [
      'the signature of another key',
      { ...held, commitment: signCommitment(first.commitment, gatewayKey) },
      undefined,
    ],
    ['a renewal without a held word', undefined, pending],
    ['a renewal that starts higher', held, signCommitment(other.commitment)],
    ['the renewal of another epoch', held, signCommitment(later.commitment)],
    [
      'a checkpoint in the place of a renewal',
      held,
      signCommitment(openEpoch({ ...renewalTerms(first.commitment), kind: CHECKPOINT }).commitment),
    ],
    ['a forged renewal', held, { ...pending, signature: counting(1, 64) }],
  ])('%s', (_name, claimed, renewed) => {
    expect(newEpochs().prove(channelId, claimed, renewed)).toBe('gateway_lied')
  })
})
