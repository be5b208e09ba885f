/** What is read of certificates and revocation lists, and what cannot be made of other bytes. */
import { X509Certificate } from 'node:crypto'
import { readFileSync } from 'node:fs'
import fc from 'fast-check'
import { afterAll, describe, expect, test } from 'vitest'
import { readCertificate, readRevocationList } from '../../../../gateway/broker/tls/certificates.ts'
import { readDer, readObjectId, readTimeSeconds } from '../../../../gateway/broker/tls/der.ts'
import { startWorkshop } from '../../../tls/openssl.ts'

const workshop = startWorkshop()
afterAll(() => workshop.close())
const authority = workshop.authority('top')
const pair = workshop.client(authority, '/O=Solar/CN=solar\\/pi1')
const certificate = new X509Certificate(readFileSync(pair.certificate))
const list = Buffer.from(
  readFileSync(workshop.revoke(authority, pair.certificate), 'latin1').replace(/-----.*-----/g, ''),
  'base64',
)

describe('a certificate of openssl', () => {
  test('gives its name, its end and an id by which its authority revokes it', () => {
    const facts = readCertificate(certificate.raw)
    expect(facts).toMatchObject({
      commonName: 'solar/pi1',
      notAfterSeconds: Date.parse(certificate.validTo) / 1_000,
    })
    expect(facts?.id.endsWith(certificate.serialNumber.toLowerCase())).toBe(true)
    expect(readRevocationList(list)?.ids).toEqual([facts?.id])
  })

  test('cut short anywhere is no certificate and no list', () => {
    for (let length = 0; length < certificate.raw.length; length++) {
      expect(readCertificate(certificate.raw.subarray(0, length))).toBeUndefined()
    }
    for (let length = 0; length < list.length; length++) {
      expect(readRevocationList(list.subarray(0, length))).toBeUndefined()
    }
  })

  test('with bytes changed is read or refused, and never throws', () => {
    const change = fc.array(fc.tuple(fc.nat(certificate.raw.length - 1), fc.nat(255)))
    fc.assert(
      fc.property(change, (changes) => {
        const bytes = new Uint8Array(certificate.raw)
        for (const [at, byte] of changes) bytes[at] = byte
        const name = readCertificate(bytes)?.commonName
        expect(name === undefined || /^[\x21-\x7e]{1,128}$/.test(name)).toBe(true)
        readRevocationList(bytes)
      }),
      { numRuns: 2_000 },
    )
  })
})

describe('DER', () => {
  test.each([
    ['0500', 2],
    ['048101ff', 4],
    ['3080', undefined],
    ['1f8101', undefined],
    ['0485ffffffffff', undefined],
    ['0402ff', undefined],
    ['04', undefined],
    ['', undefined],
  ])('%s is a value of %s bytes', (hex, length) => {
    expect(readDer(Buffer.from(hex, 'hex'))?.whole.length).toBe(length)
  })

  test.each([
    ['170d3730303130313030303030305a', 0],
    ['170d3439313233313233353935395a', Date.UTC(2049, 11, 31, 23, 59, 59) / 1_000],
    ['170d3530303130313030303030305a', Date.UTC(1950, 0, 1) / 1_000],
    ['180f32313030303130313030303030305a', Date.UTC(2100, 0, 1) / 1_000],
    ['170b37303031303130303030305a', undefined],
    ['040d3730303130313030303030305a', undefined],
  ])('%s is the time %s', (hex, seconds) => {
    expect(readTimeSeconds(readDer(Buffer.from(hex, 'hex')))).toBe(seconds)
  })

  test.each([
    ['0603550403', '2.5.4.3'],
    ['06082a8648ce3d040302', '1.2.840.10045.4.3.2'],
    ['06032b6570', '1.3.101.112'],
    ['0600', undefined],
  ])('%s is the object %s', (hex, name) => {
    expect(readObjectId(readDer(Buffer.from(hex, 'hex')))).toBe(name)
  })
})
