/**
 * 32 secret bytes that a configuration names, such as the key of an encrypted store: from a file, a
 * systemd credential or a command, as they are, in hex or in base64.
 * @module
 */
import { execFile } from 'node:child_process'
import { readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import type { StoreKeyConfig } from '../configTypes.ts'
import { OperatorError } from '../operatorError.ts'
import { parseStoreKey, STORE_KEY_BYTES } from '../storeKeyText.ts'
import { commandFailure, fileAdvice } from './commandFailure.ts'

/** `warning` is a line for the operator: others than the owner can read the file. */
export type OpenedStoreKey = { readonly key: Uint8Array; readonly warning: string | undefined }

type Environment = Readonly<Record<string, string | undefined>>

/** A vault that is asked over a network may take a while. */
const COMMAND_TIMEOUT_MS = 30_000
const COMMAND_OUTPUT_BYTES_MAX = 4_096

/**
 * The key from its source; `what` is its name in messages, which never hold what was read.
 * @throws OperatorError when it is nowhere or not 32 bytes
 */
export async function readStoreKey(
  { file, credential, command }: StoreKeyConfig,
  environment: Environment,
  what = 'store key',
): Promise<OpenedStoreKey> {
  if (file !== undefined) return readKeyAt(file, what)
  if (credential !== undefined)
    return readKeyAt(credentialPath(credential, environment, what), what)
  const [program = '', ...words] = command ?? []
  const bytes = await outputOf(program, words, what)
  return { key: keyIn(bytes, `the command ${program} of the ${what}`, what), warning: undefined }
}

function credentialPath(credential: string, environment: Environment, what: string): string {
  const folder = environment['CREDENTIALS_DIRECTORY']
  if (folder) return join(folder, credential)
  throw new OperatorError(
    `no ${what}: systemd gave none; add LoadCredential=${credential}:FILE to the unit`,
  )
}

async function readKeyAt(path: string, what: string): Promise<OpenedStoreKey> {
  let bytes: Uint8Array
  let mode: number
  try {
    bytes = new Uint8Array(await readFile(path))
    mode = (await stat(path)).mode
  } catch (error) {
    throw new OperatorError(`cannot read the ${what} ${path}: ${reasonOf(error)}`)
  }
  const shared = (mode & 0o077) !== 0
  const warning = shared
    ? `${path} can be read by others than its owner: chmod 600 ${path}`
    : undefined
  return { key: keyIn(bytes, path, what), warning }
}

function keyIn(bytes: Uint8Array, place: string, what: string): Uint8Array {
  const key = parseStoreKey(bytes)
  if (key) return key
  throw new OperatorError(
    `${place} gives no ${what}: it must be ${STORE_KEY_BYTES} bytes, as they are, in hex or in ` +
      'base64 (openssl rand -hex 32 makes one)',
  )
}

/** Run without a shell. What it writes to standard error stays unread: it could be secret. */
function outputOf(program: string, words: readonly string[], what: string): Promise<Uint8Array> {
  return new Promise((resolve, reject) => {
    const options = {
      encoding: 'buffer',
      timeout: COMMAND_TIMEOUT_MS,
      maxBuffer: COMMAND_OUTPUT_BYTES_MAX,
    } as const
    execFile(program, [...words], options, (error, output) => {
      if (!error) return resolve(new Uint8Array(output))
      const why = commandFailure(error, COMMAND_TIMEOUT_MS, 'more than a key')
      reject(new OperatorError(`the command ${program} gave no ${what}: ${why}`))
    })
  })
}

function reasonOf(error: unknown): string {
  const code = error instanceof Error && 'code' in error ? String(error.code) : ''
  return fileAdvice[code] ?? (code || 'it cannot be used')
}
