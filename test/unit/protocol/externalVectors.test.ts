/**
 * Facts of other people's standards, each file with its source. Where the program has a function of
 * its own, that is held to them; the libraries below it always are, and node:crypto beside them.
 */
import { createHash, createHmac, hkdfSync, verify as nodeCryptoVerify } from 'node:crypto'
import { readdirSync, readFileSync } from 'node:fs'
import { ed25519 } from '@noble/curves/ed25519.js'
import { p256 } from '@noble/curves/nist.js'
import { secp256k1 } from '@noble/curves/secp256k1.js'
import { expand, extract, hkdf } from '@noble/hashes/hkdf.js'
import { hmac } from '@noble/hashes/hmac.js'
import { sha256 } from '@noble/hashes/sha2.js'
import { keccak_256 } from '@noble/hashes/sha3.js'
import * as v from 'valibot'
import { describe, expect, test } from 'vitest'
import { fastSha256, fastVerify } from '../../../ledger/io/fastVerify.ts'
import { bytesToHex, concatBytes, parseHex, utf8ToBytes } from '../../../protocol/bytes.ts'
import type { WireValue } from '../../../protocol/cbor.ts'
import { decodeCbor, encodeCbor } from '../../../protocol/cbor.ts'
import { publicKeyOf, signDigest, verifyDigest } from '../../../protocol/keys.ts'
import { encodeField, encodeType, hashStructure, typeHash } from '../../../protocol/typedData.ts'
import { inverse, modulo } from '../../support/curves/textbook.ts'
import { nodePublicKey } from '../../support/nodeKeys.ts'

const folder = new URL('../../vectors/external/', import.meta.url)
const hexOf = (text: string) => parseHex(text) ?? new Uint8Array()
const hexText = v.pipe(v.string(), v.regex(/^([0-9a-f]{2})*$/))
const cases = <const E extends v.ObjectEntries>(entries: E) => v.array(v.strictObject(entries))

/** The file, whose schema also says that it names its source. */
function read<const S extends v.GenericSchema>(name: string, schema: S): v.InferOutput<S> {
  return v.parse(schema, JSON.parse(readFileSync(new URL(name, folder), 'utf8')))
}

test('every file names where its facts are from', () => {
  const names = readdirSync(folder)
  expect(names.length).toBeGreaterThanOrEqual(8)
  for (const name of names) {
    const { source } = read(name, v.object({ source: v.string() }))
    expect(source, name).toMatch(/https:\/\//)
  }
})

describe('RFC 8032', () => {
  const { signatures } = read(
    'rfc8032.json',
    v.object({
      signatures: cases({
        name: v.string(),
        secret: hexText,
        public: hexText,
        message: hexText,
        signature: hexText,
      }),
    }),
  )
  test.each(signatures)('$name', (one) => {
    const [secret, message] = [hexOf(one.secret), hexOf(one.message)]
    const key = publicKeyOf({ algorithm: 'ed25519', bytes: secret })
    expect(bytesToHex(key.bytes)).toBe(one.public)
    expect(bytesToHex(ed25519.sign(message, secret))).toBe(one.signature)
    const strict = { zip215: false }
    expect(ed25519.verify(hexOf(one.signature), message, key.bytes, strict)).toBe(true)
    expect(nodeVerify(null, message, key, hexOf(one.signature))).toBe(true)
    // None of the messages is a digest, so the protocol takes none of the signatures.
    expect(verifyDigest(key, message, hexOf(one.signature))).toBe(false)
  })
})

describe('RFC 6979, P-256', () => {
  const { key, signatures } = read(
    'rfc6979.json',
    v.object({
      key: v.object({ secret: hexText, x: hexText, y: hexText }),
      signatures: cases({ message: v.string(), k: hexText, r: hexText, s: hexText }),
    }),
  )
  const secret = hexOf(key.secret)
  test('public key', () => {
    const { bytes } = publicKeyOf({ algorithm: 'p256', bytes: secret })
    expect(bytesToHex(bytes)).toBe(key.x + key.y)
  })
  test.each(signatures)('$message', (one) => {
    const message = utf8ToBytes(one.message)
    const options = { lowS: false, prehash: true, format: 'compact' } as const
    expect(bytesToHex(p256.sign(message, secret, options))).toBe(one.r + one.s)
    const n = p256.Point.Fn.ORDER
    const [k, r, s, d] = [one.k, one.r, one.s, key.secret].map((text) => BigInt(`0x${text}`))
    const hash = BigInt(`0x${bytesToHex(sha256(message))}`)
    expect(p256.Point.BASE.multiply(k ?? 0n).toAffine().x).toBe(r)
    expect(modulo(inverse(k ?? 0n, n) * (hash + (r ?? 0n) * (d ?? 0n)), n)).toBe(s)
    const publicKey = publicKeyOf({ algorithm: 'p256', bytes: secret })
    expect(nodeVerify('sha256', message, publicKey, hexOf(one.r + one.s))).toBe(true)
  })
})

describe('secp256k1, deterministic', () => {
  const { signatures } = read(
    'secp256k1.json',
    v.object({
      signatures: cases({
        secret: hexText,
        message: v.string(),
        k: v.optional(hexText),
        r: hexText,
        s: hexText,
      }),
    }),
  )
  test.each(signatures)('$message, $secret', (one) => {
    const secret = { algorithm: 'secp256k1', bytes: hexOf(one.secret) } as const
    const digest = sha256(utf8ToBytes(one.message))
    const signature = signDigest(secret, digest)
    expect(bytesToHex(signature)).toBe(one.r + one.s)
    if (one.k !== undefined) {
      const { x } = secp256k1.Point.BASE.multiply(BigInt(`0x${one.k}`)).toAffine()
      expect(x).toBe(BigInt(`0x${one.r}`))
    }
    const key = publicKeyOf(secret)
    expect(verifyDigest(key, digest, signature)).toBe(true)
    expect(fastVerify(key, digest, signature)).toBe(true)
    expect(nodeVerify('sha256', utf8ToBytes(one.message), key, signature)).toBe(true)
  })
})

function nodeVerify(
  hash: 'sha256' | null,
  message: Uint8Array,
  key: Parameters<typeof nodePublicKey>[0],
  signature: Uint8Array,
): boolean {
  const options = { key: nodePublicKey(key), dsaEncoding: 'ieee-p1363' as const }
  return nodeCryptoVerify(hash, message, options, signature)
}

test("EIP-712: the standard's own example, to its signature", () => {
  const { mail } = read('eip712.json', v.object({ mail: v.record(v.string(), v.unknown()) }))
  const text = (name: string) => v.parse(v.string(), mail[name])
  const person = {
    name: 'Person',
    fields: [
      { name: 'name', type: 'string' },
      { name: 'wallet', type: 'address' },
    ],
  } as const
  const domain = {
    name: 'EIP712Domain',
    fields: [
      { name: 'name', type: 'string' },
      { name: 'version', type: 'string' },
      { name: 'chainId', type: 'uint256' },
      { name: 'verifyingContract', type: 'address' },
    ],
  } as const
  const typeText = `Mail(Person from,Person to,string contents)${encodeType(person)}`
  expect(typeText).toBe(text('encodeType'))
  const mailHash = keccak_256(utf8ToBytes(typeText))
  expect(bytesToHex(mailHash)).toBe(text('typeHash'))
  const wallets = { Cow: text('address'), Bob: 'bb'.repeat(20) }
  const [from, to] = Object.entries(wallets).map(([name, wallet]) =>
    hashStructure(person, { name, wallet: hexOf(wallet) }),
  )
  const contents = encodeField('string', 'Hello, Bob!')
  const parts = [from ?? contents, to ?? contents, contents]
  expect(parts.map(bytesToHex)).toEqual(['fromHash', 'toHash', 'contentsHash'].map(text))
  const structure = keccak_256(concatBytes(mailHash, ...parts))
  expect(bytesToHex(structure)).toBe(text('structHash'))
  const separator = hashStructure(domain, {
    name: 'Ether Mail',
    version: '1',
    chainId: 1n,
    verifyingContract: hexOf('cc'.repeat(20)),
  })
  expect(bytesToHex(separator)).toBe(text('domainSeparator'))
  const digest = keccak_256(concatBytes(Uint8Array.of(0x19, 1), separator, structure))
  expect(bytesToHex(digest)).toBe(text('digest'))
  const secret = keccak_256(utf8ToBytes(text('secretIsKeccakOf')))
  const key = { algorithm: 'secp256k1', bytes: secret } as const
  expect(bytesToHex(keccak_256(publicKeyOf(key).bytes).slice(12))).toBe(text('address'))
  const signature = signDigest(key, digest)
  expect(bytesToHex(signature)).toBe(text('r') + text('s'))
  expect(verifyDigest(publicKeyOf(key), digest, signature)).toBe(true)
  expect(bytesToHex(typeHash(person))).not.toBe(text('typeHash'))
})

/** Diagnostic notation (RFC 8949, section 8) of what the profile has. */
function diagnostic(value: WireValue): string {
  if (typeof value === 'string') return JSON.stringify(value)
  if (value instanceof Uint8Array) return `h'${bytesToHex(value)}'`
  return Array.isArray(value) ? `[${value.map(diagnostic).join(', ')}]` : String(value)
}

describe('RFC 8949, appendix A', () => {
  const example = { hex: hexText, diagnostic: v.string() }
  const { accepted, refused } = read(
    'rfc8949.json',
    v.object({ accepted: cases(example), refused: cases({ ...example, why: v.string() }) }),
  )
  test('all 81 of its examples are there', () => {
    expect(accepted.length + refused.length).toBe(81)
  })
  test.each(accepted)('$diagnostic is taken and written alike', (one) => {
    const value = decodeCbor(hexOf(one.hex))
    expect(value).toBeDefined()
    expect(diagnostic(value ?? null)).toBe(one.diagnostic)
    expect(bytesToHex(encodeCbor(value ?? null))).toBe(one.hex)
  })
  // T41
  test.each(refused)('$diagnostic is refused: $why', (one) => {
    expect(decodeCbor(hexOf(one.hex))).toBeUndefined()
    // Inside an array that is well-formed otherwise, too.
    expect(decodeCbor(concatBytes(Uint8Array.of(0x81), hexOf(one.hex)))).toBeUndefined()
  })
})

describe('RFC 5869', () => {
  const { cases: list } = read(
    'rfc5869.json',
    v.object({
      cases: cases({
        name: v.string(),
        ikm: hexText,
        salt: hexText,
        info: hexText,
        length: v.number(),
        prk: hexText,
        okm: hexText,
      }),
    }),
  )
  test.each(list)('$name', (one) => {
    const [ikm, salt, info] = [hexOf(one.ikm), hexOf(one.salt), hexOf(one.info)]
    const prk = extract(sha256, ikm, salt)
    expect(bytesToHex(prk)).toBe(one.prk)
    expect(bytesToHex(expand(sha256, prk, info, one.length))).toBe(one.okm)
    expect(bytesToHex(hkdf(sha256, ikm, salt, info, one.length))).toBe(one.okm)
    const byNode = new Uint8Array(hkdfSync('sha256', ikm, salt, info, one.length))
    expect(bytesToHex(byNode)).toBe(one.okm)
  })
})

describe('RFC 4231', () => {
  const { cases: list } = read(
    'rfc4231.json',
    v.object({ cases: cases({ name: v.string(), key: hexText, data: hexText, mac: hexText }) }),
  )
  test.each(list)('$name', (one) => {
    expect(bytesToHex(hmac(sha256, hexOf(one.key), hexOf(one.data)))).toBe(one.mac)
    const byNode = createHmac('sha256', hexOf(one.key)).update(hexOf(one.data)).digest('hex')
    expect(byNode).toBe(one.mac)
  })
})

describe('hashes', () => {
  const example = { text: v.string(), repeat: v.number(), digest: hexText }
  const lists = read('hashes.json', v.object({ sha256: cases(example), keccak256: cases(example) }))
  test.each(lists.sha256)('SHA-256 of "$text", $repeat times', (one) => {
    const bytes = utf8ToBytes(one.text.repeat(one.repeat))
    expect(bytesToHex(sha256(bytes))).toBe(one.digest)
    expect(bytesToHex(fastSha256(bytes))).toBe(one.digest)
    expect(createHash('sha256').update(bytes).digest('hex')).toBe(one.digest)
  })
  test.each(lists.keccak256)('Keccak-256 of "$text"', (one) => {
    expect(bytesToHex(keccak_256(utf8ToBytes(one.text)))).toBe(one.digest)
  })
})
