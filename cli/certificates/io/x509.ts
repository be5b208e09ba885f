/**
 * Makes X.509 certificates and revocation lists (RFC 5280), all of them P-256. The only place that
 * loads the library for it, which patches `Reflect` and which nothing but `tickpay ca` needs.
 * @module
 */
import 'reflect-metadata'
import { randomBytes, webcrypto } from 'node:crypto'
import { isIP } from 'node:net'
import * as x509 from '@peculiar/x509'
import { assert } from '../../../protocol/assert.ts'
import type { PrivateKey } from '../../../protocol/keys.ts'
import { publicKeyOf } from '../../../protocol/keys.ts'

type Key = webcrypto.CryptoKey

/** An authority that can sign. */
export type Signer = { readonly certificatePem: string; readonly key: PrivateKey }

/** What a certificate may be used for. */
export type Use =
  | { readonly kind: 'client' }
  /** At these names and addresses. */
  | { readonly kind: 'server'; readonly hosts: readonly string[] }

export type CertificateTerms = {
  readonly commonName: string
  readonly use: Use
  readonly notBeforeSeconds: number
  readonly notAfterSeconds: number
}

export type Made = { readonly pem: string; readonly serial: string }

const curve = { name: 'ECDSA', namedCurve: 'P-256' } as const
const signing = { name: 'ECDSA', hash: 'SHA-256' } as const
/** More random bits than anybody can guess or use twice, in a number that is positive. */
const SERIAL_BYTES = 16

/** Every list of an authority has a higher one (RFC 5280 section 5.2.3). */
const LIST_NUMBER = '2.5.29.20'

x509.cryptoProvider.set(webcrypto as unknown as Parameters<typeof x509.cryptoProvider.set>[0])

/** The certificate of an authority, signed with its own key. */
export async function makeAuthority(
  key: PrivateKey,
  commonName: string,
  notBeforeSeconds: number,
  notAfterSeconds: number,
): Promise<Made> {
  const { privateKey, publicKey } = await importPair(key)
  const serial = newSerial()
  const certificate = await x509.X509CertificateGenerator.createSelfSigned({
    serialNumber: serial,
    name: [{ CN: [commonName] }],
    notBefore: dateOf(notBeforeSeconds),
    notAfter: dateOf(notAfterSeconds),
    signingAlgorithm: signing,
    keys: { privateKey, publicKey },
    extensions: [
      new x509.BasicConstraintsExtension(true, 0, true),
      new x509.KeyUsagesExtension(
        x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign,
        true,
      ),
      await x509.SubjectKeyIdentifierExtension.create(publicKey),
    ],
  })
  return { pem: pemOf('CERTIFICATE', certificate.rawData), serial }
}

/** A certificate for the public key in `spki` (DER, as certificates hold it). */
export async function makeCertificate(
  signer: Signer,
  spki: Uint8Array,
  terms: CertificateTerms,
): Promise<Made> {
  const { privateKey } = await importPair(signer.key)
  const authority = new x509.X509Certificate(signer.certificatePem)
  const publicKey = await webcrypto.subtle.importKey('spki', spki, curve, true, ['verify'])
  const serial = newSerial()
  const certificate = await x509.X509CertificateGenerator.create({
    serialNumber: serial,
    issuer: authority.subjectName,
    subject: [{ CN: [terms.commonName] }],
    notBefore: dateOf(terms.notBeforeSeconds),
    notAfter: dateOf(terms.notAfterSeconds),
    signingAlgorithm: signing,
    signingKey: privateKey,
    publicKey,
    extensions: [
      new x509.BasicConstraintsExtension(false, undefined, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
      ...usesOf(terms.use),
      await x509.SubjectKeyIdentifierExtension.create(publicKey),
      await x509.AuthorityKeyIdentifierExtension.create(await authority.publicKey.export()),
    ],
  })
  return { pem: pemOf('CERTIFICATE', certificate.rawData), serial }
}

function usesOf(use: Use): readonly x509.Extension[] {
  if (use.kind === 'client') {
    return [new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.clientAuth])]
  }
  const names = use.hosts.map((value) => ({ type: isIP(value) ? 'ip' : 'dns', value }) as const)
  return [
    new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.serverAuth]),
    new x509.SubjectAlternativeNameExtension(names),
  ]
}

export type Revocation = { readonly serial: string; readonly atSeconds: number }

/** The list of what an authority has taken back. */
export async function makeRevocationList(
  signer: Signer,
  revoked: readonly Revocation[],
  nowSeconds: number,
  nextSeconds: number,
): Promise<string> {
  const { privateKey } = await importPair(signer.key)
  const authority = new x509.X509Certificate(signer.certificatePem)
  const list = await x509.X509CrlGenerator.create({
    issuer: authority.subjectName,
    thisUpdate: dateOf(nowSeconds),
    nextUpdate: dateOf(nextSeconds),
    entries: revoked.map(({ serial, atSeconds }) => ({
      serialNumber: serial,
      revocationDate: dateOf(atSeconds),
    })),
    signingAlgorithm: signing,
    signingKey: privateKey,
    extensions: [
      await x509.AuthorityKeyIdentifierExtension.create(await authority.publicKey.export()),
      new x509.Extension(LIST_NUMBER, false, derInteger(nowSeconds)),
    ],
  })
  return pemOf('X509 CRL', list.rawData)
}

/** A positive integer in DER. */
function derInteger(value: number): Uint8Array<ArrayBuffer> {
  const hex = value.toString(16)
  const even = hex.length % 2 === 0 ? hex : `0${hex}`
  const bytes = Buffer.from(even >= '80' ? `00${even}` : even, 'hex')
  return Uint8Array.from([2, bytes.length, ...bytes])
}

async function importPair(key: PrivateKey): Promise<{ privateKey: Key; publicKey: Key }> {
  assert(key.algorithm === 'p256', 'an authority signs with P-256')
  const point = publicKeyOf(key).bytes
  const text = (bytes: Uint8Array) => Buffer.from(bytes).toString('base64url')
  const shared = { kty: 'EC', crv: 'P-256', x: text(point.slice(0, 32)), y: text(point.slice(32)) }
  const { subtle } = webcrypto
  return {
    privateKey: await subtle.importKey('jwk', { ...shared, d: text(key.bytes) }, curve, false, [
      'sign',
    ]),
    publicKey: await subtle.importKey('jwk', shared, curve, true, ['verify']),
  }
}

function newSerial(): string {
  const bytes = randomBytes(SERIAL_BYTES)
  bytes[0] = ((bytes[0] ?? 0) & 0x7f) | 0x40
  return bytes.toString('hex')
}

function dateOf(seconds: number): Date {
  return new Date(seconds * 1_000)
}

/** RFC 7468; the library labels revocation lists as nobody else does. */
function pemOf(label: string, der: ArrayBuffer): string {
  const lines =
    Buffer.from(der)
      .toString('base64')
      .match(/.{1,64}/g) ?? []
  return [`-----BEGIN ${label}-----`, ...lines, `-----END ${label}-----`, ''].join('\n')
}
