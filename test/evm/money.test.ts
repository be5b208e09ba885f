/**
 * Deposits, withdrawals, rotations and who gets what, on a real node.
 * @module
 */
import { describe, expect, test } from 'vitest'
import { claimChannelsCall } from '../../ledger/evm/callData.ts'
import { algorithmByte, publicKeyOf } from '../../protocol/keys.ts'
import { allocationStructure, digestOf } from '../../protocol/structures.ts'
import { keyOf } from '../unit/ledger/world.ts'
import { escrowScene } from './scene.ts'
import { bytes, claimed, FACTOR, hasAnvil, hex, NOTICE_SECONDS } from './world.ts'

const { escrow, node, single, pass } = escrowScene()

const ask = (name: string, words: readonly unknown[], value = 0n, from = escrow().owner) =>
  escrow().why(from, name, words, value)
const terms = () => escrow().terms

describe.skipIf(!hasAnvil)('opening', () => {
  const open = (changes: object, from = escrow().owner) =>
    ask('open', [{ ...escrow().opening, gateway: 'gate-2', ...changes }, 5n], 0n, from)

  test.each<[string, object, string]>([
    ['the same again', { gateway: 'gate-1' }, 'allocation_exists'],
    ['a notice that a mandate outlives', { noticeSeconds: NOTICE_SECONDS - 1 }, 'bad_notice'],
    ['a notice without end', { noticeSeconds: 401 * 86_400 }, 'bad_notice'],
    ['more than all as fee', { feeBasisPoints: 10_001 }, 'bad_fee'],
    ['a fee for nobody', { feeRecipient: `0x${'0'.repeat(40)}` }, 'bad_fee'],
    ['a scale beyond the token', { assetScale: 7 }, 'bad_scale'],
    ['a scale of 10', { assetScale: 10 }, 'bad_scale'],
    ['a signer that it cannot check', { signerAlgorithm: 2 }, 'bad_key'],
    ['half a key', { signerKey: `0x${'11'.repeat(32)}` }, 'bad_key'],
    ['no payee', { payee: `0x${'0'.repeat(40)}` }, 'no_payee'],
    ['nothing wrong', {}, 'none'],
  ])('%o: %s', async (_, changes, reason) => {
    expect(await open(changes)).toBe(reason)
  })

  test('the name of a fleet is for whoever had it first', async () => {
    expect(await open({}, escrow().stranger)).toBe('not_the_owner')
    expect(await ask('fund', [terms(), 1n], 0n, escrow().stranger)).toBe('not_the_owner')
  })

  test('a token that keeps a part is refused', async () => {
    const tax = await node().deploy('contracts/TaxingToken.json')
    const { owner, address } = escrow()
    await node().send(owner, tax.address, tax.codec.encode('mint', [owner, 10n ** 30n]))
    await node().send(owner, tax.address, tax.codec.encode('approve', [address, 10n ** 30n]))
    expect(await open({ token: tax.address })).toBe('token_takes_a_fee')
  })

  test('coins come with the call where they are the asset, and only there', async () => {
    const coin = { token: `0x${'0'.repeat(40)}`, assetScale: 9 }
    const opening = { ...escrow().opening, gateway: 'gate-2', ...coin }
    expect(await ask('open', [opening, 5n], 5n * 10n ** 9n)).toBe('none')
    expect(await ask('open', [opening, 5n], 5n * 10n ** 9n - 1n)).toBe('wrong_value')
    expect(await ask('fund', [terms(), 5n], 1n)).toBe('wrong_value')
    expect(await ask('fund', [terms(), 0n])).toBe('no_amount')
  })
})

describe.skipIf(!hasAnvil)('withdrawals', () => {
  test('wait for their notice; claims made meanwhile are paid first', async () => {
    const mandate = (number: number) =>
      escrow()
        .device(number)
        .signMandate({ limit: 1n << 60n }, escrow().signer)
    await escrow().run(escrow().owner, 'requestWithdrawal', [terms(), 999_999_000n])
    expect(await ask('requestWithdrawal', [terms(), 1n])).toBe('withdrawal_waiting')
    expect(await ask('withdraw', [terms()])).toBe('too_early')
    const big = escrow()
      .device(1)
      .commit({ base: 2_000n })
      .claim(0, { mandate: mandate(1) })
    expect(await single(big)).toMatchObject({ paid: 2_000n })
    await pass(NOTICE_SECONDS - 60)
    expect(await ask('withdraw', [terms()])).toBe('too_early')
    await pass(61)
    expect(await ask('withdraw', [terms()], 0n, escrow().stranger)).toBe('not_the_owner')
    const before = await escrow().tokens(escrow().owner)
    await escrow().run(escrow().owner, 'withdraw', [terms()])
    expect((await escrow().tokens(escrow().owner)) - before).toBe(999_998_000n * FACTOR)
    expect(await escrow().state()).toMatchObject({ setAside: 2_000n, paid: 2_000n })
    expect(await ask('withdraw', [terms()])).toBe('unknown_withdrawal')
    // What is left of the token is the fee, to the last unit.
    await escrow().run(escrow().stranger, 'takeFee', [terms()])
    expect(await escrow().tokens(escrow().address)).toBe(0n)
  })

  test('ask for no more than is there, and can be taken back', async () => {
    expect(await ask('requestWithdrawal', [terms(), 1_000_000_001n])).toBe('not_available')
    expect(await ask('requestWithdrawal', [terms(), 0n])).toBe('not_available')
    expect(await ask('cancelWithdrawal', [terms()])).toBe('unknown_withdrawal')
    await escrow().run(escrow().owner, 'requestWithdrawal', [terms(), 1n])
    await escrow().run(escrow().owner, 'cancelWithdrawal', [terms()])
    expect(await escrow().state()).toMatchObject({ withdrawing: 0n })
    expect(await ask('requestWithdrawal', [terms(), 1_000_000_000n])).toBe('none')
  })
})

describe.skipIf(!hasAnvil)('rotation of the signer', () => {
  const next = keyOf(950, 'p256')
  const rotate = () =>
    escrow().run(escrow().owner, 'rotateSigner', [
      terms(),
      algorithmByte('p256'),
      hex(publicKeyOf(next).bytes),
    ])
  const show = async (number: number, key: typeof next, which?: 'previous') => {
    const device = escrow().device(number)
    const claim = device.commit().claim(2, { mandate: device.signMandate({}, key) })
    const signer = which && ({ signer: `${which} signer` } as const)
    const context = { ...escrow().context, signerKey: publicKeyOf(key), ...signer }
    const data = claimChannelsCall(context, [claim])
    return claimed(escrow().codec, await node().send(escrow().gateway, escrow().address, hex(data)))
  }

  test('the new one is in force at once, mandates of the old one pay for a notice', async () => {
    await rotate()
    const { signer } = escrow()
    expect((await show(1, next)).outcomes).toMatchObject([{ reason: 0, paid: 20n }])
    expect((await show(2, signer)).outcomes).toMatchObject([{ paid: 0n }])
    expect((await show(2, signer, 'previous')).outcomes).toMatchObject([{ reason: 0, paid: 20n }])
    expect((await show(3, next, 'previous')).outcomes).toMatchObject([{ paid: 0n }])
    const again = [terms(), 1, hex(publicKeyOf(next).bytes)]
    expect(await ask('rotateSigner', again)).toBe('rotation_waiting')
    expect(await ask('rotateSigner', again, 0n, escrow().stranger)).toBe('not_the_owner')
  })

  test('after the notice the old one is worth nothing', async () => {
    await rotate()
    await pass(NOTICE_SECONDS + 1)
    expect((await show(2, escrow().signer, 'previous')).status).toBe('0x0')
    expect(await ask('rotateSigner', [terms(), 1, hex(publicKeyOf(next).bytes)])).toBe('none')
  })
})

describe.skipIf(!hasAnvil)('a payee that calls back while it is paid', () => {
  const coins = escrowScene({ token: 'native' })

  test('is refused, and is paid once', async () => {
    const { owner, address, codec, opening, context, signer } = coins.escrow()
    const word = address.slice(2).padStart(64, '0')
    const payee = await coins.node().deploy('contracts/ReenteringPayee.json', word)
    const other = { ...opening, gateway: 'gate-2', payee: payee.address }
    const value = 1_000n * 10n ** 9n
    await coins.node().send(owner, address, codec.encode('open', [other, 1_000n]), value)
    const allocation = { ...context.allocation, gateway: 'gate-2', payee: bytes(payee.address) }
    const id = digestOf(context.domain, allocationStructure, allocation)
    const device = coins.escrow().device(1, 'secp256k1', {
      gateway: 'gate-2',
      payee: allocation.payee,
      allocation: id,
    })
    const epoch = device.commit()
    const mandate = device.signMandate({}, signer)
    const call = (index: number) =>
      hex(claimChannelsCall({ ...context, allocation }, [epoch.claim(index, { mandate })]))
    const tell = (name: string, data: string) =>
      coins.node().send(owner, payee.address, payee.codec.encode(name, [data]))
    await tell('prepare', call(9))
    const { status } = await tell('run', call(5))
    expect(status).toBe('0x1')
    const data = payee.codec.encode('wasRefused', [])
    const asked = { to: payee.address, data }
    expect(await coins.node().rpc('eth_call', [asked, 'latest'])).toBe(`0x${'1'.padStart(64, '0')}`)
    // 50 less 1 % of it, which is not a whole unit.
    const balance = await coins.node().rpc('eth_getBalance', [payee.address, 'latest'])
    expect(BigInt(String(balance))).toBe(50n * 10n ** 9n)
  })
})
