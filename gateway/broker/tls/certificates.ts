/**
 * What the gateway reads of certificates and revocation lists (RFC 5280): which certificate it is,
 * whom it names, until when. Who signed what is checked elsewhere.
 * @module
 */
import { bytesToHex } from '../../../protocol/bytes.ts'
import type { DerValue } from './der.ts'
import { readChildren, readDer, readObjectId, readTimeSeconds, tags } from './der.ts'

export type CertificateFacts = {
  /** Issuer and serial number: what a revocation list names it by. */
  readonly id: string
  /** The one common name of its subject; undefined when there is none, or more than one. */
  readonly commonName: string | undefined
  readonly notAfterSeconds: number
}

export type RevocationList = {
  /** Of the certificates that it revokes. */
  readonly ids: readonly string[]
  /** What is signed, with which algorithm, and the signature. */
  readonly signed: Uint8Array
  readonly algorithm: string
  readonly signature: Uint8Array
}

const COMMON_NAME = '2.5.4.3'
/** Longer than any `fleet/device`. */
const NAME_BYTES_MAX = 128

/** Undefined when these are not the bytes of a certificate. */
export function readCertificate(der: Uint8Array): CertificateFacts | undefined {
  const [body] = childrenAt(der) ?? []
  const fields = body && readChildren(body)
  if (!fields) return undefined
  // The version comes first, where it is given.
  const [serial, , issuer, validity, subject] =
    fields[0]?.tag === tags.context0 ? fields.slice(1) : fields
  const notAfterSeconds = readTimeSeconds(validity && readChildren(validity)?.[1])
  if (serial?.tag !== tags.integer || !issuer || !subject || notAfterSeconds === undefined) {
    return undefined
  }
  return { id: idOf(issuer, serial), commonName: commonNameIn(subject), notAfterSeconds }
}

/** Undefined when these are not the bytes of a revocation list. */
export function readRevocationList(der: Uint8Array): RevocationList | undefined {
  const [body, algorithm, signature] = childrenAt(der) ?? []
  const fields = body && readChildren(body)
  const name = readObjectId(algorithm && readChildren(algorithm)?.[0])
  if (!fields || name === undefined || signature?.tag !== tags.bitString) return undefined
  const [, issuer, , ...rest] = fields[0]?.tag === tags.integer ? fields.slice(1) : fields
  // Next comes the time of the next list, where it is given, and then what is revoked.
  const revoked = rest.find(({ tag }) => tag === tags.sequence)
  const serials = revoked ? readChildren(revoked)?.map((one) => readChildren(one)?.[0]) : []
  if (!issuer || !serials?.every((one) => one?.tag === tags.integer)) return undefined
  return {
    ids: serials.flatMap((serial) => (serial ? [idOf(issuer, serial)] : [])),
    signed: body.whole,
    algorithm: name,
    // The first byte counts unused bits; a signature has none.
    signature: signature.content.subarray(1),
  }
}

function childrenAt(der: Uint8Array): readonly DerValue[] | undefined {
  const value = readDer(der)
  return value?.tag === tags.sequence ? readChildren(value) : undefined
}

function idOf(issuer: DerValue, serial: DerValue): string {
  return `${bytesToHex(issuer.whole)}:${bytesToHex(serial.content)}`
}

/** A name is a sequence of sets of attributes (RFC 5280 section 4.1.2.4). */
function commonNameIn(subject: DerValue): string | undefined {
  const attributes = readChildren(subject)?.flatMap((set) => readChildren(set) ?? [])
  const names = attributes?.flatMap((attribute) => {
    const [type, value] = readChildren(attribute) ?? []
    return readObjectId(type) === COMMON_NAME && value ? [value] : []
  })
  const [only, another] = names ?? []
  return only && another === undefined ? asciiOf(only.content) : undefined
}

/** Names of devices are of plain letters; whatever else is there matches none of them. */
function asciiOf(bytes: Uint8Array): string | undefined {
  const isPlain = bytes.length <= NAME_BYTES_MAX && bytes.every((one) => one > 0x20 && one < 0x7f)
  return isPlain ? String.fromCharCode(...bytes) : undefined
}
