/**
 * What is sent to the escrow contract: claims and statements as the words that it hashes. Laid out
 * here and not by a library, because every byte costs gas and ten thousand claims are encoded at
 * once. Contract ABI: https://docs.soliditylang.org/en/latest/abi-spec.html
 * @module
 */
import { assert } from '../../protocol/assert.ts'
import { bigEndian, concatBytes, equalBytes, utf8ToBytes } from '../../protocol/bytes.ts'
import { keccak256 } from '../../protocol/keccak.ts'
import { algorithms, type PublicKey } from '../../protocol/keys.ts'
import { EMPTY_LEAF, merkleNode, STATEMENT_DEPTH } from '../../protocol/merkle.ts'
import { recoveryBit } from '../../protocol/recovery.ts'
import type { Allocation, Statement } from '../../protocol/structures.ts'
import {
  channelStructure,
  commitmentStructure,
  digestOf,
  mandateStructure,
  statementStructure,
} from '../../protocol/structures.ts'
import { type Domain, encodeField } from '../../protocol/typedData.ts'
import type { Claim, ClaimLeaf } from '../ledger.ts'

const WORD_BYTES = 32

const number = (value: bigint | number) => bigEndian(BigInt(value), WORD_BYTES)
const text = (value: string) => keccak256(utf8ToBytes(value))

/** First four bytes of a function's hashed signature. */
const selector = (signature: string) => text(signature).subarray(0, 4)

const TERMS_TYPE = '(bytes32,bytes32,address,bytes32,uint8)'
const STATEMENT_TYPE = '(uint256,uint256,uint256,uint256,bytes32,uint256,uint256)'
/** As `Claim` in the contract: which of its 28 words are bytes32 is part of the selector. */
const CLAIM_TYPE = `(${[
  ...['uint256', 'bytes32', 'bytes32', 'uint256', 'bytes32'],
  ...['uint256', 'uint256', 'uint256', 'uint256', 'uint256', 'uint256', 'bytes32', 'bytes32'],
  ...['uint256', 'uint256', 'uint256', 'uint256', 'uint256', 'uint256', 'uint256', 'bytes32'],
  ...['uint256', 'uint256', 'bytes32', 'bytes32', 'uint256', 'bytes32', 'uint256'],
].join(',')})`
export const CLAIM_WORDS = 28

const claimChannelsSelector = selector(
  `claimChannels(${TERMS_TYPE},${CLAIM_TYPE}[],bytes32[],bytes32[2],bool)`,
)
const claimStatementSelector = selector(
  `claimStatement(${TERMS_TYPE},${STATEMENT_TYPE},bytes32,bytes32,bytes32[2])`,
)

/** An Allocation with its texts hashed: five words. */
function termsWords(allocation: Allocation): Uint8Array[] {
  return [
    text(allocation.fleet),
    text(allocation.gateway),
    encodeField('address', allocation.payee),
    text(allocation.assetCode),
    number(allocation.assetScale),
  ]
}

/**
 * r and s as the contract reads them: for secp256k1 the top bit of s says which point it is of
 * (EIP-2098). A signature that is not good is sent as it is, and refused there.
 */
function signatureWords(key: PublicKey, digest: Uint8Array, signature: Uint8Array): Uint8Array[] {
  const [r, s] = [signature.slice(0, WORD_BYTES), signature.slice(WORD_BYTES)]
  if (recoveryBit(key, digest, signature) === 1) s[0] = (s[0] ?? 0) | 0x80
  return [r, s]
}

/** x and y where the contract has to be given them. */
const keyWords = ({ algorithm, bytes }: PublicKey): Uint8Array[] =>
  algorithm === 'p256' ? [bytes.subarray(0, WORD_BYTES), bytes.subarray(WORD_BYTES)] : []

const signerWords = (key: PublicKey): Uint8Array[] => {
  const words = keyWords(key)
  return words.length > 0 ? words : [EMPTY_LEAF, EMPTY_LEAF]
}

/** What the contract is shown beside a claim's own words. */
type Shown = { readonly leaf: Uint8Array; readonly more: readonly Uint8Array[] }

/** Roots of trees without a leaf, by their height. */
const emptyTrees: readonly Uint8Array[] = (() => {
  const trees = [EMPTY_LEAF]
  for (let height = 1; height < STATEMENT_DEPTH; height++) {
    const below = trees[height - 1] ?? EMPTY_LEAF
    trees.push(merkleNode(below, below))
  }
  return trees
})()

const LEVELS_AT = 64n
const EMPTY_AT = 84n
const MORE_AT = 96n

/** The leaf word and its siblings; empty ones are not sent. `start`: where in `more`. */
function leafWords(leaf: ClaimLeaf | undefined, start: number): Shown {
  let word = BigInt(start) << MORE_AT
  if (!leaf) return { leaf: number(word), more: [] }
  word |= leaf.channelId === 'empty' ? 1n << EMPTY_AT : leaf.amount
  const more: Uint8Array[] = []
  leaf.path.forEach((sibling, height) => {
    if (equalBytes(sibling, emptyTrees[height] ?? EMPTY_LEAF)) return
    word |= 1n << (LEVELS_AT + BigInt(height))
    more.push(sibling)
  })
  return { leaf: number(word), more }
}

/** How claims are checked: the ledger's domain and who signed the mandates. */
export type ClaimContext = {
  readonly domain: Domain
  readonly allocation: Allocation
  readonly signerKey: PublicKey
  /** Whose key that is; absent for the signer in force. */
  readonly signer?: 'previous signer'
}

/** A claim as the contract's 28 words, and what goes to `more` from word `start` on. */
function claimWords(
  { domain, signerKey }: ClaimContext,
  claim: Claim,
  start: number,
): { readonly words: readonly Uint8Array[]; readonly more: readonly Uint8Array[] } {
  const { channel, mandate, commitment } = claim
  const algorithm = algorithms[channel.payerAlgorithm - 1]
  assert(algorithm !== undefined && algorithm !== 'ed25519', 'a key that the contract can check')
  const payerKey = { algorithm, bytes: channel.payerKey }
  const mandateDigest = digestOf(domain, mandateStructure, mandate.value)
  const commitmentDigest = digestOf(domain, commitmentStructure, commitment.value)
  const key = keyWords(payerKey)
  const { leaf, more } = leafWords(claim.leaf, start)
  const words = [
    ...channelWords(channel),
    ...fieldsOf(mandateStructure.type.fields, mandate.value, ['channelId']),
    ...signatureWords(signerKey, mandateDigest, mandate.signature),
    ...fieldsOf(commitmentStructure.type.fields, commitment.value, ['channelId', 'root']),
    ...signatureWords(payerKey, commitmentDigest, commitment.signature),
    number(claim.index),
    claim.word,
    leaf,
  ]
  assert(words.length === CLAIM_WORDS, 'every word of a claim')
  return { words, more: [...key, ...more] }
}

/** What differs between the channels of an allocation. */
const channelWords = (channel: Claim['channel']) =>
  fieldsOf(channelStructure.type.fields, channel, [
    ...['payee', 'feeBasisPoints', 'fleet', 'gateway', 'assetCode', 'assetScale', 'allocation'],
  ])

function fieldsOf<T extends object>(
  fields: typeof channelStructure.type.fields,
  value: T,
  without: readonly string[],
): Uint8Array[] {
  return fields
    .filter(({ name }) => !without.includes(name))
    .map(({ name, type }) => encodeField(type, value[name as keyof T] as never))
}

/** A call that claims for channels of one allocation. */
export function claimChannelsCall(context: ClaimContext, claims: readonly Claim[]): Uint8Array {
  const words: Uint8Array[] = []
  const more: Uint8Array[] = []
  for (const claim of claims) {
    const shown = claimWords(context, claim, more.length)
    words.push(...shown.words)
    more.push(...shown.more)
  }
  const terms = termsWords(context.allocation)
  const headWords = terms.length + 1 + 1 + 2 + 1
  const claimsAt = headWords * WORD_BYTES
  const moreAt = claimsAt + (1 + words.length) * WORD_BYTES
  return concatBytes(
    claimChannelsSelector,
    ...terms,
    number(claimsAt),
    number(moreAt),
    ...signerWords(context.signerKey),
    number(context.signer === 'previous signer' ? 1 : 0),
    number(claims.length),
    ...words,
    number(more.length),
    ...more,
  )
}

/** A call that shows a statement with the fleet's signature. */
export function claimStatementCall(
  { domain, allocation, signerKey }: ClaimContext,
  statement: Statement,
  fleetSignature: Uint8Array,
): Uint8Array {
  const digest = digestOf(domain, statementStructure, statement)
  return concatBytes(
    claimStatementSelector,
    ...termsWords(allocation),
    ...fieldsOf(statementStructure.type.fields, statement, ['allocation']),
    ...signatureWords(signerKey, digest, fleetSignature),
    ...signerWords(signerKey),
  )
}
