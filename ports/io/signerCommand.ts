/**
 * A key that never comes into this process: a command signs with it, in a secure element, a TPM or
 * behind PKCS#11. It gets on standard input the 32 bytes that its algorithm signs and answers on
 * standard output with the signature, r||s in 64 bytes or DER. What it answers is believed only
 * after it was verified under the public key of the configuration.
 * @module
 */
import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { assert } from '../../protocol/assert.ts'
import type { PublicKey } from '../../protocol/keys.ts'
import { verifyDigest } from '../../protocol/keys.ts'
import { readSignature } from '../../protocol/signatureForms.ts'
import { OperatorError } from '../operatorError.ts'
import { commandFailure } from './commandFailure.ts'

export type CommandKey = {
  /** A program and its arguments; no shell is between. */
  readonly command: readonly string[]
  readonly publicKey: PublicKey
}

export type CommandSigner = {
  readonly publicKey: PublicKey
  /** Rejects with an OperatorError that says what to do. */
  readonly sign: (digest: Uint8Array) => Promise<Uint8Array>
}

/** A TPM takes half a second; a vault behind a network may take a while. */
export const SIGN_TIMEOUT_MS = 10_000
/** A signature has at most 72 bytes, as text twice as many. */
const ANSWER_BYTES_MAX = 1_024
/** Every channel of a device and a login; whoever asks for more has lost its way. */
export const WAITING_SIGNATURES_MAX = 80

/** Signs one after the other: most hardware does no more than one at a time. */
export function commandSigner(key: CommandKey, timeoutMs = SIGN_TIMEOUT_MS): CommandSigner {
  const { publicKey } = key
  let waiting = 0
  let last: Promise<unknown> = Promise.resolve()

  const sign = async (digest: Uint8Array): Promise<Uint8Array> => {
    assert(digest.length === 32, 'a digest has 32 bytes')
    if (waiting >= WAITING_SIGNATURES_MAX) throw tooMany(key)
    waiting += 1
    const turn = last.then(() => signOnce(key, digest, timeoutMs))
    last = turn.catch(() => undefined)
    return turn.finally(() => {
      waiting -= 1
    })
  }
  return { publicKey, sign }
}

/**
 * Signs something that no structure of the protocol can have as its digest, to see that command
 * and public key belong together.
 * @throws OperatorError when they do not
 */
export async function probeSigner({
  sign,
}: {
  readonly sign: (digest: Uint8Array) => Uint8Array | Promise<Uint8Array>
}): Promise<void> {
  await sign(new Uint8Array(createHash('sha256').update('tickpay signer probe').digest()))
}

async function signOnce(
  { command, publicKey }: CommandKey,
  digest: Uint8Array,
  timeoutMs: number,
): Promise<Uint8Array> {
  const answer = await answerOf(command, inputFor(publicKey, digest), timeoutMs)
  for (const signature of readSignature(publicKey.algorithm, answer)) {
    if (verifyDigest(publicKey, digest, signature)) return signature
  }
  throw new OperatorError(
    `${nameOf(command)} answered with no signature of the key under publicKey: let it sign the ` +
      '32 bytes of its standard input as they are (mechanism ECDSA), with that key',
  )
}

/** What the curve signs: P-256 the hash of the digest, the others the digest itself. */
function inputFor({ algorithm }: PublicKey, digest: Uint8Array): Uint8Array {
  if (algorithm !== 'p256') return digest
  return new Uint8Array(createHash('sha256').update(digest).digest())
}

/** What it writes to standard error stays unread: it could be secret. */
function answerOf(
  command: readonly string[],
  input: Uint8Array,
  timeoutMs: number,
): Promise<Uint8Array> {
  const [program = '', ...words] = command
  return new Promise((resolve, reject) => {
    const options = {
      encoding: 'buffer',
      timeout: timeoutMs,
      killSignal: 'SIGKILL',
      maxBuffer: ANSWER_BYTES_MAX,
    } as const
    const child = execFile(program, words, options, (error, output) => {
      if (!error) return resolve(new Uint8Array(output))
      const why = commandFailure(error, timeoutMs, 'more than a signature')
      reject(new OperatorError(`${nameOf(command)} signed nothing: ${why}`))
    })
    // A command that ends without reading says more by its answer than by a broken pipe.
    child.stdin?.on('error', () => undefined)
    child.stdin?.end(input)
  })
}

function tooMany({ command }: CommandKey): OperatorError {
  return new OperatorError(
    `${nameOf(command)} is too slow: ${WAITING_SIGNATURES_MAX} signatures wait for it`,
  )
}

/** Its arguments are not shown: they may hold a PIN. */
function nameOf([program = '']: readonly string[]): string {
  return `the signer command ${program}`
}
