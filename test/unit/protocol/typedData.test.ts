import { keccak_256 } from '@noble/hashes/sha3.js'
import { describe, expect, test } from 'vitest'
import { bytesToHex, concatBytes, parseHex, utf8ToBytes } from '../../../protocol/bytes.ts'
import type { FieldType, StructureType } from '../../../protocol/typedData.ts'
import {
  contractOfLedger,
  domainSeparator,
  encodeData,
  encodeField,
  encodeType,
  hashStructure,
  typedDigest,
  typeHash,
} from '../../../protocol/typedData.ts'
import { counting, domain, otherDomain } from '../../support/fixtures.ts'

const hex = (text: string) => parseHex(text) ?? new Uint8Array()
const person: StructureType = {
  name: 'Person',
  fields: [
    { name: 'name', type: 'string' },
    { name: 'wallet', type: 'address' },
  ],
}
const mailDomain: StructureType = {
  name: 'EIP712Domain',
  fields: [
    { name: 'name', type: 'string' },
    { name: 'version', type: 'string' },
    { name: 'chainId', type: 'uint256' },
    { name: 'verifyingContract', type: 'address' },
  ],
}

/** The example of EIP-712 itself; its nested structure is put together by hand. */
describe('the Mail example of EIP-712', () => {
  const cow = hashStructure(person, {
    name: 'Cow',
    wallet: hex('CD2a3d9F938E13CD947Ec05AbC7FE734Df8DD826'),
  })
  const bob = hashStructure(person, {
    name: 'Bob',
    wallet: hex('bBbBBBBbbBBBbbbBbbBbbbbBBbBbbbbBbBbbBBbB'),
  })
  const separator = hashStructure(mailDomain, {
    name: 'Ether Mail',
    version: '1',
    chainId: 1n,
    verifyingContract: hex('CcCCccccCCCCcCCCCCCcCcCccCcCCCcCcccccccC'),
  })

  test('type hashes and structure hashes', () => {
    expect(bytesToHex(typeHash(person))).toBe(
      'b9d8c78acf9b987311de6c7b45bb6a9c8e1bf361fa7fd3467a2163f994c79500',
    )
    expect(bytesToHex(cow)).toBe('fc71e5fa27ff56c350aa531bc129ebdf613b772b6604664f5d8dbe21b85eb0c8')
    expect(bytesToHex(separator)).toBe(
      'f2cee375fa42b42143804025fc449deafd50cc031ca257e0b194a650a912090f',
    )
  })

  test('digest', () => {
    const mailType = `Mail(Person from,Person to,string contents)${encodeType(person)}`
    const mail = keccak_256(
      concatBytes(
        keccak_256(utf8ToBytes(mailType)),
        encodeField('bytes32', cow),
        encodeField('bytes32', bob),
        encodeField('string', 'Hello, Bob!'),
      ),
    )
    const digest = keccak_256(concatBytes(new Uint8Array([0x19, 1]), separator, mail))
    expect(bytesToHex(digest)).toBe(
      'be609aee343fb3c4b28e1df9e632fca64fcfaede20f02e86244efddf30957bd2',
    )
  })
})

describe('typed data', () => {
  const type: StructureType = {
    name: 'One',
    fields: [
      { name: 'count', type: 'uint8' },
      { name: 'data', type: 'bytes' },
    ],
  }

  test('fields become words of 32 bytes', () => {
    expect(encodeField('uint64', (1n << 64n) - 1n)).toEqual(
      concatBytes(new Uint8Array(24), new Uint8Array(8).fill(255)),
    )
    expect(encodeField('uint32', 7)).toEqual(concatBytes(new Uint8Array(31), new Uint8Array([7])))
    expect(encodeField('address', counting(1, 20))).toEqual(
      concatBytes(new Uint8Array(12), counting(1, 20)),
    )
    expect(encodeField('bytes32', counting(1))).toEqual(counting(1))
    expect(encodeField('bytes', counting(1, 5))).toEqual(keccak_256(counting(1, 5)))
    expect(encodeField('string', 'é')).toEqual(keccak_256(new Uint8Array([0xc3, 0xa9])))
    expect(encodeData(type, { count: 1, data: counting(0, 3) }).length).toBe(64)
    expect(encodeType(type)).toBe('One(uint8 count,bytes data)')
  })

  const misfits: readonly (readonly [FieldType, number | bigint | string | Uint8Array])[] = [
    ['uint8', 256],
    ['uint8', -1],
    ['uint16', 65_536],
    ['uint32', 2 ** 32],
    ['uint64', 1n << 64n],
    ['uint256', 1n << 256n],
    ['uint8', '1'],
    ['uint8', new Uint8Array(1)],
    ['uint8', 1.5],
    ['string', 1],
    ['string', new Uint8Array(1)],
    ['bytes', 'x'],
    ['bytes', 1n],
    ['bytes32', new Uint8Array(31)],
    ['address', new Uint8Array(32)],
  ]
  test.each(misfits)('a value that is no %s is a bug and throws: %s', (field, value) => {
    expect(() => encodeField(field, value)).toThrow(RangeError)
  })

  test('a missing field is a bug and throws', () => {
    expect(() => encodeData(type, { count: 1 })).toThrow('One.data is missing')
  })

  test('(!) a digest is bound to one ledger: chain id and contract both count', () => {
    const value = { count: 1, data: counting(0, 3) }
    const digests = [
      domain,
      otherDomain,
      { ...domain, chainId: 1n },
      { ...domain, verifyingContract: counting(2, 20) },
    ].map((one) => bytesToHex(typedDigest(one, type, value)))
    expect(new Set(digests).size).toBe(4)
    expect(bytesToHex(domainSeparator(domain))).not.toBe(bytesToHex(domainSeparator(otherDomain)))
  })

  test('the contract of a ledger that is no chain follows from its id', () => {
    expect(contractOfLedger(counting(0)).length).toBe(20)
    expect(contractOfLedger(counting(0))).not.toEqual(contractOfLedger(counting(1)))
    expect(() => contractOfLedger(counting(0, 31))).toThrow(RangeError)
  })
})
