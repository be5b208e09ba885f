/** The whole way: certificates of `tickpay ca`, signed logins, and devices that pay over TLS. */
import { execFile } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { loginOptions } from '../../fleet/login.ts'
import { brokerConnector } from '../../ports/io/brokerLogin.ts'
import type { SiteDevice } from '../bridge/device.ts'
import { connectSiteDevice } from '../bridge/device.ts'
import type { Enrolled } from '../bridge/site.ts'
import { until } from '../support/until.ts'
import type { TlsSite } from './site.ts'
import { openTlsSite, pricePerTick } from './site.ts'

let site: TlsSite
const devices: SiteDevice[] = []

beforeAll(async () => {
  site = await openTlsSite({ clientCertificate: 'optional' })
  await site.ca('fleet', 'acme', '--out', site.folder)
})

afterEach(async () => {
  for (const device of devices.splice(0)) await device.close()
})

afterAll(() => site.close())

async function connect(enrolled: Enrolled, certificate?: string): Promise<SiteDevice> {
  const device = await connectSiteDevice(enrolled, await site.connector(enrolled, certificate))
  devices.push(device)
  return device
}

async function channel(device: string) {
  const [first] = (await site.call('channels', { device })) as Record<string, unknown>[]
  return first ?? {}
}

const closedWithin = async (device: SiteDevice, limitMs: number) => {
  await until('the session is over', () => device.client.received.closed, limitMs)
}

describe('a device with a certificate for the key it signs with', () => {
  test('pays, and comes back', async () => {
    const device = await connect(await site.enrol('ev-1'))
    const committed = await device.commit()
    expect(await device.tick(committed, 5)).toMatchObject({ epoch: 1, index: 5 })
    await device.reconnect()
    expect(await device.tick(committed, 9)).toMatchObject({ epoch: 1, index: 9 })
    expect(await channel('ev-1')).toMatchObject({ paid: `${9n * pricePerTick}`, supply: 'on' })
  })

  test('T21: with the token of another is refused, and the other session goes on', async () => {
    const victim = await site.enrol('ev-3')
    const thief = await site.enrol('ev-4')
    const device = await connect(victim)
    const committed = await device.commit()
    await device.tick(committed, 3)
    // The thief holds the other's signing key, so its token is right; the certificate is its own.
    const stolen = { ...victim, key: thief.key }
    await expect(connect(stolen, 'acme.ev-4')).rejects.toThrow('does not let this client in')
    await device.tick(committed, 4)
    expect(device.client.received.closed).toBe(false)
  })

  test('cannot be another one by a certificate that belongs to another key', async () => {
    const victim = await site.enrol('ev-5')
    const thief = await site.enrol('ev-6')
    const attempt = site.connector({ ...victim, key: thief.key })
    await expect(attempt).rejects.toThrow('is not the key of the certificate')
  })
})

describe('taken back', () => {
  test('T25: a certificate: the session is over within 5 s, and there is no other', async () => {
    const enrolled = await site.enrol('ev-7')
    const device = await connect(enrolled)
    await site.ca('revoke', 'acme/ev-7')
    await closedWithin(device, 5_000)
    await expect(connect(enrolled)).rejects.toThrow('it closed the connection')
  })

  test('T20: a device: over within 5 s, and what it owes is settled', async () => {
    const enrolled = await site.enrol('ev-8')
    const device = await connect(enrolled)
    const committed = await device.commit()
    await device.tick(committed, 7)
    const other = await connect(await site.enrol('ev-9'))
    await site.call('device_revoke', { fleet: 'acme', device: 'ev-8' })
    await closedWithin(device, 5_000)
    await expect(connect(enrolled)).rejects.toThrow('does not let this client in')
    const paid = `${7n * pricePerTick}`
    expect(await channel('ev-8')).toMatchObject({ state: 'closed', paid, reserved: paid })
    expect(await site.call('settle', {})).toMatchObject({ refused: 0 })
    expect(await channel('ev-8')).toMatchObject({ settled: paid, exposure: '0', reserved: '0' })
    expect(other.client.received.closed).toBe(false)
  })
})

test('the service of a fleet shows the certificate of its fleet', async () => {
  const { signer, gatewayKey, folder } = site
  const { domain } = (await site.enrol('ev-10')).identity
  const gateway = { id: 'depot', key: gatewayKey }
  const who = { fleet: 'acme', signerKey: signer.privateKey, gateway, domain }
  const login = async (name: string) => {
    const url = `mqtts://localhost:${site.port}`
    const tls = { ...site.tls(name), key: join(folder, `${name}.key`) }
    const connector = await brokerConnector({ url, tls }, {})
    const nonce = new Uint8Array(randomBytes(32))
    return connector(await loginOptions(who, Math.floor(Date.now() / 1_000), nonce))
  }
  await site.ca('fleet', 'wind', '--out', folder)
  await expect(login('wind')).rejects.toThrow('does not let this client in')
  const service = await login('acme')
  await service.close()
})

test('people come with a password, and with the certificate of their fleet or none', async () => {
  const made = await site.call('credential_add', { fleet: 'acme', name: 'ann', rights: ['read'] })
  const { username, password } = made as { username: string; password: string }
  const listen = async (...words: string[]) => {
    const { stdout } = await promisify(execFile)('mosquitto_sub', [
      ...['-h', 'localhost', '-p', `${site.port}`, '-u', username, '-P', password],
      ...['--cafile', join(site.folder, 'ca/authorities.pem'), '--tls-version', 'tlsv1.3'],
      ...['-t', 'tickpay/1/_gateway/depot/state', '-C', '1', '-W', '10'],
      ...words,
    ])
    return stdout
  }
  const own = ['--cert', join(site.folder, 'acme.pem'), '--key', join(site.folder, 'acme.key')]
  expect(await listen(...own)).toContain('online')
  expect(await listen()).toContain('online')
})
