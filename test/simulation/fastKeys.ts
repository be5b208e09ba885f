/**
 * Keys at a price that thousands of runs can pay: stands in for `protocol/keys.ts` in the bundle of
 * the simulator. The algorithms are the same; Ed25519 is done by OpenSSL (deterministic too), and
 * nothing is computed twice. That both agree is shown by test/unit/ledger/fastVerify.test.ts.
 * @module
 */
import { createPrivateKey, type KeyObject, sign } from 'node:crypto'
import { fastVerify } from '../../ledger/io/fastVerify.ts'
import * as reference from '../../protocol/keys.ts'

export * from '../../protocol/keys.ts'

/** Answers kept; more than one run asks for. */
const keptMax = 20_000

function remembered<Input extends readonly Uint8Array[], Output>(
  compute: (...input: Input) => Output,
  known: Map<string, Output> = new Map(),
): (...input: Input) => Output {
  return (...input) => {
    const name = nameOf(input)
    const found = known.get(name)
    if (found !== undefined) return found
    const output = compute(...input)
    keep(known, name, output)
    return output
  }
}

function nameOf(input: readonly Uint8Array[]): string {
  let name = ''
  for (const { buffer, byteOffset, length } of input) {
    name += `${length}:${Buffer.from(buffer, byteOffset, length).toString('latin1')}`
  }
  return name
}

function keep<Output>(known: Map<string, Output>, name: string, output: Output): void {
  if (known.size >= keptMax) known.clear()
  known.set(name, output)
}

/** PKCS #8 around a 32-byte seed (RFC 8410). */
const ed25519Prefix = Buffer.from('302e020100300506032b657004220420', 'hex')

const ed25519Key = remembered((seed: Uint8Array): KeyObject => {
  const key = Buffer.concat([ed25519Prefix, seed])
  return createPrivateKey({ key, format: 'der', type: 'pkcs8' })
})

const signRemembered = remembered(
  (algorithm: Uint8Array, key: Uint8Array, digest: Uint8Array): Uint8Array => {
    const name = reference.algorithms[algorithm[0] ?? 0] ?? 'p256'
    if (name === 'ed25519') return Uint8Array.from(sign(null, digest, ed25519Key(key)))
    return reference.signDigest({ algorithm: name, bytes: key }, digest)
  },
)

function place({ algorithm }: { readonly algorithm: reference.Algorithm }): Uint8Array {
  return new Uint8Array([reference.algorithms.indexOf(algorithm)])
}

const verdicts = new Map<string, boolean>()

/** Remembers as well that the signature is valid, which nobody has to find out again. */
export function signDigest(key: reference.PrivateKey, digest: Uint8Array): Uint8Array {
  const algorithm = place(key)
  const signature = signRemembered(algorithm, key.bytes, digest)
  const publicKey = publicBytes(algorithm, key.bytes)
  keep(verdicts, nameOf([algorithm, publicKey, digest, signature]), true)
  return signature.slice()
}

const publicBytes = remembered((algorithm: Uint8Array, key: Uint8Array): Uint8Array => {
  const name = reference.algorithms[algorithm[0] ?? 0] ?? 'p256'
  return reference.publicKeyOf({ algorithm: name, bytes: key }).bytes
})

export function publicKeyOf(key: reference.PrivateKey): reference.PublicKey {
  return { algorithm: key.algorithm, bytes: publicBytes(place(key), key.bytes) }
}

const verifyRemembered = remembered(
  (algorithm: Uint8Array, key: Uint8Array, digest: Uint8Array, signature: Uint8Array): boolean => {
    const name = reference.algorithms[algorithm[0] ?? 0] ?? 'p256'
    return fastVerify({ algorithm: name, bytes: key }, digest, signature)
  },
  verdicts,
)

export function verifyDigest(
  key: reference.PublicKey,
  digest: Uint8Array,
  signature: Uint8Array,
): boolean {
  return verifyRemembered(place(key), key.bytes, digest, signature)
}

const isSound = remembered((algorithm: Uint8Array, key: Uint8Array): boolean =>
  reference.isSoundPublicKey({
    algorithm: reference.algorithms[algorithm[0] ?? 0] ?? 'p256',
    bytes: key,
  }),
)

export function isSoundPublicKey(key: reference.PublicKey): boolean {
  return isSound(place(key), key.bytes)
}

export function parsePublicKey(encoded: Uint8Array): reference.PublicKey | undefined {
  const algorithm = reference.algorithms[(encoded[0] ?? 0) - 1]
  if (algorithm === undefined) return undefined
  const key = { algorithm, bytes: Uint8Array.from(encoded.subarray(1)) }
  return isSoundPublicKey(key) ? key : undefined
}
