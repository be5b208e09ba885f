/** PEM files that are missing, wrong or about to end: one line each, for gateways and agents. */
import { execFileSync } from 'node:child_process'
import { chmodSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import type { TlsListener } from '../../gateway/broker/broker.ts'
import { readTlsFiles } from '../../gateway/broker/io/tlsFiles.ts'
import { brokerConnector, brokerWarnings } from '../../ports/io/brokerLogin.ts'
import { createKeyPair } from '../../ports/io/keyFile.ts'
import { OperatorError } from '../../ports/operatorError.ts'
import { startWorkshop } from './openssl.ts'

const workshop = startWorkshop()
afterAll(() => workshop.close())
const at = (name: string) => join(workshop.folder, name)
const authority = workshop.authority('ours')
const stranger = workshop.authority('stranger')
const server = workshop.server(authority)
const client = workshop.client(authority, '/CN=solar\\/pi1')
const listener: TlsListener = {
  kind: 'tls',
  host: '127.0.0.1',
  port: 0,
  roles: ['device'],
  ...server,
  clientAuthority: authority.certificate,
  clientCertificate: 'required',
}
writeFileSync(at('text'), 'no certificate at all')
writeFileSync(at('damaged'), '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n')
const encrypted = ['ec', '-in', server.key, '-aes256', '-passout', 'pass:x', '-out', at('enc.key')]
execFileSync('openssl', encrypted, { stdio: 'ignore' })

describe('of a listener', () => {
  test.each<[string, Partial<TlsListener>, RegExp]>([
    ['a missing file', { certificate: at('none') }, /cannot read .*none \(ENOENT\)/],
    ['no PEM', { certificate: at('text') }, /is no PEM file: make one with "tickpay ca"/],
    ['a damaged certificate', { certificate: at('damaged') }, /holds a damaged certificate/],
    ['a key in place of a certificate', { certificate: server.key }, /holds no certificate/],
    ['the key of another', { key: client.key }, /is not the key of the certificate in/],
    ['an encrypted key', { key: at('enc.key') }, /give it in PEM, not encrypted/],
    ['no authority', { clientAuthority: client.certificate }, /CN=solar\/pi1 is no authority/],
    ['no list', { revocationList: client.certificate }, /holds no revocation list of an authority/],
    ['the list of a stranger', { revocationList: workshop.revoke(stranger) }, /that is trusted/],
  ])('%s', async (_what, change, expected) => {
    const reading = readTlsFiles({ ...listener, ...change }, undefined)
    await expect(reading).rejects.toThrow(expected)
    await expect(reading).rejects.toBeInstanceOf(OperatorError)
  })

  test('unchanged ones are not looked at again', async () => {
    const material = await readTlsFiles(listener, undefined)
    expect(await readTlsFiles(listener, material?.version)).toBeUndefined()
  })

  test('what ends soon, has ended, or is open to others is told', async () => {
    chmodSync(server.key, 0o644)
    const material = await readTlsFiles(listener, undefined)
    chmodSync(server.key, 0o600)
    const now = Date.now()
    expect(material?.warningsAt(now).join('\n')).toMatch(
      /chmod 600[\s\S]*CN=gateway expires within 2 days: renew it[\s\S]*CN=ours expires/,
    )
    expect(material?.warningsAt(now + 3 * 86_400_000).join('\n')).toMatch(/CN=gateway has expired/)
    expect(material?.warningsAt(now - 60 * 86_400_000)).toHaveLength(1)
  })
})

describe('of an agent', () => {
  const { privateKey } = createKeyPair('p256')
  const trust = { authority: authority.certificate }
  const url = 'mqtts://127.0.0.1:8883'

  test.each([
    ['certificates for a line in the clear', 'mqtt://127.0.0.1', trust, /write it as mqtts:\/\//],
    ['a missing file', url, { authority: at('none') }, /cannot read .*none/],
    ['no certificate', url, { authority: server.key }, /holds no certificate/],
    ['a pair that is none', url, { ...trust, ...client, key: server.key }, /is not the key of/],
    ['the certificate of another key', url, { certificate: client.certificate }, /is not the key/],
    ['no port', 'mqtts://', trust, /write it as mqtts:\/\/host:8883/],
  ])('%s', async (_what, place, tls, expected) => {
    const connecting = brokerConnector({ url: place, tls }, {}, privateKey)
    await expect(connecting).rejects.toThrow(expected)
    await expect(connecting).rejects.toBeInstanceOf(OperatorError)
  })

  test('a certificate alone is for a p256 key', async () => {
    const { privateKey: other } = createKeyPair('ed25519')
    const tls = { certificate: client.certificate }
    const connecting = brokerConnector({ url, tls }, {}, other)
    await expect(connecting).rejects.toThrow('needs its key: name it under tls')
  })

  test('is told of what ends soon, and of a line that others can read', async () => {
    const tls = { ...trust, ...client }
    const soon = await brokerWarnings({ url, tls }, Date.now())
    expect(soon).toHaveLength(2)
    expect(soon[0]).toMatch(/expires within 2 days: renew it/)
    expect(await brokerWarnings({ url, tls }, Date.now() - 60 * 86_400_000)).toEqual([])
    const plain = await brokerWarnings({ url: 'mqtt://10.0.0.2' }, 0)
    expect(plain.join()).toMatch(/anyone on the way can read .* use mqtts/)
    expect(await brokerWarnings({ url: 'mqtt://127.0.0.1' }, 0)).toEqual([])
    expect(await brokerWarnings({ url }, 0)).toEqual([])
  })
})
