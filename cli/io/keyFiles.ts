/**
 * Key files as commands make, open and read them.
 * @module
 */
import { randomBytes } from 'node:crypto'
import { existsSync } from 'node:fs'
import { readFile, writeFile } from 'node:fs/promises'
import type { FleetSigner } from '../../fleet/signer.ts'
import type { KeyFileConfig, SignerKeyConfig } from '../../ports/configTypes.ts'
import {
  createKeyFile,
  type OpenedKeyFile,
  readKeyFile,
  readPassphrase,
  readPublicKeyText,
} from '../../ports/io/keyFile.ts'
import { publicKeyFromSpki } from '../../ports/io/publicKeyFile.ts'
import { commandSigner } from '../../ports/io/signerCommand.ts'
import { formatPublicKey, parseKeyText } from '../../ports/keyText.ts'
import { OperatorError } from '../../ports/operatorError.ts'
import type { Algorithm, PrivateKey, PublicKey } from '../../protocol/keys.ts'

/** Longer than any public key as text. */
const publicKeyCharsMax = 256

/**
 * Makes a key file and, beside it, `FILE.pub`; makes the passphrase file when it is missing.
 * @throws OperatorError when a file is there already or cannot be written
 */
export async function newKeyFiles(
  file: string,
  algorithm: Algorithm,
  passphraseFile: string,
): Promise<{ readonly publicKey: PublicKey; readonly isPassphraseNew: boolean }> {
  const publicFile = `${file}.pub`
  if (existsSync(publicFile)) {
    throw new OperatorError(`${publicFile} is there already; move it away or choose another path`)
  }
  const isPassphraseNew = await makePassphrase(passphraseFile)
  const passphrase = await readPassphrase({ file: passphraseFile }, process.env)
  const { publicKey } = await createKeyFile(file, algorithm, passphrase)
  await writeNew(publicFile, `${formatPublicKey(publicKey)}\n`, 0o644)
  return { publicKey, isPassphraseNew }
}

/**
 * Makes a passphrase of 32 random bytes where there is none; true when it did.
 * @throws OperatorError when it cannot be written
 */
export async function makePassphrase(passphraseFile: string): Promise<boolean> {
  if (existsSync(passphraseFile)) return false
  await writeNew(passphraseFile, `${randomBytes(32).toString('base64')}\n`, 0o600)
  return true
}

/**
 * Opens the key file that a configuration names; `warn` gets what the operator should know.
 * @throws OperatorError when it cannot be opened
 */
export async function openKey(
  key: KeyFileConfig,
  warn: (line: string) => void,
): Promise<OpenedKeyFile> {
  const { file, passphraseFile, passphraseEnv, passphraseCredential } = key
  const source = { file: passphraseFile, env: passphraseEnv, credential: passphraseCredential }
  const opened = await readKeyFile(file, await readPassphrase(source, process.env))
  if (opened.warning !== undefined) warn(opened.warning)
  return opened
}

/**
 * The signer that a fleet's configuration names; a command is not run yet. `ownKey`: that of a key
 * file, which a certificate without a key of its own is for.
 * @throws OperatorError when a key file cannot be opened
 */
export async function openSigner(
  key: SignerKeyConfig,
  warn: (line: string) => void,
): Promise<{ readonly signerKey: FleetSigner; readonly ownKey: PrivateKey | undefined }> {
  const { command, file, publicKey, ...passphrase } = key
  if (command !== undefined && publicKey !== undefined) {
    return { signerKey: commandSigner({ command, publicKey }), ownKey: undefined }
  }
  if (file === undefined) throw new OperatorError('key names neither a file nor a command')
  const { privateKey } = await openKey({ file, ...passphrase }, warn)
  return { signerKey: privateKey, ownKey: privateKey }
}

/**
 * A public key: `p256:HEX` itself, or a file that holds it so, or in PEM or DER, or a key file.
 * @throws OperatorError when it is none of these
 */
export async function readPublicKey(named: string): Promise<PublicKey> {
  const written = parseKeyText(named)
  if (written !== undefined) return written
  const bytes = await readKeyBytes(named)
  const key = parseKeyText(await publicKeyText(named, bytes)) ?? publicKeyFromSpki(bytes)
  if (key !== undefined) return key
  throw new OperatorError(`${named} holds no sound public key; make one with "tickpay keys new"`)
}

async function readKeyBytes(path: string): Promise<Buffer> {
  return readFile(path).catch((error: NodeJS.ErrnoException) => {
    throw new OperatorError(`cannot read the key ${path}: ${error.code ?? error.message}`)
  })
}

async function publicKeyText(path: string, bytes: Buffer): Promise<string> {
  const text = bytes.toString('utf8')
  return text.trimStart().startsWith('{')
    ? readPublicKeyText(path)
    : text.slice(0, publicKeyCharsMax)
}

async function writeNew(path: string, text: string, mode: number): Promise<void> {
  await writeFile(path, text, { flag: 'wx', mode }).catch((error: NodeJS.ErrnoException) => {
    const reason = error.code === 'EEXIST' ? 'it is there already' : (error.code ?? error.message)
    throw new OperatorError(`cannot write ${path}: ${reason}`)
  })
}
