/**
 * EIP-712 typed-data hashing, the one signed form. Only atomic types, `string` and `bytes` occur,
 * so a structure is one flat list of fields. Source: EIP-712
 * (https://eips.ethereum.org/EIPS/eip-712).
 * @module
 */
import { keccak_256 } from '@noble/hashes/sha3.js'
import { bigEndian, concatBytes, exactBytes, utf8ToBytes } from './bytes.ts'

export type FieldType =
  | 'uint8'
  | 'uint16'
  | 'uint32'
  | 'uint64'
  | 'uint256'
  | 'address'
  | 'bytes32'
  | 'bytes'
  | 'string'

export type Field = { readonly name: string; readonly type: FieldType }
export type FieldValue = number | bigint | string | Uint8Array
export type StructureType = { readonly name: string; readonly fields: readonly Field[] }

/** A ledger's identity inside every digest. */
export type Domain = {
  /** EIP-155 chain id; 0 for a ledger that is no chain. */
  readonly chainId: bigint
  /** 20 bytes: the escrow contract, or derived from the ledger's id. */
  readonly verifyingContract: Uint8Array
}

/** `Name(type field,type field)` as EIP-712 calls encodeType. */
export function encodeType(type: StructureType): string {
  return `${type.name}(${type.fields.map((field) => `${field.type} ${field.name}`).join(',')})`
}

/** Types and domains never change, and hashing them anew was two thirds of a digest. */
const typeHashes = new WeakMap<StructureType, Uint8Array>()
const separators = new WeakMap<Domain, Uint8Array>()

/** Shared by all callers: not to be written to. */
export function typeHash(type: StructureType): Uint8Array {
  return remembered(typeHashes, type, () => keccak_256(utf8ToBytes(encodeType(type))))
}

function remembered<Key extends object, Value>(
  known: WeakMap<Key, Value>,
  key: Key,
  make: () => Value,
): Value {
  const found = known.get(key)
  if (found !== undefined) return found
  const value = make()
  known.set(key, value)
  return value
}

/** One field as its 32-byte word; a value that does not fit its type throws RangeError. */
export function encodeField(type: FieldType, value: FieldValue): Uint8Array {
  if (typeof value === 'string') {
    if (type !== 'string') throw new RangeError(`string given for ${type}`)
    return keccak_256(utf8ToBytes(value))
  }
  if (value instanceof Uint8Array) return encodeByteField(type, value)
  const bits = /^uint(\d+)$/.exec(type)?.[1]
  if (bits === undefined) throw new RangeError(`number given for ${type}`)
  const number = BigInt(value)
  if (number < 0n || number >= 1n << BigInt(bits)) throw new RangeError(`${number} is no ${type}`)
  return bigEndian(number, 32)
}

function encodeByteField(type: FieldType, value: Uint8Array): Uint8Array {
  if (type === 'bytes') return keccak_256(value)
  if (type === 'bytes32') return exactBytes(value, 32, type)
  if (type === 'address') return concatBytes(new Uint8Array(12), exactBytes(value, 20, type))
  throw new RangeError(`bytes given for ${type}`)
}

/** The words of a structure without its type hash, as EIP-712 calls encodeData. */
export function encodeData(
  type: StructureType,
  values: Readonly<Record<string, FieldValue>>,
): Uint8Array {
  const words = type.fields.map((field) => {
    const value = values[field.name]
    if (value === undefined) throw new RangeError(`${type.name}.${field.name} is missing`)
    return encodeField(field.type, value)
  })
  return concatBytes(...words)
}

export function hashStructure(
  type: StructureType,
  values: Readonly<Record<string, FieldValue>>,
): Uint8Array {
  return keccak_256(concatBytes(typeHash(type), encodeData(type, values)))
}

const domainType: StructureType = {
  name: 'EIP712Domain',
  fields: [
    { name: 'name', type: 'string' },
    { name: 'version', type: 'string' },
    { name: 'chainId', type: 'uint256' },
    { name: 'verifyingContract', type: 'address' },
  ],
}

/** The domain {"Tickpay", "1", chainId, verifyingContract} as its 32-byte separator; shared too. */
export function domainSeparator(domain: Domain): Uint8Array {
  return remembered(separators, domain, () =>
    hashStructure(domainType, { name: 'Tickpay', version: '1', ...domain }),
  )
}

/** keccak256(0x19 0x01 | domain separator | structure hash): what every key signs. */
export function typedDigest(
  domain: Domain,
  type: StructureType,
  values: Readonly<Record<string, FieldValue>>,
): Uint8Array {
  return keccak_256(
    concatBytes(new Uint8Array([0x19, 0x01]), domainSeparator(domain), hashStructure(type, values)),
  )
}

/** The contract field of a ledger that is no chain, derived from its 32-byte random id. */
export function contractOfLedger(ledgerId: Uint8Array): Uint8Array {
  const tagged = concatBytes(utf8ToBytes('tickpay ledger'), exactBytes(ledgerId, 32, 'ledger id'))
  return keccak_256(tagged).slice(12)
}
