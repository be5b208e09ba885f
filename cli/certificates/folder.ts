/**
 * The folder of an authority: its record, its keys, copies of what it has signed, and the two files
 * that gateways and agents are given.
 * @module
 */
import { X509Certificate } from 'node:crypto'
import { existsSync } from 'node:fs'
import { mkdir, open as openFile, readFile, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import * as v from 'valibot'
import { createKeyFile, readKeyFile, readPassphrase } from '../../ports/io/keyFile.ts'
import { OperatorError } from '../../ports/operatorError.ts'
import type { Signer } from './io/x509.ts'
import type { AuthorityRecord } from './record.ts'
import { DAY_SECONDS, recordSchema } from './record.ts'

/** Whom gateways and agents trust; goes to all of them. */
export const AUTHORITIES_FILE = 'authorities.pem'
/** What was taken back; goes to gateways. */
export const REVOKED_FILE = 'revoked.pem'
const RECORD_FILE = 'ca.json'
const LOCK_FILE = 'lock'
const COPIES = 'issued'
/** Other programs than the gateway refuse everybody once a list is older than this. */
const LIST_DAYS = 366

export type Folder = {
  readonly path: string
  readonly record: () => AuthorityRecord
  /** A signing authority with its key opened. */
  readonly signer: (number: number) => Promise<Signer>
  /** Keeps a record and what follows from it: both files that are given away. */
  readonly save: (record: AuthorityRecord) => Promise<void>
  readonly copyPath: (serial: string) => string
}

/**
 * Carries out `act` on the folder while no other command works on it.
 * @throws OperatorError when there is no authority in it
 */
export async function withFolder<T>(
  path: string,
  passphraseFile: string,
  act: (folder: Folder) => Promise<T>,
): Promise<T> {
  const record = await readRecord(path)
  return locked(path, () => act(folderWith(path, passphraseFile, record)))
}

/**
 * As `withFolder`, in a folder that is made for it.
 * @throws OperatorError when there is an authority in it already
 */
export async function withNewFolder<T>(
  path: string,
  passphraseFile: string,
  act: (folder: Folder) => Promise<T>,
): Promise<T> {
  await mkdir(join(path, COPIES), { recursive: true, mode: 0o700 })
  if (existsSync(join(path, RECORD_FILE))) {
    throw new OperatorError(`${path} has an authority already: "tickpay ca rotate" replaces it`)
  }
  const empty: AuthorityRecord = { version: 1, authorities: [], certificates: [] }
  return locked(path, () => act(folderWith(path, passphraseFile, empty)))
}

/** @throws OperatorError when there is none, or it cannot be read */
export async function readRecord(path: string): Promise<AuthorityRecord> {
  const file = join(path, RECORD_FILE)
  const text = await readFile(file, 'utf8').catch((error: NodeJS.ErrnoException) => {
    const what = error.code === 'ENOENT' ? 'there is no authority' : error.code
    throw new OperatorError(`cannot read ${file} (${what}): give --dir, or "tickpay ca create"`)
  })
  try {
    return v.parse(recordSchema, JSON.parse(text))
  } catch {
    throw new OperatorError(`${file} is damaged or of another version: restore it from a copy`)
  }
}

function folderWith(path: string, passphraseFile: string, start: AuthorityRecord): Folder {
  let record = start
  const opened = new Map<number, Promise<Signer>>()
  const open = async (number: number): Promise<Signer> => {
    const passphrase = await readPassphrase({ file: passphraseFile }, process.env)
    const { privateKey } = await readKeyFile(keyPath(path, number), passphrase)
    const certificatePem = await readFile(authorityPath(path, number), 'utf8')
    return { certificatePem, key: privateKey }
  }
  // Opening a key takes a moment, on purpose.
  const signer = (number: number): Promise<Signer> => {
    const known = opened.get(number) ?? open(number)
    opened.set(number, known)
    return known
  }
  return {
    path,
    record: () => record,
    signer,
    save: async (next) => {
      await writeWhole(join(path, RECORD_FILE), `${JSON.stringify(next, undefined, 1)}\n`, 0o600)
      record = next
      await writeForOthers(path, next, signer)
    },
    copyPath: (serial) => join(path, COPIES, `${serial}.pem`),
  }
}

async function writeForOthers(
  path: string,
  record: AuthorityRecord,
  signer: Folder['signer'],
): Promise<void> {
  const { makeRevocationList } = await import('./io/x509.ts')
  const nowSeconds = Math.floor(Date.now() / 1_000)
  const trusted = record.authorities.filter(({ retired }) => !retired)
  const certificates: string[] = []
  const lists: string[] = []
  for (const { number } of trusted) {
    const one = await signer(number)
    certificates.push(one.certificatePem)
    const revoked = record.certificates.flatMap(({ authority, serial, revokedSeconds }) =>
      authority === number && revokedSeconds !== undefined
        ? [{ serial, atSeconds: revokedSeconds }]
        : [],
    )
    const nextSeconds = nowSeconds + LIST_DAYS * DAY_SECONDS
    lists.push(await makeRevocationList(one, revoked, nowSeconds, nextSeconds))
  }
  await writeWhole(join(path, AUTHORITIES_FILE), certificates.join(''), 0o644)
  await writeWhole(join(path, REVOKED_FILE), lists.join(''), 0o644)
}

/** Makes the key and the certificate of one more authority. */
export async function addAuthority(
  folder: Folder,
  passphrase: string,
  commonName: string,
  notAfterSeconds: number,
): Promise<void> {
  const { makeAuthority } = await import('./io/x509.ts')
  const record = folder.record()
  const number = record.authorities.length + 1
  const { privateKey } = await createKeyFile(keyPath(folder.path, number), 'p256', passphrase)
  // From 1970 on: a device without a clock has to connect before it can learn the time.
  const { pem } = await makeAuthority(privateKey, commonName, 0, notAfterSeconds)
  await writeWhole(authorityPath(folder.path, number), pem, 0o644)
  const authority = { number, commonName, notAfterSeconds, retired: false }
  await folder.save({ ...record, authorities: [...record.authorities, authority] })
}

/** Nothing can be signed with it any more. */
export async function removeAuthorityKey(folder: Folder, number: number): Promise<void> {
  await rm(keyPath(folder.path, number), { force: true })
}

/** The public key of a certificate, as certificates hold it. */
export function publicKeyIn(pem: string): Uint8Array {
  return new Uint8Array(new X509Certificate(pem).publicKey.export({ type: 'spki', format: 'der' }))
}

function keyPath(path: string, number: number): string {
  return join(path, `authority-${number}.key`)
}

function authorityPath(path: string, number: number): string {
  return join(path, `authority-${number}.pem`)
}

async function locked<T>(path: string, act: () => Promise<T>): Promise<T> {
  const lock = join(path, LOCK_FILE)
  const file = await openFile(lock, 'wx', 0o600).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'EEXIST') throw unwritable(lock, error)
    throw new OperatorError(`another command works on ${path}; if none does, remove ${lock}`)
  })
  try {
    return await act()
  } finally {
    await file.close()
    await rm(lock, { force: true })
  }
}

/**
 * The old file or the new one, never half of it.
 * @throws OperatorError when it cannot be written
 */
export async function writeWhole(path: string, text: string, mode: number): Promise<void> {
  const fresh = `${path}.new`
  try {
    const file = await openFile(fresh, 'w', mode)
    try {
      await file.writeFile(text)
      await file.sync()
    } finally {
      await file.close()
    }
    await rename(fresh, path)
  } catch (error) {
    throw unwritable(path, error)
  }
}

/**
 * A file that was not there before.
 * @throws OperatorError when it is, or cannot be written
 */
export async function writeFresh(path: string, text: string, mode: number): Promise<void> {
  try {
    const file = await openFile(path, 'wx', mode)
    try {
      await file.writeFile(text)
      await file.sync()
    } finally {
      await file.close()
    }
  } catch (error) {
    throw unwritable(path, error)
  }
}

function unwritable(path: string, error: unknown): OperatorError {
  const code = error instanceof Error && 'code' in error ? String(error.code) : String(error)
  return new OperatorError(`cannot write ${path}: ${writeAdvice[code] ?? code}`)
}

const writeAdvice: Readonly<Record<string, string>> = {
  EEXIST: 'it is there already; move it away',
  ENOENT: 'there is no such folder; make it first',
  EACCES: 'permission denied; give this user access to it',
  ENOSPC: 'the disk is full; free some space',
}
