/**
 * The PEM files of a TLS listener, checked before they are used and read again when they change.
 * @module
 */
import { verify, X509Certificate } from 'node:crypto'
import { checkPair, readableByOthers, readPem } from '../../../ports/io/tlsFiles.ts'
import { OperatorError } from '../../../ports/operatorError.ts'
import type { TlsListener } from '../broker.ts'
import type { RevocationList } from '../tls/certificates.ts'
import { readCertificate, readRevocationList } from '../tls/certificates.ts'

export type TlsMaterial = {
  /** PEM, as node:tls takes them. */
  readonly cert: Uint8Array
  readonly key: Uint8Array
  readonly ca: Uint8Array
  /** What changes when one of the files does. */
  readonly version: string
  /** Fingerprints of the authorities. */
  readonly authorities: ReadonlySet<string>
  /** Ids of certificates, as `readCertificate` gives them. */
  readonly revoked: ReadonlySet<string>
  /** What the operator should do soon, at this time. */
  readonly warningsAt: (nowMs: number) => readonly string[]
}

const DAY_MS = 86_400_000
/** Long enough to renew a certificate by hand. */
const WARN_DAYS = 30

/** Paths of all files that a listener uses: certificate, key, authority and list, in that order. */
export function filesOf(listener: TlsListener): readonly string[] {
  const { certificate, key, clientAuthority, revocationList } = listener
  return [certificate, key, clientAuthority, ...(revocationList ? [revocationList] : [])]
}

/**
 * Reads and checks the files of a listener; undefined when they are those of `lastVersion`.
 * @throws OperatorError naming the file and what to do
 */
export async function readTlsFiles(
  listener: TlsListener,
  lastVersion: string | undefined,
): Promise<TlsMaterial | undefined> {
  const { certificate, key, clientAuthority, revocationList } = listener
  const files = await Promise.all(filesOf(listener).map(readPem))
  const version = files.map((bytes) => bytes.toString('latin1')).join()
  if (version === lastVersion) return undefined
  const [cert = noBytes, keyBytes = noBytes, ca = noBytes, lists] = files
  const own = certificatesIn(certificate, cert)
  const authorities = certificatesIn(clientAuthority, ca)
  checkPair(certificate, key, { cert, key: keyBytes })
  for (const one of authorities) {
    if (!one.ca) throw new OperatorError(`${clientAuthority}: ${nameOf(one)} is no authority`)
  }
  const keyWarnings = await readableByOthers(key)
  return {
    cert,
    key: keyBytes,
    ca,
    version,
    authorities: new Set(authorities.map(({ fingerprint256 }) => fingerprint256)),
    revoked: lists ? revokedBy(authorities, revocationList ?? '', lists) : new Set(),
    warningsAt: (nowMs) => [
      ...keyWarnings,
      ...expiryWarnings(certificate, own.slice(0, 1), nowMs),
      ...expiryWarnings(clientAuthority, authorities, nowMs),
    ],
  }
}

const noBytes = Buffer.alloc(0)

/** The contents of all blocks of one kind. */
function blocksOf(bytes: Buffer, label: string): readonly Buffer[] {
  const block = new RegExp(`-----BEGIN ${label}-----([^-]*)-----END ${label}-----`, 'g')
  return [...bytes.toString('latin1').matchAll(block)].map(([, text = '']) =>
    Buffer.from(text, 'base64'),
  )
}

function certificatesIn(path: string, bytes: Buffer): readonly X509Certificate[] {
  try {
    const found = blocksOf(bytes, 'CERTIFICATE').map((der) => new X509Certificate(der))
    if (found.length > 0) return found
  } catch {
    throw new OperatorError(`${path} holds a damaged certificate: put the whole file there again`)
  }
  throw new OperatorError(`${path} holds no certificate: check which file was meant`)
}

function nameOf(certificate: X509Certificate): string {
  return certificate.subject.replaceAll('\n', ', ')
}

function expiryWarnings(
  path: string,
  certificates: readonly X509Certificate[],
  nowMs: number,
): readonly string[] {
  return certificates.flatMap((one) => {
    const days = Math.floor(
      ((readCertificate(one.raw)?.notAfterSeconds ?? 0) * 1_000 - nowMs) / DAY_MS,
    )
    if (days >= WARN_DAYS) return []
    const when = days < 0 ? 'has expired' : `expires within ${days + 1} days`
    return [`${path}: the certificate ${nameOf(one)} ${when}: renew it`]
  })
}

/** Lists of authorities that are not trusted do not count; one that is must be there. */
function revokedBy(
  authorities: readonly X509Certificate[],
  path: string,
  bytes: Buffer,
): ReadonlySet<string> {
  const lists = blocksOf(bytes, 'X509 CRL').map(readRevocationList)
  const ours = lists.filter((list) => list && authorities.some((one) => isSignedBy(list, one)))
  if (ours.length > 0) return new Set(ours.flatMap((list) => list?.ids ?? []))
  throw new OperatorError(`${path} holds no revocation list of an authority that is trusted`)
}

/** Digests by signature algorithm (RFC 3279, 4055, 5758, 8410). */
const digests: Readonly<Record<string, string | undefined>> = {
  '1.2.840.10045.4.3.2': 'sha256',
  '1.2.840.10045.4.3.3': 'sha384',
  '1.2.840.10045.4.3.4': 'sha512',
  '1.2.840.113549.1.1.11': 'sha256',
  '1.2.840.113549.1.1.12': 'sha384',
  '1.2.840.113549.1.1.13': 'sha512',
  '1.3.101.112': undefined,
}

function isSignedBy(list: RevocationList, authority: X509Certificate): boolean {
  if (!Object.hasOwn(digests, list.algorithm)) return false
  try {
    return verify(digests[list.algorithm], list.signed, authority.publicKey, list.signature)
  } catch {
    // A key of another kind than the signature.
    return false
  }
}
