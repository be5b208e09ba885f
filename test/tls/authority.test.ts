/** `tickpay ca`: what it writes, that openssl agrees, and that gateways and agents work with it. */
import { execFileSync } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { run } from '../../cli/run.ts'
import { createKeyFile } from '../../ports/io/keyFile.ts'
import { formatPublicKey } from '../../ports/keyText.ts'
import { testTerminal } from '../support/testTerminal.ts'

let folder: string

function newFolder(): void {
  folder = mkdtempSync(join(tmpdir(), 'tickpay-ca-'))
}

function dropFolder(): void {
  rmSync(folder, { recursive: true, force: true })
}

const at = (name: string) => join(folder, name)

/** Runs a command on the authority of this test; its lines. */
async function ca(...words: readonly string[]): Promise<readonly string[]> {
  const terminal = testTerminal()
  const signs = words[0] === 'list' ? [] : ['--passphrase-file', at('ca.pass')]
  const makes = ['server', 'device', 'fleet'].includes(words[0] ?? '')
  const out = makes && !words.includes('--out') ? ['--out', folder] : []
  const code = await run(['ca', ...words, '--dir', at('ca'), ...signs, ...out], terminal)
  if (code !== 0) throw new Error(`${code}: ${terminal.errorLines.join('\n')}`)
  return [...terminal.outLines, ...terminal.errorLines]
}

/** What `openssl verify` says of a certificate of this authority. */
function verify(file: string, purpose: 'sslclient' | 'sslserver'): string {
  const trust = ['-CAfile', at('ca/authorities.pem'), '-CRLfile', at('ca/revoked.pem')]
  try {
    const words = ['verify', ...trust, '-crl_check', '-x509_strict', '-purpose', purpose]
    return execFileSync('openssl', [...words, at(file)], { encoding: 'utf8', stdio: 'pipe' })
  } catch (error) {
    return String((error as { stderr?: unknown }).stderr)
  }
}

function openssl(...words: readonly string[]): string {
  return execFileSync('openssl', words, { encoding: 'utf8', stdio: 'pipe' })
}

const serialIn = (file: string) => openssl('x509', '-in', at(file), '-noout', '-serial')

describe('tickpay ca', () => {
  beforeEach(async () => {
    newFolder()
    await ca('create')
  })
  afterEach(dropFolder)

  test('makes certificates that openssl accepts for what they are for', async () => {
    await ca('server', '--host', '127.0.0.1', '--host', 'gw.lan')
    await ca('device', 'acme/ev-1')
    await ca('fleet', 'acme')
    expect(verify('server.pem', 'sslserver')).toContain('OK')
    expect(verify('acme.ev-1.pem', 'sslclient')).toContain('OK')
    expect(verify('acme.pem', 'sslclient')).toContain('OK')
    expect(verify('server.pem', 'sslclient')).toContain('unsuitable certificate purpose')
    expect(verify('acme.ev-1.pem', 'sslserver')).toContain('unsuitable certificate purpose')
    const subject = openssl('x509', '-in', at('acme.ev-1.pem'), '-noout', '-subject', '-pubkey')
    expect(subject).toContain('CN = acme/ev-1')
    expect(openssl('x509', '-in', at('acme.pem'), '-noout', '-subject')).toContain('CN = acme/_')
    const names = openssl('x509', '-in', at('server.pem'), '-noout', '-ext', 'subjectAltName')
    expect(names).toContain('IP Address:127.0.0.1, DNS:gw.lan')
  })

  test('lets nobody else read keys, and keeps the own one encrypted', async () => {
    await ca('device', 'acme/ev-1')
    for (const file of ['acme.ev-1.key', 'ca/authority-1.key', 'ca.pass', 'ca/ca.json']) {
      expect(statSync(at(file)).mode & 0o777, file).toBe(0o600)
    }
    expect(readFileSync(at('ca/authority-1.key'), 'utf8')).toContain('aes-256-gcm')
    writeFileSync(at('ca.pass'), 'another')
    await expect(ca('device', 'acme/ev-2')).rejects.toThrow('wrong passphrase')
    expect(existsSync(at('acme.ev-2.pem'))).toBe(false)
  })

  test('a device without a clock trusts its gateway, from 1970 on', async () => {
    await ca('server', '--host', 'gw.lan')
    for (const file of ['server.pem', 'ca/authorities.pem']) {
      const begins = openssl('x509', '-in', at(file), '-noout', '-startdate')
      expect(begins).toContain('Jan  1 00:00:00 1970')
    }
  })

  test('T23: gives a name one certificate, until that is revoked', async () => {
    await ca('device', 'acme/ev-1')
    await expect(ca('device', 'acme/ev-1', '--out', at('ca'))).rejects.toThrow('has a certificate')
    await ca('revoke', 'acme/ev-1')
    expect(verify('acme.ev-1.pem', 'sslclient')).toContain('certificate revoked')
    await expect(ca('device', 'acme/ev-1')).rejects.toThrow('is there already')
    await ca('device', 'acme/ev-1', '--out', at('ca'))
    expect(verify('ca/acme.ev-1.pem', 'sslclient')).toContain('OK')
    await expect(ca('revoke', 'acme/ev-9')).rejects.toThrow('has no certificate')
  })

  test('certifies the key that a device has already', async () => {
    const { publicKey } = await createKeyFile(at('ev-1.key'), 'p256', 'secret')
    await ca('device', 'acme/ev-1', '--key', formatPublicKey(publicKey))
    expect(existsSync(at('acme.ev-1.key'))).toBe(false)
    const text = openssl('x509', '-in', at('acme.ev-1.pem'), '-noout', '-text')
    const hex = text.replace(/[\s:]/g, '')
    expect(hex).toContain(`04${Buffer.from(publicKey.bytes).toString('hex')}`)
    const other = await createKeyFile(at('ev-2.key'), 'ed25519', 'secret')
    const named = formatPublicKey(other.publicKey)
    await expect(ca('device', 'acme/ev-2', '--key', named)).rejects.toThrow('needs a p256 key')
  })

  test('renews what ends soon, for the same key and in the same place', async () => {
    await ca('device', 'acme/ev-1', '--days', '20')
    await ca('device', 'acme/ev-2')
    expect((await ca('list')).join('\n')).toMatch(/ev-1 .*renew[\s\S]*ev-2 .*in force[\s\S]*1 end/)
    const [key, before] = [readFileSync(at('acme.ev-1.key')), serialIn('acme.ev-1.pem')]
    const said = await ca('renew', '--days', '90')
    expect(said).toHaveLength(1)
    expect(serialIn('acme.ev-1.pem')).not.toBe(before)
    expect(readFileSync(at('acme.ev-1.key'))).toEqual(key)
    const publicKey = openssl('x509', '-in', at('acme.ev-1.pem'), '-noout', '-pubkey')
    expect(openssl('pkey', '-in', at('acme.ev-1.key'), '-pubout')).toBe(publicKey)
    expect((await ca('renew')).join()).toContain('nothing has to be renewed')
    // The old one is still good, so both are taken back.
    await ca('revoke', 'acme/ev-1')
    expect(openssl('crl', '-in', at('ca/revoked.pem'), '-noout', '-text')).toMatch(
      /Serial Number[\s\S]*Serial Number/,
    )
  })

  test('replaces the authority with an overlap in which both are trusted', async () => {
    await ca('server', '--host', 'gw.lan')
    await ca('device', 'acme/ev-1')
    await ca('rotate')
    expect(verify('acme.ev-1.pem', 'sslclient')).toContain('OK')
    await expect(ca('retire', '1')).rejects.toThrow('2 have no newer certificate')
    await ca('renew')
    expect(verify('acme.ev-1.pem', 'sslclient')).toContain('OK')
    await ca('retire', '1')
    expect(verify('acme.ev-1.pem', 'sslclient')).toContain('OK')
    expect(readFileSync(at('ca/authorities.pem'), 'utf8').match(/BEGIN/g)).toHaveLength(1)
    expect(existsSync(at('ca/authority-1.key'))).toBe(false)
    await expect(ca('retire', '2')).rejects.toThrow('it is the only authority')
    await expect(ca('retire', '1')).rejects.toThrow('there is no authority 1')
  })
})

describe('a mistake', () => {
  beforeAll(async () => {
    newFolder()
    await ca('create')
  })
  afterAll(dropFolder)

  test.each([
    [['device', 'acme'], 'write FLEET/DEVICE'],
    [['device', 'acme/_'], 'write FLEET/DEVICE'],
    [['device', 'acme/ev/1'], 'write FLEET/DEVICE'],
    [['fleet', 'Acme'], 'is no name of a fleet'],
    [['server'], 'give --host'],
    [['server', '--host', 'a b'], 'is no host name'],
    [['server', '../x', '--host', 'a'], 'is no name for a file'],
    [['device', 'acme/ev-1', '--days', '0'], 'no number of days'],
    [['device', 'acme/ev-1', '--days', '5000'], 'the authority ends before that'],
    [['renew', 'acme/ev-1'], 'has no certificate to renew'],
    [['create'], 'has an authority already'],
  ])('%j is told in one line', async (words, expected) => {
    await expect(ca(...words)).rejects.toThrow(expected)
  })

  test('one command at a time', async () => {
    writeFileSync(at('ca/lock'), '')
    await expect(ca('fleet', 'acme')).rejects.toThrow('another command works on')
    rmSync(at('ca/lock'))
    await ca('fleet', 'acme')
  })
})

test('without an authority, a command says how to make one', async () => {
  newFolder()
  await expect(ca('list')).rejects.toThrow('tickpay ca create')
  dropFolder()
})
