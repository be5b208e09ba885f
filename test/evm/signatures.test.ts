/**
 * Signatures that are not quite good, at the contract: only one form of each is taken, and a chain
 * that cannot check P-256 refuses it.
 * @module
 */
import { p256 } from '@noble/curves/nist.js'
import { secp256k1 } from '@noble/curves/secp256k1.js'
import { describe, expect, test } from 'vitest'
import { claimChannelsCall } from '../../ledger/evm/callData.ts'
import { claimCodeOf } from '../../ledger/evm/reasons.ts'
import { bigEndian, concatBytes } from '../../protocol/bytes.ts'
import type { Algorithm } from '../../protocol/keys.ts'
import { escrowScene } from './scene.ts'
import { type Escrow, hasAnvil, hex } from './world.ts'

const word = (value: bigint) => bigEndian(value, 32)
const orderOf = { secp256k1: secp256k1.Point.Fn.ORDER, p256: p256.Point.Fn.ORDER } as const
type Curve = keyof typeof orderOf
const curves: readonly Curve[] = ['secp256k1', 'p256']

const numberOf = (bytes: Uint8Array) => BigInt(hex(bytes))

/** Signatures made from a good one. */
const spoiled: readonly (readonly [string, (good: Uint8Array, order: bigint) => Uint8Array])[] = [
  ['high s', (good, order) => withS(good, order - numberOf(good.subarray(32)))],
  ['s of 0', (good) => withS(good, 0n)],
  ['s of the order', (good, order) => withS(good, order)],
  ['r of 0', (good) => concatBytes(word(0n), good.subarray(32))],
  ['r of the order', (good, order) => concatBytes(word(order), good.subarray(32))],
  ['r + 1', (good) => concatBytes(word(numberOf(good.subarray(0, 32)) + 1n), good.subarray(32))],
  ['nothing but 0', () => new Uint8Array(64)],
  ['nothing but 1', () => new Uint8Array(64).fill(0xff)],
]
const withS = (good: Uint8Array, s: bigint) => concatBytes(good.subarray(0, 32), word(s))

const cases = curves.flatMap((curve) => spoiled.map(([name, spoil]) => ({ curve, name, spoil })))

describe.skipIf(!hasAnvil).each(curves)('a fleet that signs with %s', (signerAlgorithm) => {
  const { escrow, single } = escrowScene({ signerAlgorithm })

  test('has its mandates taken for both kinds of payers', async () => {
    const algorithms: readonly Algorithm[] = curves
    for (const [position, algorithm] of algorithms.entries()) {
      const claim = escrow().device(position, algorithm).commit().claim(1)
      expect(await single(claim)).toMatchObject({ reason: 0, paid: 10n })
    }
  })

  test.each(spoiled)('%s in a mandate is refused', async (_, spoil) => {
    const claim = escrow().device(1).commit().claim(1)
    const { value, signature } = claim.mandate
    const mandate = { value, signature: spoil(signature, orderOf[signerAlgorithm]) }
    const outcome = await single({ ...claim, mandate })
    expect(outcome).toMatchObject({ reason: claimCodeOf('bad_mandate_signature'), paid: 0n })
  })
})

describe.skipIf(!hasAnvil)('payers', () => {
  const { escrow, single } = escrowScene()
  const wrong = { reason: claimCodeOf('bad_commitment_signature'), paid: 0n }

  test.each(cases)('$curve: $name is refused', async ({ curve, spoil }) => {
    const claim = escrow().device(1, curve).commit().claim(1)
    const { value, signature } = claim.commitment
    const commitment = { value, signature: spoil(signature, orderOf[curve]) }
    expect(await single({ ...claim, commitment })).toMatchObject(wrong)
    expect(await single(claim)).toMatchObject({ reason: 0, paid: 10n })
  })

  test.each(curves)('%s: a key that is no point signs nothing', async (curve) => {
    const payerKey = new Uint8Array(64)
    const claim = escrow().device(1, curve, { payerKey }).commit().claim(1)
    expect(await single(claim)).toMatchObject(wrong)
    const nought = { ...claim.commitment, signature: new Uint8Array(64) }
    expect(await single({ ...claim, commitment: nought })).toMatchObject(wrong)
  })

  test('a key of the other curve signs nothing', async () => {
    const device = escrow().device(1, 'secp256k1')
    const claim = escrow()
      .device(1, 'secp256k1', { payerAlgorithm: 1, payerKey: device.channel.payerKey })
      .commit()
      .claim(1)
    expect(await single(claim)).toMatchObject(wrong)
  })

  test('Ed25519 is malformed, as is any key that the contract does not know', async () => {
    const claim = escrow().device(1).commit().claim(1)
    const data = claimChannelsCall(escrow().context, [claim])
    for (const algorithm of [0, 2, 4]) {
      // The payer's algorithm is the first word of the first claim.
      const altered = data.slice()
      altered[4 + 32 * 11 + 31] = algorithm
      const outcome = await outcomeOf(escrow(), altered)
      expect(outcome).toMatchObject({ reason: claimCodeOf('malformed'), paid: 0n })
    }
  })

  test('words that are too large for their fields are malformed', async () => {
    const data = claimChannelsCall(escrow().context, [escrow().device(1).commit().claim(1)])
    const malformed = { reason: claimCodeOf('malformed'), paid: 0n }
    for (const field of [0, 3, 5, 6, 7, 8, 9, 10, 13, 14, 15, 16, 17, 18, 19, 21, 22]) {
      const altered = data.slice()
      altered[4 + 32 * (11 + field)] = 0x80
      expect([field, await outcomeOf(escrow(), altered)]).toMatchObject([field, malformed])
    }
  })
})

async function outcomeOf(escrow: Escrow, data: Uint8Array) {
  const { outcomes } = await escrow.show(data)
  return outcomes[0]
}

describe.skipIf(!hasAnvil)('a chain without the P-256 precompile', () => {
  const { escrow, node } = escrowScene({}, 'prague')

  test('pays secp256k1 and refuses P-256', async () => {
    const claims = [
      escrow().device(1, 'p256').commit().claim(1),
      escrow().device(2, 'secp256k1').commit().claim(1),
    ]
    const { outcomes } = await escrow().claim(claims)
    expect(outcomes.map(({ reason, paid }) => [reason, paid])).toEqual([
      [claimCodeOf('bad_commitment_signature'), 0n],
      [0, 10n],
    ])
    const answer = await node().rpc('eth_call', [
      { to: '0x0000000000000000000000000000000000000100', data: '0x' },
      'latest',
    ])
    expect(answer).toBe('0x')
  })
})
