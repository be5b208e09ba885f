/**
 * The encrypted key file of an agent, a gateway or a fleet: a signing key and a 32-byte root
 * secret, under a passphrase (scrypt, RFC 7914; AES-256-GCM, NIST SP 800-38D). What is readable
 * in the file is authenticated too, so nobody can swap the public key beside the secrets.
 * @module
 */
import { createCipheriv, createDecipheriv, randomBytes, scrypt } from 'node:crypto'
import { open, readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { bytesToHex, concatBytes, parseHex } from '../../protocol/bytes.ts'
import type { Algorithm, PrivateKey, PublicKey } from '../../protocol/keys.ts'
import { algorithms, privateKeyFrom, publicKeyOf } from '../../protocol/keys.ts'
import { formatPublicKey } from '../keyText.ts'
import { OperatorError } from '../operatorError.ts'

/** What the file keeps secret. */
export type KeyPair = {
  readonly privateKey: PrivateKey
  readonly publicKey: PublicKey
  /** 32 bytes of which an agent derives its hash chains. */
  readonly rootSecret: Uint8Array
}

/** `warning` is a line for the operator: others than the owner can read the file. */
export type OpenedKeyFile = KeyPair & { readonly warning: string | undefined }

/** Where a passphrase comes from; the first that is named wins. */
export type PassphraseSource = {
  /** A file; one line break at its end is not part of the passphrase. */
  readonly file?: string | undefined
  /** The name of an environment variable. */
  readonly env?: string | undefined
  /** The name of a systemd credential (`LoadCredential=`). */
  readonly credential?: string | undefined
}

type Kdf = { readonly N: number; readonly r: number; readonly p: number; readonly salt: string }
type KeyFile = {
  readonly version: 1
  readonly algorithm: Algorithm
  readonly publicKey: string
  readonly kdf: Kdf & { readonly name: 'scrypt' }
  readonly cipher: { readonly name: 'aes-256-gcm'; readonly iv: string; readonly tag: string }
  readonly ciphertext: string
}

/**
 * 16 MiB for a moment, five times over: as dear for a guesser as the usual 2^17 and 1, and small
 * enough for a device.
 */
const SCRYPT_N = 1 << 14
const SCRYPT_R = 8
const SCRYPT_P = 5
/** A file that asks for more than this would stop a small machine. */
const SCRYPT_MEMORY_BYTES_MAX = 1 << 28
const KEY_FILE_BYTES_MAX = 4_096

/** A fresh signing key and root secret from the operating system's generator. */
export function createKeyPair(algorithm: Algorithm): KeyPair {
  for (;;) {
    // The chance that a seed is out of range is below 2^-32: this loop ends.
    const privateKey = privateKeyFrom(algorithm, new Uint8Array(randomBytes(32)))
    if (privateKey) {
      const rootSecret = new Uint8Array(randomBytes(32))
      return { privateKey, publicKey: publicKeyOf(privateKey), rootSecret }
    }
  }
}

/**
 * Makes a new key and writes it to `path` with mode 0600.
 * @throws OperatorError when the file exists or cannot be written
 */
export async function createKeyFile(
  path: string,
  algorithm: Algorithm,
  passphrase: string,
): Promise<KeyPair> {
  const pair = createKeyPair(algorithm)
  await writeKeyFile(path, pair, passphrase)
  return pair
}

/**
 * Writes `pair` to a new file with mode 0600; never replaces one.
 * @throws OperatorError when the file exists or cannot be written
 */
export async function writeKeyFile(path: string, pair: KeyPair, passphrase: string): Promise<void> {
  if (passphrase.length === 0) throw new OperatorError(`${path}: the passphrase is empty`)
  const content = await seal(pair, passphrase)
  try {
    const file = await open(path, 'wx', 0o600)
    try {
      await file.writeFile(`${JSON.stringify(content, undefined, 2)}\n`)
      await file.sync()
    } finally {
      await file.close()
    }
  } catch (error) {
    throw new OperatorError(`cannot write the key file ${path}: ${reasonOf(error)}`)
  }
}

/**
 * Reads and opens a key file.
 * @throws OperatorError, one line, when it is missing, damaged or under another passphrase
 */
export async function readKeyFile(path: string, passphrase: string): Promise<OpenedKeyFile> {
  const file = await readContent(path)
  const key = await deriveKey(file.kdf, passphrase, path)
  const pair = unseal(file, key)
  if (!pair) {
    throw new OperatorError(
      `cannot open the key file ${path}: wrong passphrase, or the file is damaged`,
    )
  }
  return { ...pair, warning: await warningOf(path) }
}

/** The public key in a key file, which needs no passphrase; it is only proven by opening it. */
export async function readPublicKeyText(path: string): Promise<string> {
  return (await readContent(path)).publicKey
}

/**
 * The passphrase from its source.
 * @throws OperatorError when it is nowhere or empty
 */
export async function readPassphrase(
  source: PassphraseSource,
  environment: Readonly<Record<string, string | undefined>>,
): Promise<string> {
  if (source.file !== undefined) return readPassphraseFile(source.file)
  if (source.env !== undefined) {
    const value = environment[source.env]
    if (value) return value
    throw new OperatorError(`no passphrase: the environment variable ${source.env} is not set`)
  }
  const credential = source.credential
  if (credential === undefined) {
    throw new OperatorError('no passphrase: name a file, an environment variable or a credential')
  }
  const folder = environment['CREDENTIALS_DIRECTORY']
  if (!folder) {
    throw new OperatorError(
      `no passphrase: systemd gave none; add LoadCredential=${credential}:FILE to the unit`,
    )
  }
  return readPassphraseFile(join(folder, credential))
}

async function readPassphraseFile(path: string): Promise<string> {
  let text: string
  try {
    text = await readFile(path, 'utf8')
  } catch (error) {
    throw new OperatorError(`cannot read the passphrase file ${path}: ${reasonOf(error)}`)
  }
  const passphrase = text.replace(/\r?\n$/, '')
  if (passphrase.length === 0) throw new OperatorError(`the passphrase file ${path} is empty`)
  return passphrase
}

async function seal(pair: KeyPair, passphrase: string): Promise<KeyFile> {
  const salt = new Uint8Array(randomBytes(16))
  const cost = { N: SCRYPT_N, r: SCRYPT_R, p: SCRYPT_P }
  const kdf = { name: 'scrypt', ...cost, salt: bytesToHex(salt) } as const
  const { algorithm } = pair.privateKey
  const head = { version: 1, algorithm, publicKey: formatPublicKey(pair.publicKey), kdf } as const
  const key = await scryptKey(kdf, salt, passphrase)
  const iv = new Uint8Array(randomBytes(12))
  const cipher = createCipheriv('aes-256-gcm', key, iv).setAAD(readablePart(head))
  const secrets = concatBytes(pair.privateKey.bytes, pair.rootSecret)
  const ciphertext = concatBytes(cipher.update(secrets), cipher.final())
  const tag = new Uint8Array(cipher.getAuthTag())
  return {
    ...head,
    cipher: { name: 'aes-256-gcm', iv: bytesToHex(iv), tag: bytesToHex(tag) },
    ciphertext: bytesToHex(ciphertext),
  }
}

function readablePart(head: Pick<KeyFile, 'version' | 'algorithm' | 'publicKey'>): Uint8Array {
  return new TextEncoder().encode(`${head.version} ${head.algorithm} ${head.publicKey}`)
}

function unseal(file: KeyFile, key: Uint8Array): KeyPair | undefined {
  const secrets = decrypt(file, key)
  if (secrets?.length !== 64) return undefined
  const privateKey = privateKeyFrom(file.algorithm, secrets.subarray(0, 32))
  if (!privateKey) return undefined
  const publicKey = publicKeyOf(privateKey)
  if (formatPublicKey(publicKey) !== file.publicKey) return undefined
  return { privateKey, publicKey, rootSecret: secrets.slice(32) }
}

function decrypt(file: KeyFile, key: Uint8Array): Uint8Array | undefined {
  const iv = parseHex(file.cipher.iv)
  const tag = parseHex(file.cipher.tag)
  const ciphertext = parseHex(file.ciphertext)
  if (iv?.length !== 12 || tag?.length !== 16 || !ciphertext) return undefined
  try {
    const decipher = createDecipheriv('aes-256-gcm', key, iv).setAAD(readablePart(file))
    decipher.setAuthTag(tag)
    return concatBytes(decipher.update(ciphertext), decipher.final())
  } catch {
    return undefined
  }
}

function deriveKey(kdf: Kdf, passphrase: string, path: string): Promise<Uint8Array> {
  const salt = parseHex(kdf.salt)
  const memoryBytes = 128 * kdf.N * kdf.r * kdf.p
  const powerOfTwo = kdf.N > 1 && Number.isInteger(Math.log2(kdf.N))
  if (!salt || !powerOfTwo || !(memoryBytes > 0 && memoryBytes <= SCRYPT_MEMORY_BYTES_MAX)) {
    throw new OperatorError(`cannot open the key file ${path}: its kdf parameters are not usable`)
  }
  return scryptKey(kdf, salt, passphrase)
}

function scryptKey({ N, r, p }: Kdf, salt: Uint8Array, passphrase: string): Promise<Uint8Array> {
  const options = { N, r, p, maxmem: 2 * SCRYPT_MEMORY_BYTES_MAX }
  return new Promise((resolve, reject) => {
    scrypt(passphrase.normalize('NFC'), salt, 32, options, (error, key) => {
      if (error) reject(error)
      else resolve(new Uint8Array(key))
    })
  })
}

async function readContent(path: string): Promise<KeyFile> {
  let text: string
  try {
    text = await readFile(path, 'utf8')
  } catch (error) {
    throw new OperatorError(`cannot read the key file ${path}: ${reasonOf(error)}`)
  }
  const file = text.length <= KEY_FILE_BYTES_MAX ? parseContent(text) : undefined
  if (!file) throw new OperatorError(`${path} is not a key file of this version`)
  return file
}

function parseContent(text: string): KeyFile | undefined {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    return undefined
  }
  const file = value as Partial<KeyFile> | null
  if (file?.version !== 1 || file.kdf?.name !== 'scrypt') return undefined
  if (file.cipher?.name !== 'aes-256-gcm') return undefined
  const { kdf, cipher } = file
  const numbers = [kdf.N, kdf.r, kdf.p].every((one) => Number.isInteger(one) && one > 0)
  const texts = [file.publicKey, kdf.salt, cipher.iv, cipher.tag, file.ciphertext]
  const known = algorithms.some((one) => one === file.algorithm)
  return numbers && known && texts.every((one) => typeof one === 'string')
    ? (file as KeyFile)
    : undefined
}

async function warningOf(path: string): Promise<string | undefined> {
  const { mode } = await stat(path)
  if ((mode & 0o077) === 0) return undefined
  return `${path} can be read by others than its owner: chmod 600 ${path}`
}

const advice: Readonly<Record<string, string>> = {
  ENOENT: 'there is no such file; check the path',
  EEXIST: 'it is there already; move it away or choose another path',
  EACCES: 'permission denied; give this user access to it',
  EPERM: 'permission denied; give this user access to it',
  EISDIR: 'it is a folder; name a file',
  ENOTDIR: 'a part of that path is a file; check the path',
  ENOSPC: 'the disk is full; free some space',
  EROFS: 'the file system is read-only; choose another path',
}

function reasonOf(error: unknown): string {
  const code = error instanceof Error && 'code' in error ? String(error.code) : ''
  return advice[code] ?? (code || String(error))
}
