/**
 * The key of a device as its configuration names it: a file with its secrets, or a command that
 * signs, with the secret of the hash chains from elsewhere.
 * @module
 */
import type { DeviceKeyConfig, StoreKeyConfig } from '../../ports/configTypes.ts'
import { readKeyFile, readPassphrase } from '../../ports/io/keyFile.ts'
import { commandSigner } from '../../ports/io/signerCommand.ts'
import { readStoreKey } from '../../ports/io/storeKey.ts'
import { OperatorError } from '../../ports/operatorError.ts'
import type { PrivateKey } from '../../protocol/keys.ts'
import { signDigest } from '../../protocol/keys.ts'
import type { Signer } from '../epochs.ts'

export type DeviceKey = {
  readonly signer: Signer
  /** 32 bytes of which all hash chains are derived. */
  readonly rootSecret: Uint8Array
  /** Of a key file; a certificate without a key of its own is for it. */
  readonly ownKey: PrivateKey | undefined
  readonly warnings: readonly string[]
}

type Environment = Readonly<Record<string, string | undefined>>

/**
 * Opens the key; a command is not run yet.
 * @throws OperatorError, one line
 */
export async function openDeviceKey(
  key: DeviceKeyConfig,
  environment: Environment,
): Promise<DeviceKey> {
  const { chainSecret, command, file, publicKey } = key
  if (command !== undefined && publicKey !== undefined && chainSecret !== undefined) {
    const root = await readRootSecret(chainSecret, environment)
    return { ...root, signer: commandSigner({ command, publicKey }), ownKey: undefined }
  }
  if (file === undefined) throw new OperatorError('key names neither a file nor a command')
  const { passphraseFile, passphraseEnv, passphraseCredential } = key
  const source = { file: passphraseFile, env: passphraseEnv, credential: passphraseCredential }
  const opened = await readKeyFile(file, await readPassphrase(source, environment))
  const { privateKey, rootSecret, warning } = opened
  return {
    signer: { publicKey: opened.publicKey, sign: (digest) => signDigest(privateKey, digest) },
    rootSecret,
    ownKey: privateKey,
    warnings: warning === undefined ? [] : [warning],
  }
}

async function readRootSecret(source: StoreKeyConfig, environment: Environment) {
  const { key, warning } = await readStoreKey(source, environment, 'chain secret')
  return { rootSecret: key, warnings: warning === undefined ? [] : [warning] }
}
