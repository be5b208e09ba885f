/**
 * EIP-712 typed-data hashing, the one signed form. Only atomic types, `string` and `bytes` occur,
 * so a structure is one flat list of fields. Source: EIP-712
 * (https://eips.ethereum.org/EIPS/eip-712).
 * @module
 */
import { concatBytes, equalBytes, exactBytes, utf8ToBytes } from './bytes.ts'
import { keccak256 } from './keccak.ts'

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

/** Types never change, and hashing them anew was most of a digest. */
const typeHashes = new WeakMap<StructureType, Uint8Array>()

/** Shared by all callers: not to be written to. */
export function typeHash(type: StructureType): Uint8Array {
  const known = typeHashes.get(type)
  if (known) return known
  const hash = keccak256(utf8ToBytes(encodeType(type)))
  typeHashes.set(type, hash)
  return hash
}

const WORD_BYTES = 32
const bitsOf: Readonly<Partial<Record<FieldType, number>>> = {
  uint8: 8,
  uint16: 16,
  uint32: 32,
  uint64: 64,
  uint256: 256,
}

/** One field as its 32-byte word; a value that does not fit its type throws RangeError. */
export function encodeField(type: FieldType, value: FieldValue): Uint8Array {
  const word = new Uint8Array(WORD_BYTES)
  writeField(word, 0, type, value)
  return word
}

/** Writes the word of a field at `offset` of `target`, which is 0 there. */
function writeField(target: Uint8Array, offset: number, type: FieldType, value: FieldValue): void {
  if (typeof value === 'string') {
    if (type !== 'string') throw new RangeError(`string given for ${type}`)
    target.set(keccak256(utf8ToBytes(value)), offset)
  } else if (value instanceof Uint8Array) {
    writeBytes(target, offset, type, value)
  } else {
    writeInteger(target, offset, type, BigInt(value))
  }
}

function writeBytes(target: Uint8Array, offset: number, type: FieldType, value: Uint8Array): void {
  if (type === 'bytes') target.set(keccak256(value), offset)
  else if (type === 'bytes32') target.set(exactBytes(value, WORD_BYTES, type), offset)
  else if (type === 'address') target.set(exactBytes(value, 20, type), offset + 12)
  else throw new RangeError(`bytes given for ${type}`)
}

function writeInteger(target: Uint8Array, offset: number, type: FieldType, value: bigint): void {
  const bits = bitsOf[type]
  if (bits === undefined) throw new RangeError(`number given for ${type}`)
  if (value < 0n || value >> BigInt(bits) !== 0n) throw new RangeError(`${value} is no ${type}`)
  const view = new DataView(target.buffer, target.byteOffset + offset, WORD_BYTES)
  let rest = value
  for (let place = 24; rest > 0n; place -= 8, rest >>= 64n) view.setBigUint64(place, rest)
}

/** The words of a structure without its type hash, as EIP-712 calls encodeData. */
export function encodeData(
  type: StructureType,
  values: Readonly<Record<string, FieldValue>>,
): Uint8Array {
  return encodeStructure(type, values).subarray(WORD_BYTES)
}

/** Type hash, then the words. */
function encodeStructure(
  type: StructureType,
  values: Readonly<Record<string, FieldValue>>,
): Uint8Array {
  const encoded = new Uint8Array(WORD_BYTES * (1 + type.fields.length))
  encoded.set(typeHash(type))
  let offset = WORD_BYTES
  for (const field of type.fields) {
    const value = values[field.name]
    if (value === undefined) throw new RangeError(`${type.name}.${field.name} is missing`)
    writeField(encoded, offset, field.type, value)
    offset += WORD_BYTES
  }
  return encoded
}

export function hashStructure(
  type: StructureType,
  values: Readonly<Record<string, FieldValue>>,
): Uint8Array {
  return keccak256(encodeStructure(type, values))
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

/** Domains whose separator is kept; a process deals with one ledger, a test with some. */
const DOMAINS_KNOWN_MAX = 16
const separators: { readonly domain: Domain; readonly separator: Uint8Array }[] = []

/**
 * The domain {"Tickpay", "1", chainId, verifyingContract} as its 32-byte separator; shared too.
 * Domains are compared by what they say, so that no change of one is missed.
 */
export function domainSeparator({ chainId, verifyingContract }: Domain): Uint8Array {
  for (const { domain, separator } of separators) {
    if (domain.chainId !== chainId) continue
    if (equalBytes(domain.verifyingContract, verifyingContract)) return separator
  }
  const domain = { chainId, verifyingContract: verifyingContract.slice() }
  const separator = hashStructure(domainType, { name: 'Tickpay', version: '1', ...domain })
  if (separators.length >= DOMAINS_KNOWN_MAX) separators.shift()
  separators.push({ domain, separator })
  return separator
}

/** keccak256(0x19 0x01 | domain separator | structure hash): what every key signs. */
export function typedDigest(
  domain: Domain,
  type: StructureType,
  values: Readonly<Record<string, FieldValue>>,
): Uint8Array {
  const sealed = new Uint8Array(2 + 2 * WORD_BYTES)
  sealed[0] = 0x19
  sealed[1] = 0x01
  sealed.set(domainSeparator(domain), 2)
  sealed.set(hashStructure(type, values), 2 + WORD_BYTES)
  return keccak256(sealed)
}

/** The contract field of a ledger that is no chain, derived from its 32-byte random id. */
export function contractOfLedger(ledgerId: Uint8Array): Uint8Array {
  const tagged = concatBytes(utf8ToBytes('tickpay ledger'), exactBytes(ledgerId, 32, 'ledger id'))
  return keccak256(tagged).slice(12)
}
