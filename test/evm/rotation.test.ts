/**
 * A fleet that replaces its signer: mandates of the one before are shown as such, for a notice.
 * @module
 */
import { describe, expect, test } from 'vitest'
import { algorithmByte, publicKeyOf } from '../../protocol/keys.ts'
import { DAY_SECONDS, keyOf, START_SECONDS } from '../unit/ledger/world.ts'
import { openAdapter } from './adapter.ts'
import { escrowScene } from './scene.ts'
import { hasAnvil, hex, NOTICE_SECONDS } from './world.ts'

const { escrow, pass } = escrowScene()
const next = keyOf(950, 'p256')

const rotate = () =>
  escrow().run(escrow().owner, 'rotateSigner', [
    escrow().terms,
    algorithmByte('p256'),
    hex(publicKeyOf(next).bytes),
  ])

/** Claimable until long after the notice, as no careful fleet signs. */
const lasting = {
  expiry: START_SECONDS + DAY_SECONDS,
  claimUntil: START_SECONDS + 90 * DAY_SECONDS,
}

function claimsOf(numbers: readonly number[], signer = escrow().signer) {
  return numbers.map((number) => {
    const device = escrow().device(number)
    return device.commit().claim(3, { mandate: device.signMandate(lasting, signer) })
  })
}

describe.skipIf(!hasAnvil)('after a rotation', () => {
  test('(!) mandates of both signers are paid in one submission, others are not', async () => {
    await rotate()
    const { ledger } = await openAdapter(escrow())
    const claims = [
      ...claimsOf([1, 2]),
      ...claimsOf([3], next),
      ...claimsOf([4], keyOf(951, 'p256')),
    ]
    const results = await ledger.submit(claims, 'a')
    expect(results).toMatchObject([
      ...[1, 2, 3].map(() => ({ status: 'paid', paid: 30n })),
      { status: 'refused', reason: 'bad_mandate_signature' },
    ])
    expect(await ledger.submit(claims, 'b')).toMatchObject(
      ['repeated', 'repeated', 'repeated', 'refused'].map((status) => ({ status })),
    )
    expect(await escrow().state()).toMatchObject({ paid: 90n })
    expect(await ledger.allocation(escrow().id)).toMatchObject({ signerKey: publicKeyOf(next) })
  })

  test('one that happens while a gateway runs is noticed', async () => {
    const { ledger } = await openAdapter(escrow())
    expect(await ledger.submit(claimsOf([1]), 'a')).toMatchObject([{ status: 'paid' }])
    await rotate()
    expect(await ledger.submit(claimsOf([2]), 'b')).toMatchObject([{ status: 'paid' }])
    expect(await ledger.submit(claimsOf([3], next), 'c')).toMatchObject([{ status: 'paid' }])
  })

  test('statements of the one before are refused at once', async () => {
    await rotate()
    const { ledger } = await openAdapter(escrow())
    expect(await ledger.submitStatement(escrow().statement([]), 'a')).toMatchObject({
      status: 'refused',
      reason: 'bad_fleet_signature',
    })
  })

  test.each<[string, number]>([
    ['at the end of the notice', 0],
    ['when another clock may say that it is over', -100],
  ])('%s nothing is sent for the one before', async (_, seconds) => {
    await rotate()
    await pass(NOTICE_SECONDS + 1)
    const laterSeconds = NOTICE_SECONDS + seconds
    const { ledger } = await openAdapter(escrow(), { laterSeconds })
    expect(await ledger.submit(claimsOf([1]), 'a')).toMatchObject([
      { status: 'refused', reason: 'bad_mandate_signature' },
    ])
    expect(await ledger.submit(claimsOf([2], next), 'b')).toMatchObject([{ status: 'paid' }])
  })
})
