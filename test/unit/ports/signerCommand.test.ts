/** A key behind a command: what it gets, what is believed, and what a person is told. */
import { createHash, createPrivateKey, sign } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { p256 } from '@noble/curves/nist.js'
import { afterAll, describe, expect, test } from 'vitest'
import { commandSigner, WAITING_SIGNATURES_MAX } from '../../../ports/io/signerCommand.ts'
import { OperatorError } from '../../../ports/operatorError.ts'
import { bytesToHex } from '../../../protocol/bytes.ts'
import type { Algorithm } from '../../../protocol/keys.ts'
import { publicKeyOf, signDigest, verifyDigest } from '../../../protocol/keys.ts'
import { readSignature } from '../../../protocol/signatureForms.ts'
import { counting } from '../../support/fixtures.ts'
import { testKey } from '../../support/virtualGateway.ts'

const folder = mkdtempSync(join(tmpdir(), 'tickpay-signer-'))
afterAll(() => rmSync(folder, { recursive: true }))

const digest = counting(9)

/** A command that keeps its input in a file and answers with `answer`. */
function commandWith(answer: Uint8Array, name = 'input'): readonly string[] {
  const input = join(folder, name)
  const program = `
    const { readFileSync, appendFileSync } = require('fs')
    appendFileSync(${JSON.stringify(input)}, readFileSync(0).toString('hex') + ' ')
    process.stdout.write(Buffer.from('${bytesToHex(answer)}', 'hex'))`
  return [process.execPath, '-e', program]
}

function sh(script: string): readonly string[] {
  return ['/bin/sh', '-c', script]
}

async function failure(command: readonly string[], timeoutMs?: number): Promise<string> {
  const publicKey = publicKeyOf(testKey('p256', 5))
  const error: unknown = await commandSigner({ command, publicKey }, timeoutMs)
    .sign(digest)
    .catch((reason: unknown) => reason)
  expect(error).toBeInstanceOf(OperatorError)
  return error instanceof Error ? error.message : ''
}

describe('T20: a signer command', () => {
  test.each<Algorithm>(['p256', 'ed25519', 'secp256k1'])('signs with %s', async (algorithm) => {
    const key = testKey(algorithm, 5)
    const command = commandWith(signDigest(key, digest), algorithm)
    const publicKey = publicKeyOf(key)
    const signature = await commandSigner({ command, publicKey }).sign(digest)
    expect(verifyDigest(publicKey, digest, signature)).toBe(true)
    const hashed = createHash('sha256').update(digest).digest('hex')
    const input = readFileSync(join(folder, algorithm), 'utf8')
    expect(input.trim()).toBe(algorithm === 'p256' ? hashed : bytesToHex(digest))
  })

  test('may answer in DER and with the higher s', async () => {
    const key = testKey('p256', 5)
    const low = p256.Signature.fromBytes(signDigest(key, digest), 'compact')
    const high = new p256.Signature(low.r, p256.Point.Fn.neg(low.s))
    for (const format of ['der', 'compact'] as const) {
      const command = commandWith(high.toBytes(format))
      const signer = commandSigner({ command, publicKey: publicKeyOf(key) })
      expect(await signer.sign(digest)).toEqual(low.toBytes('compact'))
    }
  })

  test('(!) is believed only when its signature is good under the pinned key', async () => {
    const stranger = signDigest(testKey('p256', 6), digest)
    const other = signDigest(testKey('p256', 5), counting(10))
    for (const answer of [stranger, other, new Uint8Array(64), new Uint8Array(), counting(1, 63)]) {
      expect(await failure(commandWith(answer))).toMatch(/no signature of the key under publicKey/)
    }
  })

  test.each<[string, readonly string[], RegExp]>([
    ['is not there', ['/nowhere/signer'], /nowhere\/signer signed nothing: there is no such file/],
    ['ends with an error', sh('echo secret >&2; exit 3'), /ended with code 3; try it by hand$/],
    ['writes without end', sh('yes'), /it wrote more than a signature/],
    ['reads nothing', sh('exec 0<&-; exit 1'), /ended with code 1/],
  ])(
    'says what to do when it %s, and nothing of what was written',
    async (_name, command, told) => {
      const message = await failure(command)
      expect(message).toMatch(told)
      expect(message).not.toMatch(/secret|\n/)
    },
  )

  test('is stopped when it takes too long', async () => {
    expect(await failure(['/bin/sleep', '60'], 200)).toMatch(/it took longer than 0.2 s/)
  })

  test('runs once at a time, and no more than so many wait for it', async () => {
    const key = testKey('p256', 5)
    const gate = join(folder, 'gate')
    const answer = bytesToHex(signDigest(key, digest))
    const program = `
      const { mkdirSync, rmdirSync } = require('fs')
      mkdirSync(${JSON.stringify(gate)})
      setTimeout(() => {
        rmdirSync(${JSON.stringify(gate)})
        process.stdout.write(Buffer.from('${answer}', 'hex'))
      }, 20)`
    const command = [process.execPath, '-e', program]
    const signer = commandSigner({ command, publicKey: publicKeyOf(key) })
    const good = await Promise.all([1, 2, 3].map(() => signer.sign(digest)))
    expect(good).toHaveLength(3)
    const idle = commandSigner({ command: ['/bin/false'], publicKey: publicKeyOf(key) })
    const asked = Array.from({ length: WAITING_SIGNATURES_MAX + 1 }, () => idle.sign(digest))
    const last = asked.at(-1)
    await expect(last).rejects.toThrow(/is too slow/)
    await Promise.allSettled(asked)
  })
})

test('what OpenSSL writes is read, whatever its s', () => {
  const key = testKey('p256', 5)
  const point = publicKeyOf(key).bytes
  const text = (bytes: Uint8Array) => Buffer.from(bytes).toString('base64url')
  const [x, y] = [text(point.subarray(0, 32)), text(point.subarray(32))]
  const jwk = { kty: 'EC', crv: 'P-256', d: text(key.bytes), x, y }
  const opened = createPrivateKey({ key: jwk, format: 'jwk' })
  for (let round = 0; round < 64; round++) {
    const message = counting(round)
    const der = new Uint8Array(sign('sha256', message, opened))
    const found = readSignature('p256', der)
    expect(found.some((one) => verifyDigest(publicKeyOf(key), message, one))).toBe(true)
  }
})
