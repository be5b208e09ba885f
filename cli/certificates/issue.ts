/**
 * Signs certificates: new ones with a key of their own, and the next one of a name.
 * @module
 */
import { generateKeyPairSync } from 'node:crypto'
import { existsSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { OperatorError } from '../../ports/operatorError.ts'
import type { PublicKey } from '../../protocol/keys.ts'
import type { Folder } from './folder.ts'
import { publicKeyIn, writeFresh, writeWhole } from './folder.ts'
import type { Use } from './io/x509.ts'
import type { Certificate, Kind } from './record.ts'
import { currentOf, DAY_SECONDS, fileNameOf, signingAuthority } from './record.ts'

export type Wanted = {
  readonly kind: Kind
  /** Common name of the certificate. */
  readonly name: string
  /** Names and addresses of a server. */
  readonly hosts: readonly string[]
  readonly lifeDays: number
  /** Folder for the certificate and, when one is made, its key. */
  readonly out: string
}

export type Issued = {
  readonly name: string
  readonly certificate: string
  /** Undefined when the key was not made here. */
  readonly key?: string | undefined
  readonly notAfterSeconds: number
}

/** A clock that is behind by as much as this sees a new certificate as valid. */
const BACKDATE_SECONDS = DAY_SECONDS

/**
 * A certificate with a new key, which is left unencrypted and only its owner may read; or for a
 * key that exists elsewhere.
 * @throws OperatorError when the name has a certificate, or a file is in the way
 */
export async function issueNew(
  folder: Folder,
  wanted: Wanted,
  publicKey: PublicKey | undefined,
): Promise<Issued> {
  const { name, kind, out } = wanted
  const current = currentOf(folder.record(), name)
  if (current && current.notAfterSeconds > Date.now() / 1_000) {
    throw new OperatorError(`${name} has a certificate: "tickpay ca renew ${name}" or revoke it`)
  }
  const base = join(resolve(out), fileNameOf({ name, kind }))
  const file = `${base}.pem`
  if (existsSync(file)) throw new OperatorError(`${file} is there already: move it away`)
  if (publicKey) return sign(folder, { ...wanted, file }, spkiOf(publicKey))
  const key = `${base}.key`
  const pair = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  await writeFresh(key, String(pair.privateKey.export({ type: 'pkcs8', format: 'pem' })), 0o600)
  const spki = pair.publicKey.export({ type: 'spki', format: 'der' })
  return { ...(await sign(folder, { ...wanted, file }, spki)), key }
}

/**
 * The next certificate of a name, for the same key, in the place of the last.
 * @throws OperatorError when there is no last one
 */
export async function issueAgain(
  folder: Folder,
  name: string,
  change: { readonly lifeDays: number | undefined; readonly out: string | undefined },
): Promise<Issued> {
  const current = currentOf(folder.record(), name)
  if (!current) {
    throw new OperatorError(`${name} has no certificate to renew; "tickpay ca list" shows all`)
  }
  const pem = await readFile(folder.copyPath(current.serial), 'utf8')
  const { hosts, kind, lifeDays } = current
  const place =
    change.out === undefined ? undefined : join(resolve(change.out), fileNameOf(current))
  const file = place === undefined ? current.file : `${place}.pem`
  const terms = { kind, name, hosts, lifeDays: change.lifeDays ?? lifeDays, file }
  return sign(folder, terms, publicKeyIn(pem))
}

type Terms = Omit<Wanted, 'out'> & { readonly file: string }

async function sign(folder: Folder, terms: Terms, spki: Uint8Array): Promise<Issued> {
  const { kind, name, hosts, lifeDays, file } = terms
  const record = folder.record()
  const authority = signingAuthority(record)
  if (!authority) throw new OperatorError(`${folder.path} has no authority that signs`)
  const nowSeconds = Math.floor(Date.now() / 1_000)
  const notAfterSeconds = nowSeconds + lifeDays * DAY_SECONDS
  if (notAfterSeconds > authority.notAfterSeconds) {
    throw new OperatorError('the authority ends before that: "tickpay ca rotate", or fewer --days')
  }
  const use: Use = kind === 'server' ? { kind: 'server', hosts } : { kind: 'client' }
  const { makeCertificate } = await import('./io/x509.ts')
  const { pem, serial } = await makeCertificate(await folder.signer(authority.number), spki, {
    commonName: name,
    use,
    // A device without a clock has to trust its gateway before it can learn the time from it.
    notBeforeSeconds: kind === 'server' ? 0 : nowSeconds - BACKDATE_SECONDS,
    notAfterSeconds,
  })
  // On the record first: what nobody knows of could not be revoked.
  await writeFresh(folder.copyPath(serial), pem, 0o644)
  const entry: Certificate = {
    serial,
    name,
    kind,
    hosts: [...hosts],
    authority: authority.number,
    notAfterSeconds,
    lifeDays,
    file,
  }
  await folder.save({ ...record, certificates: [...record.certificates, entry] })
  await writeWhole(file, pem, 0o644)
  return { name, certificate: file, notAfterSeconds }
}

/** A P-256 public key as certificates hold it (RFC 5480). */
function spkiOf({ algorithm, bytes }: PublicKey): Uint8Array {
  if (algorithm !== 'p256') {
    throw new OperatorError(`a certificate needs a p256 key, not ${algorithm}: leave --key out`)
  }
  const header = '3059301306072a8648ce3d020106082a8648ce3d03010703420004'
  return new Uint8Array([...Buffer.from(header, 'hex'), ...bytes])
}
