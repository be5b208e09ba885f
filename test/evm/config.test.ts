/**
 * What a configuration may say of a contract, and how a store names it.
 * @module
 */
import * as v from 'valibot'
import { describe, expect, test } from 'vitest'
import { evmValue, policyOf } from '../../ledger/evm/config.ts'
import { domainOfId, idOfDomain } from '../../ledger/evm/domainId.ts'
import { bytes } from './world.ts'

const contract = `0x${'5f'.repeat(20)}`
const said = { kind: 'evm', rpc: 'http://127.0.0.1:8545', contract, keyFile: '/etc/tickpay/key' }

describe('a configuration', () => {
  test('needs a node, a contract and a key; the rest has a default', () => {
    const settings = v.parse(evmValue, said)
    expect(settings.contract).toEqual(bytes(contract))
    expect(policyOf(settings)).toEqual({
      ...{ feePerGasMax: 100_000_000_000n, priorityFeePerGas: 1_000_000_000n },
      ...{ replaceAfterMs: 120_000, deadlineMs: 3_600_000, confirmations: 32 },
    })
  })

  test.each<[string, object]>([
    ['a node without a protocol', { rpc: '127.0.0.1:8545' }],
    ['a contract that is cut off', { contract: contract.slice(0, -1) }],
    ['final at once', { confirmations: 0 }],
    ['final later than what is followed', { confirmations: 129 }],
    ['an unknown word', { password: 'x' }],
    // The payee is the list of payouts; one that is not looked at would protect nobody.
    ['a list of payouts of its own', { payoutAllowList: [contract] }],
  ])('%s is refused', (_, changes) => {
    expect(v.safeParse(evmValue, { ...said, ...changes }).success).toBe(false)
  })
})

test('a domain is what its name says', () => {
  for (const chainId of [1n, 11_155_111n, (1n << 90n) - 1n]) {
    const domain = { chainId, verifyingContract: bytes(contract) }
    expect(domainOfId(idOfDomain(domain))).toEqual(domain)
    expect(idOfDomain(domain)).toHaveLength(32)
  }
})
