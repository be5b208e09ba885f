/**
 * The kinds of value that configurations share. A message says what is allowed, as
 * ports/config.ts wants it.
 * @module
 */
import * as v from 'valibot'
import { parseUint64 } from '../protocol/amount.ts'
import { parseHex } from '../protocol/bytes.ts'
import { isId } from '../protocol/ids.ts'
import type { PublicKey } from '../protocol/keys.ts'
import { parseKeyText } from './keyText.ts'

/** A name of a fleet, device, gateway or meter. */
export const idValue = v.pipe(
  v.string('a name of a-z, 0-9 and "-", at most 48 characters'),
  v.check(isId, 'a name of a-z, 0-9 and "-", at most 48 characters'),
)

/** Any text that is not empty. */
export const textValue = v.pipe(v.string('a text'), v.minLength(1, 'a text that is not empty'))

/** A whole number within bounds. */
export function integerValue(min: number, max: number) {
  const allowed = `a whole number from ${min} to ${max}`
  return v.pipe(
    v.number(allowed),
    v.check((value) => Number.isInteger(value) && value >= min && value <= max, allowed),
  )
}

const uint64Allowed = 'a whole number from 0 to 2^64 - 1 (in quotes when above 2^53)'

/** An amount in minor units or a number of units: becomes a bigint. */
export const uint64Value = v.pipe(
  v.union([v.number(), v.string()], uint64Allowed),
  v.transform((value) =>
    typeof value === 'string' || Number.isSafeInteger(value)
      ? parseUint64(String(value))
      : undefined,
  ),
  v.bigint(uint64Allowed),
)

/** Bytes as hex, with or without 0x. */
export function hexValue(lengthBytes: number) {
  const allowed = `${2 * lengthBytes} hex digits`
  return v.pipe(
    v.string(allowed),
    v.transform(parseHex),
    v.custom<Uint8Array>(
      (value) => value instanceof Uint8Array && value.length === lengthBytes,
      allowed,
    ),
  )
}

const keyAllowed = 'a public key as "p256:HEX", "ed25519:HEX" or "secp256k1:HEX"'

export const publicKeyValue = v.pipe(
  v.string(keyAllowed),
  v.transform(parseKeyText),
  v.custom<PublicKey>((value) => value !== undefined, keyAllowed),
)

/** Where the passphrase of a key file comes from: one of the three. */
const passphraseEntries = {
  passphraseFile: v.optional(textValue),
  passphraseEnv: v.optional(textValue),
  passphraseCredential: v.optional(textValue),
}

/** A key file and where its passphrase comes from. */
export const keyFileValue = v.pipe(
  v.strictObject({ file: textValue, ...passphraseEntries }),
  v.check(
    (key) =>
      [key.passphraseFile, key.passphraseEnv, key.passphraseCredential].filter(Boolean).length ===
      1,
    'a file with one of passphraseFile, passphraseEnv and passphraseCredential',
  ),
)
export type KeyFileConfig = v.InferOutput<typeof keyFileValue>

/** The key of a fleet's signer: a file, or a command that signs; docs/keys.md. */
export const signerKeyValue = v.pipe(
  v.strictObject({
    file: v.optional(textValue),
    ...passphraseEntries,
    /** A program and its arguments. */
    command: v.optional(v.pipe(v.array(textValue), v.minLength(1, 'a program'))),
    publicKey: v.optional(publicKeyValue),
  }),
  v.check(
    (key) => isKeyFile(key) || isSignerCommand(key),
    'a file with one of passphraseFile, passphraseEnv and passphraseCredential, or a command ' +
      'with publicKey',
  ),
)
export type SignerKeyConfig = v.InferOutput<typeof signerKeyValue>

/** Where 32 secret bytes come from, such as the key of an encrypted store: one of the three. */
export const storeKeyValue = v.pipe(
  v.strictObject({
    file: v.optional(textValue),
    /** The name of a systemd credential. */
    credential: v.optional(textValue),
    /** A program and its arguments; it writes the key to standard output. */
    command: v.optional(v.pipe(v.array(textValue), v.minLength(1, 'a program'))),
  }),
  v.check(
    (key) => [key.file, key.credential, key.command].filter(Boolean).length === 1,
    'one of file, credential and command',
  ),
)
export type StoreKeyConfig = v.InferOutput<typeof storeKeyValue>

/**
 * The key of a device: a file with its secrets, or a command that signs beside where the chains'
 * root secret comes from.
 */
export const deviceKeyValue = v.pipe(
  v.strictObject({
    file: v.optional(textValue),
    ...passphraseEntries,
    /** A program and its arguments; docs/keys.md. */
    command: v.optional(v.pipe(v.array(textValue), v.minLength(1, 'a program'))),
    publicKey: v.optional(publicKeyValue),
    chainSecret: v.optional(storeKeyValue),
  }),
  v.check(
    (key) => isKeyFile(key) || isKeyCommand(key),
    'a file with one of passphraseFile, passphraseEnv and passphraseCredential, or a command ' +
      'with publicKey and chainSecret',
  ),
)
export type DeviceKeyConfig = v.InferOutput<typeof deviceKeyValue>

type KeyParts = Readonly<Record<string, unknown>>

function isKeyFile(key: KeyParts): boolean {
  const { file, passphraseFile, passphraseEnv, passphraseCredential } = key
  const passphrases = [passphraseFile, passphraseEnv, passphraseCredential].filter(Boolean).length
  const others = [key['command'], key['publicKey'], key['chainSecret']].filter(Boolean).length
  return file !== undefined && passphrases === 1 && others === 0
}

function isKeyCommand(key: KeyParts): boolean {
  const { file, passphraseFile, passphraseEnv, passphraseCredential } = key
  const others = [file, passphraseFile, passphraseEnv, passphraseCredential].filter(Boolean).length
  const parts = [key['command'], key['publicKey'], key['chainSecret']].filter(Boolean).length
  return parts === 3 && others === 0
}

function isSignerCommand(key: KeyParts): boolean {
  return key['chainSecret'] === undefined && isKeyCommand({ ...key, chainSecret: 'none' })
}

/** User and password at an external broker, which cannot check the tokens that gateways take. */
export const brokerLoginValue = v.pipe(
  v.strictObject({
    username: v.optional(textValue),
    passwordFile: v.optional(textValue),
    passwordEnv: v.optional(textValue),
    passwordCredential: v.optional(textValue),
  }),
  v.check(
    (login) =>
      [login.passwordFile, login.passwordEnv, login.passwordCredential].filter(Boolean).length ===
      1,
    'a login with one of passwordFile, passwordEnv and passwordCredential',
  ),
)
export type BrokerLoginConfig = v.InferOutput<typeof brokerLoginValue>

/** PEM files of a client that connects to mqtts://; docs/certificates.md. */
export const tlsFilesValue = v.pipe(
  v.strictObject({
    /** Who may sign the certificate of the other side; without it whom the system trusts. */
    authority: v.optional(textValue),
    /** Our own, with what leads to its authority. */
    certificate: v.optional(textValue),
    /** Its key; without it the certificate is for the key that we sign in with. */
    key: v.optional(textValue),
  }),
  v.check(
    ({ certificate, key }) => certificate !== undefined || key === undefined,
    'files with a certificate where there is a key',
  ),
)
export type TlsFilesConfig = v.InferOutput<typeof tlsFilesValue>

/** The ledger's identity inside every signature. */
export const ledgerDomainValue = v.strictObject({
  chainId: v.pipe(uint64Value),
  contract: hexValue(20),
})
