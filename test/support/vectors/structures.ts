/**
 * Vectors of typed data: structures, domains and ledger ids.
 * @module
 */
import { bytesToHex } from '../../../protocol/bytes.ts'
import type { WireValue } from '../../../protocol/cbor.ts'
import { encodeCbor } from '../../../protocol/cbor.ts'
import type {
  Close,
  Command,
  Connect,
  Mandate,
  Receipt,
  ReceiptRoot,
  Rotate,
  Statement,
  Tariff,
  Time,
} from '../../../protocol/structures.ts'
import {
  allocationStructure,
  channelStructure,
  closeStructure,
  commandStructure,
  commitmentStructure,
  connectStructure,
  mandateStructure,
  RENEWAL,
  receiptRootStructure,
  receiptStructure,
  rotateStructure,
  statementStructure,
  tariffStructure,
  timeStructure,
} from '../../../protocol/structures.ts'
import type { Domain, FieldValue, StructureType } from '../../../protocol/typedData.ts'
import {
  contractOfLedger,
  domainSeparator,
  encodeData,
  encodeType,
  hashStructure,
  typedDigest,
  typeHash,
} from '../../../protocol/typedData.ts'
import {
  allocation,
  channel,
  channelId,
  channelOf,
  counting,
  device,
  domain,
  fleet,
  gateway,
  keyNamed,
  ledgerId,
  mandate,
  nowSeconds,
  openEpoch,
  otherDomain,
  tariff,
} from '../fixtures.ts'
import type { Json } from './json.ts'
import { fieldsToJson, formatFile, toJson } from './json.ts'

const wide = (1n << 64n) - 1n
const connect: Connect = { gateway, fleet, device, issuedAt: nowSeconds, nonce: counting(9) }
const time: Time = { gateway, nonce: counting(9), time: nowSeconds }
const largestMandate: Mandate = {
  channelId,
  sequence: Number.MAX_SAFE_INTEGER,
  limit: wide,
  limitPerDay: wide,
  notBefore: 0,
  expiry: Number.MAX_SAFE_INTEGER,
  claimUntil: Number.MAX_SAFE_INTEGER,
}
const largestTariff: Tariff = {
  ...tariff,
  unit: 'm³ é😀',
  unitsPerTick: wide,
  pricePerTick: wide,
  creditTicks: 0xffff_ffff,
}

const times = { issuedAt: nowSeconds, expiry: nowSeconds + 600 }
const statement: Statement = {
  allocation: counting(3),
  sequence: 12,
  total: 23_507n,
  evidencePaid: 500n,
  positions: 6,
  root: counting(4),
  ...times,
}
const largestStatement: Statement = {
  ...statement,
  sequence: Number.MAX_SAFE_INTEGER,
  total: wide,
  evidencePaid: wide,
  positions: 1_048_576,
}
const receipt: Receipt = {
  channelId,
  epoch: 2,
  index: 1_999,
  amount: 4_997_500n,
  units: 19_990n,
  register: 23_990n,
  tariffHash: counting(5),
  position: 4_711,
}
const receiptRoot: ReceiptRoot = {
  gateway,
  life: counting(6).slice(0, 16),
  previous: new Uint8Array(32),
  position: 4_711,
  root: counting(7),
  channels: 3,
  issuedAt: nowSeconds,
}
const close: Close = { channelId, epoch: 2, index: 1_999, amount: 4_997_500n, nonce: 1, ...times }
const command: Command = {
  ...{ gateway, fleet, verb: 'pause', scope: device, argumentsHash: counting(8), nonce: 9 },
  ...times,
}
const rotate: Rotate = {
  ...{ gateway, fleet, role: 'signer', subject: fleet, algorithm: 1 },
  key: new Uint8Array([...counting(1), ...counting(2)]),
  ...{ nonce: 10, ...times },
}

type Case = readonly [StructureType, Domain, object]
const cases: readonly Case[] = [
  [connectStructure.type, domain, connect],
  [connectStructure.type, otherDomain, { ...connect, fleet: '', device: '_' }],
  [timeStructure.type, domain, time],
  [timeStructure.type, otherDomain, { ...time, time: 0 }],
  [allocationStructure.type, domain, allocation],
  [allocationStructure.type, otherDomain, { ...allocation, assetCode: 'USDC', assetScale: 0 }],
  [channelStructure.type, domain, channel],
  [channelStructure.type, otherDomain, channelOf(keyNamed('ed25519', 5), 0)],
  [channelStructure.type, domain, channelOf(keyNamed('secp256k1', 7), 1_048_575)],
  [mandateStructure.type, domain, mandate],
  [mandateStructure.type, otherDomain, largestMandate],
  [tariffStructure.type, domain, tariff],
  [tariffStructure.type, otherDomain, largestTariff],
  [commitmentStructure.type, domain, openEpoch().commitment],
  [
    commitmentStructure.type,
    otherDomain,
    openEpoch({ kind: RENEWAL, epoch: 0xffff_ffff, length: 1 }).commitment,
  ],
  [statementStructure.type, domain, statement],
  [statementStructure.type, otherDomain, largestStatement],
  [receiptStructure.type, domain, receipt],
  [receiptRootStructure.type, domain, receiptRoot],
  [closeStructure.type, domain, close],
  [commandStructure.type, domain, command],
  [rotateStructure.type, domain, rotate],
  [rotateStructure.type, otherDomain, { ...rotate, algorithm: 2, key: counting(9) }],
]

function domainToJson(one: Domain): { readonly [name: string]: Json } {
  return {
    chainId: one.chainId.toString(),
    verifyingContract: bytesToHex(one.verifyingContract),
    separator: bytesToHex(domainSeparator(one)),
  }
}

function caseToJson([type, within, value]: Case): Json {
  const fields = value as Readonly<Record<string, FieldValue>>
  const wire = type.fields.map((field) => fields[field.name] as WireValue)
  return toJson({
    structure: type.name,
    domain: within === domain ? 'embedded' : 'chain',
    value: fieldsToJson(type, fields),
    encodedData: encodeData(type, fields),
    hashStruct: hashStructure(type, fields),
    digest: typedDigest(within, type, fields),
    cbor: encodeCbor(wire),
  })
}

export function structureVectors(): string {
  const types = [...new Set(cases.map(([type]) => type))]
  return formatFile({
    about: [
      'Sections 5 and 6. encodedData: the words of the fields, without the type hash. cbor: the',
      'array of fields. digest: in the domain named.',
    ],
    ledgerIds: [
      toJson({ id: ledgerId, contract: contractOfLedger(ledgerId) }),
      toJson({ id: new Uint8Array(32), contract: contractOfLedger(new Uint8Array(32)) }),
    ],
    domains: { embedded: domainToJson(domain), chain: domainToJson(otherDomain) },
    types: types.map((type) =>
      toJson({ structure: type.name, type: encodeType(type), typeHash: typeHash(type) }),
    ),
    cases: cases.map(caseToJson),
  })
}
