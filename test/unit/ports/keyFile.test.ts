/** The encrypted key file: it opens with its passphrase only, and damage is one line. */
import { chmod, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import {
  createKeyFile,
  readKeyFile,
  readPassphrase,
  readPublicKeyText,
} from '../../../ports/io/keyFile.ts'
import { formatPublicKey, parseKeyText } from '../../../ports/keyText.ts'
import { OperatorError } from '../../../ports/operatorError.ts'
import { bytesToHex } from '../../../protocol/bytes.ts'
import { algorithms, publicKeyOf } from '../../../protocol/keys.ts'

let folder: string
let path: string
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tickpay-key-'))
  path = join(folder, 'device.key')
})
afterEach(() => rm(folder, { recursive: true }))

async function failure(attempt: Promise<unknown>): Promise<string> {
  const error = await attempt.then(
    () => undefined,
    (reason: unknown) => reason,
  )
  expect(error).toBeInstanceOf(OperatorError)
  const { message } = error as Error
  expect(message).not.toContain('\n')
  return message
}

describe('key files', () => {
  test.each(algorithms)('a %s key comes back with its root secret', async (algorithm) => {
    const made = await createKeyFile(path, algorithm, 'correct horse')
    const opened = await readKeyFile(path, 'correct horse')
    expect(opened).toEqual({ ...made, warning: undefined })
    expect(publicKeyOf(opened.privateKey)).toEqual(made.publicKey)
    expect(opened.rootSecret).toHaveLength(32)
    expect(await readPublicKeyText(path)).toBe(formatPublicKey(made.publicKey))
  })

  // T20
  test('only its owner can read it, and no secret stands in it', async () => {
    const made = await createKeyFile(path, 'p256', 'secret')
    expect((await stat(path)).mode & 0o777).toBe(0o600)
    const text = await readFile(path, 'utf8')
    expect(text).not.toContain(bytesToHex(made.privateKey.bytes))
    expect(text).not.toContain(bytesToHex(made.rootSecret))
  })

  test('warns when others can read it', async () => {
    await createKeyFile(path, 'p256', 'secret')
    await chmod(path, 0o640)
    expect((await readKeyFile(path, 'secret')).warning).toMatch(/chmod 600/)
  })

  test('is never replaced', async () => {
    await createKeyFile(path, 'p256', 'secret')
    expect(await failure(createKeyFile(path, 'p256', 'secret'))).toMatch(/it is there already/)
  })

  test('says in one line what is wrong with it', async () => {
    expect(await failure(readKeyFile(path, 'secret'))).toMatch(/there is no such file/)
    await createKeyFile(path, 'ed25519', 'secret')
    expect(await failure(readKeyFile(path, 'Secret'))).toMatch(/wrong passphrase/)
    await writeFile(path, 'not json')
    expect(await failure(readKeyFile(path, 'secret'))).toMatch(/is not a key file/)
  })

  test('does not open when anything in it was changed', async () => {
    await createKeyFile(path, 'ed25519', 'secret')
    const other = join(folder, 'other.key')
    const stranger = await createKeyFile(other, 'ed25519', 'secret')
    const file = JSON.parse(await readFile(path, 'utf8'))
    const changes = [
      { publicKey: formatPublicKey(stranger.publicKey) },
      { algorithm: 'p256' },
      { ciphertext: `00${file.ciphertext.slice(2)}` },
      { cipher: { ...file.cipher, tag: '00'.repeat(16) } },
      { kdf: { ...file.kdf, salt: '00'.repeat(16) } },
    ]
    for (const change of changes) {
      await writeFile(path, JSON.stringify({ ...file, ...change }))
      expect(await failure(readKeyFile(path, 'secret'))).toMatch(/wrong passphrase/)
    }
    await writeFile(path, JSON.stringify({ ...file, kdf: { ...file.kdf, N: 2 ** 30 } }))
    expect(await failure(readKeyFile(path, 'secret'))).toMatch(/kdf parameters/)
  })
})

describe('passphrases', () => {
  test('come from a file, the environment or a systemd credential', async () => {
    const file = join(folder, 'pass')
    await writeFile(file, 'open sesame\n')
    expect(await readPassphrase({ file }, {})).toBe('open sesame')
    expect(await readPassphrase({ env: 'PASS' }, { PASS: 'x' })).toBe('x')
    const environment = { CREDENTIALS_DIRECTORY: folder }
    expect(await readPassphrase({ credential: 'pass' }, environment)).toBe('open sesame')
  })

  test('that are missing or empty are one line', async () => {
    expect(await failure(readPassphrase({}, {}))).toMatch(/name a file/)
    expect(await failure(readPassphrase({ env: 'PASS' }, {}))).toMatch(/PASS is not set/)
    expect(await failure(readPassphrase({ credential: 'a' }, {}))).toMatch(/LoadCredential=a/)
    const file = join(folder, 'pass')
    expect(await failure(readPassphrase({ file }, {}))).toMatch(/no such file/)
    await writeFile(file, '\n')
    expect(await failure(readPassphrase({ file }, {}))).toMatch(/is empty/)
  })
})

describe('public keys as text', () => {
  test('round trip, and nothing unsound is read', async () => {
    const { publicKey } = await createKeyFile(path, 'secp256k1', 'secret')
    const text = formatPublicKey(publicKey)
    expect(parseKeyText(text)).toEqual(publicKey)
    expect(parseKeyText(` ${text}\n`)).toEqual(publicKey)
    expect(parseKeyText(text.replace('secp256k1', 'p256'))).toBeUndefined()
    expect(parseKeyText(`ed25519:01${'00'.repeat(31)}`)).toBeUndefined()
    expect(parseKeyText(`${text}:00`)).toBeUndefined()
    expect(parseKeyText('rsa:00')).toBeUndefined()
    expect(parseKeyText('')).toBeUndefined()
  })
})
