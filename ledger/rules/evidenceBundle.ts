/**
 * A stand-alone bundle of evidence about one channel: everything that two sides have signed, in one
 * JSON file, and nothing that needs a database. docs/evidence.md describes it.
 * @module
 */
import * as v from 'valibot'
import { parseUint64 } from '../../protocol/amount.ts'
import { bytesToHex, parseHex } from '../../protocol/bytes.ts'
import type { WireValue } from '../../protocol/cbor.ts'
import { decodeCbor, encodeCbor } from '../../protocol/cbor.ts'
import type { PublicKey } from '../../protocol/keys.ts'
import { encodePublicKey, parsePublicKey } from '../../protocol/keys.ts'
import { STATEMENT_DEPTH } from '../../protocol/merkle.ts'
import type { ReceiptProof } from '../../protocol/receipts.ts'
import { decodeReceipt, encodeReceipt } from '../../protocol/receipts.ts'
import type {
  Channel,
  Commitment,
  Mandate,
  Signed,
  Statement,
  Structure,
  Tariff,
} from '../../protocol/structures.ts'
import {
  channelStructure,
  commitmentStructure,
  fromWire,
  mandateStructure,
  signedFromWire,
  signedToWire,
  statementStructure,
  tariffStructure,
  toWire,
} from '../../protocol/structures.ts'
import type { Domain } from '../../protocol/typedData.ts'

export const EVIDENCE_FORMAT = 'tickpay evidence 1'
/** A bundle of one of each has some 6 KB. */
export const EVIDENCE_BYTES_MAX = 1 << 20
/** Parts of one kind; a walk along a chain takes 20 ms. */
export const PARTS_MAX = 16

export type ShownWord = {
  readonly epoch: number
  readonly index: number
  readonly word: Uint8Array
}

/** A statement with what it says of the channel. */
export type StatedLeaf = {
  readonly statement: Signed<Statement>
  readonly fleetSignature: Uint8Array | undefined
  readonly amount: bigint
  /** 20 siblings, bottom up. */
  readonly path: readonly Uint8Array[]
}

export type EvidenceBundle = {
  readonly domain: Domain
  readonly gatewayKey: PublicKey
  readonly signerKey: PublicKey | undefined
  /** Without it nothing but the receipts can be judged. */
  readonly channel: Channel | undefined
  readonly tariffs: readonly Signed<Tariff>[]
  readonly mandates: readonly Signed<Mandate>[]
  readonly commitments: readonly Signed<Commitment>[]
  readonly words: readonly ShownWord[]
  readonly receipts: readonly ReceiptProof[]
  readonly statements: readonly StatedLeaf[]
}

const wire = <T>(structure: Structure<never> | unknown, value: T) =>
  bytesToHex(encodeCbor(signedToWire(structure as never, value as never)))

/** The file: the same bundle always gives the same text. */
export function formatEvidence(bundle: EvidenceBundle): string {
  const { domain, channel, signerKey } = bundle
  const value = {
    format: EVIDENCE_FORMAT,
    chainId: domain.chainId.toString(),
    contract: bytesToHex(domain.verifyingContract),
    gatewayKey: bytesToHex(encodePublicKey(bundle.gatewayKey)),
    signerKey: signerKey ? bytesToHex(encodePublicKey(signerKey)) : null,
    channel: channel ? bytesToHex(encodeCbor(toWire(channelStructure, channel))) : null,
    tariffs: bundle.tariffs.map((one) => wire(tariffStructure, one)),
    mandates: bundle.mandates.map((one) => wire(mandateStructure, one)),
    commitments: bundle.commitments.map((one) => wire(commitmentStructure, one)),
    words: bundle.words.map(({ epoch, index, word }) => ({ epoch, index, word: bytesToHex(word) })),
    receipts: bundle.receipts.map((one) => bytesToHex(encodeReceipt(one))),
    statements: bundle.statements.map((one) => ({
      statement: wire(statementStructure, one.statement),
      fleetSignature: one.fleetSignature ? bytesToHex(one.fleetSignature) : null,
      amount: one.amount.toString(),
      path: one.path.map(bytesToHex),
    })),
  }
  return `${JSON.stringify(value, null, 2)}\n`
}

/** A text that `read` makes something of. */
function read<T>(parse: (text: string) => T | undefined) {
  return v.pipe(
    v.string(),
    v.rawTransform<string, T>(({ dataset, addIssue, NEVER }) => {
      const value = parse(dataset.value)
      if (value !== undefined) return value
      addIssue({ message: 'not what it should be' })
      return NEVER
    }),
  )
}

const bytesOf = (length: number) =>
  read((text) => {
    const bytes = parseHex(text)
    return bytes?.length === length ? bytes : undefined
  })
const cborOf = <T>(parse: (item: WireValue) => T | undefined) =>
  read((text) => {
    const bytes = parseHex(text)
    const item = bytes && decodeCbor(bytes)
    return item === undefined ? undefined : parse(item)
  })
const keyValue = read((text) => {
  const bytes = parseHex(text)
  return bytes && parsePublicKey(bytes)
})
const receiptValue = read((text) => {
  const bytes = parseHex(text)
  return bytes && decodeReceipt(bytes)
})
const count = v.pipe(v.number(), v.safeInteger(), v.minValue(0), v.maxValue(0xffff_ffff))
const list = <S extends v.GenericSchema>(schema: S) =>
  v.pipe(v.array(schema), v.maxLength(PARTS_MAX))

const bundleSchema = v.strictObject({
  format: v.literal(EVIDENCE_FORMAT),
  chainId: read((text) => (/^(0|[1-9]\d{0,77})$/.test(text) ? BigInt(text) : undefined)),
  contract: bytesOf(20),
  gatewayKey: keyValue,
  signerKey: v.nullable(keyValue),
  channel: v.nullable(cborOf((item) => fromWire(channelStructure, item))),
  tariffs: list(cborOf((item) => signedFromWire(tariffStructure, item))),
  mandates: list(cborOf((item) => signedFromWire(mandateStructure, item))),
  commitments: list(cborOf((item) => signedFromWire(commitmentStructure, item))),
  words: list(v.strictObject({ epoch: count, index: count, word: bytesOf(32) })),
  receipts: list(receiptValue),
  statements: list(
    v.strictObject({
      statement: cborOf((item) => signedFromWire(statementStructure, item)),
      fleetSignature: v.nullable(bytesOf(64)),
      amount: read(parseUint64),
      path: v.pipe(v.array(bytesOf(32)), v.length(STATEMENT_DEPTH)),
    }),
  ),
})

/** The bundle in a text; undefined when it is none, or was altered so that it cannot be read. */
export function parseEvidence(text: string): EvidenceBundle | undefined {
  if (text.length > EVIDENCE_BYTES_MAX) return undefined
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    return undefined
  }
  const parsed = v.safeParse(bundleSchema, value)
  if (!parsed.success) return undefined
  const { chainId, contract, signerKey, channel, format: _, ...lists } = parsed.output
  return {
    ...lists,
    domain: { chainId, verifyingContract: contract },
    signerKey: signerKey ?? undefined,
    channel: channel ?? undefined,
    statements: lists.statements.map(({ fleetSignature, ...one }) => ({
      ...one,
      fleetSignature: fleetSignature ?? undefined,
    })),
  }
}
