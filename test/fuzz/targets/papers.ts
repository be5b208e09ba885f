/**
 * What comes by hand, by file or once in the life of a device: claims, enrolments, rotations,
 * statements and evidence. Refused, or written back as they were.
 * @module
 */
import {
  type EvidenceBundle,
  formatEvidence,
  parseEvidence,
} from '../../../ledger/rules/evidenceBundle.ts'
import { bytesToHex, equalBytes, parseHex, utf8ToBytes } from '../../../protocol/bytes.ts'
import { decodeCbor, encodeCbor } from '../../../protocol/cbor.ts'
import {
  decodeEnrol,
  decodeEnrolled,
  encodeEnrol,
  encodeEnrolled,
  formatClaimToken,
  parseClaimToken,
} from '../../../protocol/enrolment.ts'
import { encodePublicKey, publicKeyOf } from '../../../protocol/keys.ts'
import { STATEMENT_DEPTH } from '../../../protocol/merkle.ts'
import { decodeRotation, encodeRotation } from '../../../protocol/rotation.ts'
import { signedFromWire, signedToWire, statementStructure } from '../../../protocol/structures.ts'
import * as fixtures from '../../support/fixtures.ts'
import type { Dice } from '../dice.ts'
import { damaged } from '../dice.ts'
import type { Target } from '../target.ts'
import { altered } from './messages.ts'

const { channel, counting, device, domain, fleet, gateway, nowSeconds } = fixtures
const gatewayKey = publicKeyOf(fixtures.gatewayKey)
const key = encodePublicKey(publicKeyOf(fixtures.deviceKey)).slice(1)
const signature = counting(7, 64)
const serial = 'sn-4711'

const asked = { gateway, fleet, serial, algorithm: 1, key }
const signer = encodePublicKey(publicKeyOf(fixtures.signerKey))
const rotate = {
  ...{ gateway, fleet, role: 'device', subject: device, algorithm: 1, key },
  ...{ nonce: 9n, issuedAt: nowSeconds, expiry: nowSeconds + 60 },
}
const statement = {
  allocation: channel.allocation,
  sequence: 1,
  total: 40n,
  evidencePaid: 0n,
  positions: 4,
  root: counting(2),
  issuedAt: nowSeconds,
  expiry: nowSeconds + 60,
}
const statementBytes = encodeCbor(signedToWire(statementStructure, { value: statement, signature }))

const samples = [
  encodeEnrol({ value: asked, signature }),
  encodeEnrolled({ value: { ...asked, status: 'approved', device, signer }, signature }),
  encodeRotation({ value: rotate, signature, possession: signature } as never),
  statementBytes,
] as const

const tokenText = formatClaimToken({ fleet, serial, secret: 'once', gateway, gatewayKey, domain })
const tokenHexAt = tokenText.lastIndexOf('-') + 1

const bundle: EvidenceBundle = {
  domain,
  gatewayKey,
  signerKey: publicKeyOf(fixtures.signerKey),
  channel,
  tariffs: [{ value: fixtures.tariff, signature }],
  mandates: [{ value: fixtures.mandate, signature }],
  commitments: [fixtures.signCommitment(fixtures.openEpoch().commitment)],
  words: [{ epoch: 1, index: 2, word: counting(3) }],
  receipts: [],
  statements: [
    {
      statement: { value: statement, signature },
      fleetSignature: signature,
      amount: 40n,
      path: Array.from({ length: STATEMENT_DEPTH }, (_, place) => counting(place)),
    },
  ],
}
const bundleText = formatEvidence(bundle)

function generate(dice: Dice): Uint8Array {
  const kind = dice.below(4)
  if (kind === 0) return utf8ToBytes(alteredToken(dice))
  if (kind === 1) return alteredEvidence(dice)
  return altered(dice, dice.pick(samples))
}

/** Its CBOR changed inside the hex, so that it is still a token by its form. */
function alteredToken(dice: Dice): string {
  const bytes = parseHex(tokenText.slice(tokenHexAt)) ?? new Uint8Array()
  return `${tokenText.slice(0, tokenHexAt)}${bytesToHex(altered(dice, bytes))}`
}

/** One hex field changed and still hex, or bytes damaged anywhere. */
function alteredEvidence(dice: Dice): Uint8Array {
  if (dice.oneIn(3)) return damaged(dice, utf8ToBytes(bundleText))
  const fields = [...bundleText.matchAll(/"([0-9a-f]{8,})"/g)]
  const [whole, hex = ''] = dice.pick(fields)
  const other = bytesToHex(altered(dice, parseHex(hex) ?? new Uint8Array()))
  return utf8ToBytes(bundleText.replace(whole, `"${other}"`))
}

const decoders: readonly (readonly [string, (bytes: Uint8Array) => Uint8Array | undefined])[] = [
  ['enrol', (bytes) => again(decodeEnrol(bytes), encodeEnrol)],
  ['enrolled', (bytes) => again(decodeEnrolled(bytes), encodeEnrolled)],
  ['rotation', (bytes) => again(decodeRotation(bytes), encodeRotation)],
  [
    'statement',
    (bytes) => {
      const wire = decodeCbor(bytes)
      const read = wire === undefined ? undefined : signedFromWire(statementStructure, wire)
      return again(read, (value) => encodeCbor(signedToWire(statementStructure, value)))
    },
  ],
]

function again<T>(value: T | undefined, write: (value: T) => Uint8Array): Uint8Array | undefined {
  return value === undefined ? undefined : write(value)
}

function check(input: Uint8Array): string | undefined {
  for (const [name, read] of decoders) {
    const written = read(input)
    if (written && !equalBytes(written, input)) {
      return `${name} was written back as ${bytesToHex(written)}`
    }
  }
  return checkTexts(Buffer.from(input).toString('utf8'))
}

function checkTexts(text: string): string | undefined {
  const token = parseClaimToken(text)
  if (token && formatClaimToken(token) !== text.trim().toLowerCase()) return 'another claim token'
  const evidence = parseEvidence(text)
  if (!evidence) return undefined
  const written = formatEvidence(evidence)
  const read = parseEvidence(written)
  return read && formatEvidence(read) === written ? undefined : 'evidence is not written as read'
}

export const papersTarget: Target = { name: 'papers', quickRuns: 600, generate, check }
