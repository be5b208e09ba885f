/**
 * What a client needs for TLS: whom it trusts, and its own certificate. The files are read again
 * for every connection, so a renewed certificate is used from the next one on.
 * @module
 */
import { createPrivateKey, X509Certificate } from 'node:crypto'
import { readFile, stat } from 'node:fs/promises'
import type { PrivateKey } from '../../protocol/keys.ts'
import { publicKeyOf } from '../../protocol/keys.ts'
import type { TlsFilesConfig } from '../configTypes.ts'
import { OperatorError } from '../operatorError.ts'

/** PEM, as node:tls takes it; without `ca` the authorities of the system are trusted. */
export type ClientTls = { readonly ca?: Buffer; readonly cert?: Buffer; readonly key?: Buffer }

/** Reads the files of one connection. */
export type TlsSource = () => Promise<ClientTls>

/** A revocation list of a hundred thousand certificates. */
const FILE_BYTES_MAX = 1 << 23
const DAY_MS = 86_400_000
const WARN_DAYS = 30

/**
 * A source for `files`, each of which may be left out. A certificate without a file for its key is
 * for `ownKey`, which then never lies on a disk in the clear.
 * @throws OperatorError when a file cannot be used; the source itself does so later on
 */
export async function tlsSource(files: TlsFilesConfig, ownKey?: PrivateKey): Promise<TlsSource> {
  const { authority, certificate, key } = files
  const needsOwn = certificate !== undefined && key === undefined
  const own = needsOwn ? privateKeyPem(certificate, ownKey) : undefined
  const read = async (): Promise<ClientTls> => {
    const ca = authority === undefined ? undefined : await readPem(authority)
    if (ca) readCertificate(authority ?? '', ca)
    const keyPem = own ?? (key === undefined ? undefined : await readPem(key))
    if (certificate === undefined || keyPem === undefined) return ca ? { ca } : {}
    const pair = { cert: await readPem(certificate), key: keyPem }
    checkPair(certificate, key ?? 'the key file under key', pair)
    return ca ? { ca, ...pair } : pair
  }
  await read()
  return read
}

function privateKeyPem(certificate: string, key: PrivateKey | undefined): Buffer {
  if (key?.algorithm !== 'p256') {
    throw new OperatorError(`the certificate in ${certificate} needs its key: name it under tls`)
  }
  const point = publicKeyOf(key).bytes
  const text = (bytes: Uint8Array) => Buffer.from(bytes).toString('base64url')
  const jwk = {
    kty: 'EC',
    crv: 'P-256',
    d: text(key.bytes),
    x: text(point.subarray(0, 32)),
    y: text(point.subarray(32)),
  }
  const opened = createPrivateKey({ key: jwk, format: 'jwk' })
  return Buffer.from(opened.export({ type: 'pkcs8', format: 'pem' }))
}

/** Lines for the operator: what ends soon, and who may read the key. */
export async function tlsWarnings(
  { authority, certificate, key }: TlsFilesConfig,
  nowMs: number,
): Promise<readonly string[]> {
  const named = [certificate, authority].filter((path) => path !== undefined)
  const ends = await Promise.all(named.map((path) => expiryWarning(path, nowMs)))
  return [...(key === undefined ? [] : await readableByOthers(key)), ...ends.flat()]
}

async function expiryWarning(path: string, nowMs: number): Promise<readonly string[]> {
  const { validTo } = readCertificate(path, await readPem(path))
  const days = Math.floor((Date.parse(validTo) - nowMs) / DAY_MS)
  if (days >= WARN_DAYS) return []
  const when = days < 0 ? 'has expired' : `expires within ${days + 1} days`
  return [`the certificate in ${path} ${when}: renew it`]
}

/** Warns about a private key that others than its owner can read. */
export async function readableByOthers(path: string): Promise<readonly string[]> {
  const { mode } = await stat(path)
  return (mode & 0o077) === 0
    ? []
    : [`${path} can be read by others than its owner: chmod 600 ${path}`]
}

/**
 * A PEM file.
 * @throws OperatorError when there is none at `path`
 */
export async function readPem(path: string): Promise<Buffer> {
  let bytes: Buffer
  try {
    bytes = await readFile(path)
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : String(error)
    throw new OperatorError(`cannot read ${path} (${code}): check the path and who may read it`)
  }
  if (bytes.length <= FILE_BYTES_MAX && bytes.includes('-----BEGIN ')) return bytes
  throw new OperatorError(`${path} is no PEM file: make one with "tickpay ca" or openssl`)
}

function readCertificate(path: string, pem: Buffer): X509Certificate {
  try {
    return new X509Certificate(pem)
  } catch {
    throw new OperatorError(`${path} holds no certificate: check which file was meant`)
  }
}

/**
 * A certificate file begins with the certificate that the key belongs to.
 * @throws OperatorError when it is not so
 */
export function checkPair(
  certificate: string,
  key: string,
  pem: { readonly cert: Buffer; readonly key: Buffer },
): void {
  const first = readCertificate(certificate, pem.cert)
  let privateKey: ReturnType<typeof createPrivateKey>
  try {
    privateKey = createPrivateKey(pem.key)
  } catch {
    throw new OperatorError(`${key} holds no usable private key: give it in PEM, not encrypted`)
  }
  if (first.checkPrivateKey(privateKey)) return
  throw new OperatorError(`${key} is not the key of the certificate in ${certificate}`)
}
