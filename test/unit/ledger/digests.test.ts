import { sha256 } from '@noble/hashes/sha2.js'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { digesterOf } from '../../../ledger/rules/digests.ts'
import { bindOf } from '../../../protocol/chain.ts'
import type { Channel, Commitment, Mandate } from '../../../protocol/structures.ts'
import {
  channelStructure,
  commitmentStructure,
  digestOf,
  mandateStructure,
} from '../../../protocol/structures.ts'

const bytes = (length: number) => fc.uint8Array({ minLength: length, maxLength: length })
const uint32 = fc.nat(0xffff_ffff)
const seconds = fc.nat(Number.MAX_SAFE_INTEGER)
const uint64 = fc.bigInt(0n, 2n ** 64n - 1n)
const text = fc.string({ maxLength: 64, unit: 'binary' })

const channels: fc.Arbitrary<Channel> = fc.record({
  payerAlgorithm: fc.nat(255),
  payerKey: fc.uint8Array({ maxLength: 64 }),
  payee: bytes(20),
  feeBasisPoints: fc.nat(0xffff),
  fleet: text,
  gateway: text,
  assetCode: text,
  assetScale: fc.nat(255),
  meter: text,
  allocation: bytes(32),
  position: uint32,
  salt: bytes(32),
})
const mandates: fc.Arbitrary<Mandate> = fc.record({
  channelId: bytes(32),
  sequence: seconds,
  limit: uint64,
  limitPerDay: uint64,
  notBefore: seconds,
  expiry: seconds,
  claimUntil: seconds,
})
const commitments: fc.Arbitrary<Commitment> = fc.record({
  kind: fc.nat(255),
  channelId: bytes(32),
  epoch: uint32,
  base: uint64,
  root: bytes(32),
  length: uint32,
  unitsPerTick: uint64,
  pricePerTick: uint64,
  startReading: uint64,
  tariffHash: bytes(32),
  issuedAt: seconds,
  expiry: seconds,
})
const domain = { chainId: 0n, verifyingContract: new Uint8Array(20).fill(9) }
const digester = digesterOf(domain)

describe('the digests of claims', () => {
  it('are those of the reference', () => {
    fc.assert(
      fc.property(channels, mandates, commitments, (channel, mandate, commitment) => {
        expect(digester.channel(channel)).toEqual(digestOf(domain, channelStructure, channel))
        expect(digester.mandate(mandate)).toEqual(digestOf(domain, mandateStructure, mandate))
        const expected = digestOf(domain, commitmentStructure, commitment)
        expect(digester.commitment(commitment)).toEqual(expected)
        expect(digester.bind(commitment, sha256)).toEqual(bindOf(commitment))
      }),
    )
  })

  it('stay right when more names pass by than are kept', () => {
    fc.assert(
      fc.property(channels, (channel) => {
        for (let i = 0; i < 50; i++) digester.channel({ ...channel, meter: `meter-${i}` })
        expect(digester.channel(channel)).toEqual(digestOf(domain, channelStructure, channel))
      }),
      { numRuns: 20 },
    )
  })

  it('differ between domains', () => {
    const other = digesterOf({ ...domain, chainId: 1n })
    fc.assert(
      fc.property(mandates, (mandate) => {
        expect(other.mandate(mandate)).not.toEqual(digester.mandate(mandate))
      }),
      { numRuns: 10 },
    )
  })
})
