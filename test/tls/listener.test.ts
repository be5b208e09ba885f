/** Real TLS over real sockets: who gets in, who does not, and what a handshake may cost. */
import { X509Certificate } from 'node:crypto'
import { once } from 'node:events'
import { copyFileSync, readFileSync, writeFileSync } from 'node:fs'
import type { Socket } from 'node:net'
import { createConnection } from 'node:net'
import { afterEach, describe, expect, test } from 'vitest'
import { connectPacket } from '../broker/rawClient.ts'
import { until } from '../support/until.ts'
import type { TlsClient, TlsWorld, TlsWorldOptions } from './world.ts'
import { connectTls, sClient, startTlsWorld } from './world.ts'

let world: TlsWorld

afterEach(() => world.close())

async function start(options?: TlsWorldOptions) {
  world = await startTlsWorld(options)
  return world
}

/** Connects again and again until it is let in. */
async function untilAccepted(open: () => TlsClient): Promise<void> {
  const endMs = performance.now() + 20_000
  while (performance.now() < endMs) {
    if ((await open().answer) === accepted) return
  }
  throw new Error('never let in')
}

const accepted = 0
const notAuthorised = 5

/** Also when the other side resets what it has not read. */
function end(socket: Socket): Promise<void> {
  return new Promise((resolve) => socket.once('close', () => resolve()))
}

describe('a certificate of the authority', () => {
  test('lets the device in that it names, over TLS 1.3', async () => {
    const { workshop, authority } = await start()
    const pi1 = workshop.client(authority, '/CN=solar\\/pi1')
    const client = connectTls(world, pi1, 'solar/pi1')
    expect(await client.answer).toBe(accepted)
    expect(client.socket.getProtocol()).toBe('TLSv1.3')
    await until('the session', () => world.sessions.includes('+ solar/pi1'))
  })

  test('T21: of another device is refused, and the session of that name stays', async () => {
    const { workshop, authority } = await start()
    const pi1 = workshop.client(authority, '/CN=solar\\/pi1')
    const pi2 = workshop.client(authority, '/CN=solar\\/pi2')
    expect(await connectTls(world, pi2, 'solar/pi2').answer).toBe(accepted)
    // The right user name, the right password, the certificate of somebody else.
    expect(await connectTls(world, pi1, 'solar/pi2').answer).toBe(notAuthorised)
    expect(world.broker.sessions().map(({ id }) => id)).toEqual(['solar/pi2'])
    expect(world.sessions).toEqual(['+ solar/pi2'])
    expect(world.broker.counters().refused).toEqual({ wrong_certificate: 1 })
  })

  test.each([
    ['/O=Solar/CN=solar\\/pi1/OU=roof', accepted],
    ['/CN=solar\\/pi10', notAuthorised],
    ['/CN=Solar\\/pi1', notAuthorised],
    ['/CN=solar\\/pi1\\/', notAuthorised],
    ['/CN=solar', notAuthorised],
    ['/CN=solar\\/_', notAuthorised],
    ['/CN=solar\\/pi1/CN=solar\\/pi1', 'closed'],
    ['/O=solar\\/pi1', 'closed'],
  ])('with the subject %s for solar/pi1: %s', async (subject, expected) => {
    const { workshop, authority } = await start()
    const client = connectTls(world, workshop.client(authority, subject), 'solar/pi1')
    const answer = await client.answer
    expect(typeof answer === 'string' ? 'closed' : answer).toBe(expected)
  })

  test('of the fleet is for its manager and for its people, not for its devices', async () => {
    const { workshop, authority } = await start()
    const fleet = workshop.client(authority, '/CN=solar\\/_')
    expect(await connectTls(world, fleet, 'solar/_').answer).toBe(accepted)
    expect(await connectTls(world, fleet, 'ann@solar').answer).toBe(accepted)
    expect(await connectTls(world, fleet, 'bob@wind').answer).toBe(notAuthorised)
    expect(await connectTls(world, fleet, 'solar/pi1').answer).toBe(notAuthorised)
    const pi1 = workshop.client(authority, '/CN=solar\\/pi1')
    expect(await connectTls(world, pi1, 'ann@solar').answer).toBe(notAuthorised)
  })

  // T36
  test('is remembered in a ticket, which spares the next handshake the certificates', async () => {
    const { workshop, authority } = await start()
    const pi1 = workshop.client(authority, '/CN=solar\\/pi1')
    const client = connectTls(world, pi1, 'solar/pi1')
    let session: Buffer | undefined
    client.socket.on('session', (ticket) => {
      session = ticket
    })
    expect(await client.answer).toBe(accepted)
    const ticket = { session: await until('a ticket', () => session) }
    const again = connectTls(world, pi1, 'solar/pi1', ticket)
    expect(await again.answer).toBe(accepted)
    expect(again.socket.isSessionReused()).toBe(true)
    // What the ticket remembers is whose it was.
    expect(await connectTls(world, pi1, 'solar/pi2', ticket).answer).toBe(notAuthorised)
  })

  test('made for servers opens no door', async () => {
    const { workshop, authority } = await start()
    const client = connectTls(world, workshop.server(authority), 'solar/pi1')
    expect(typeof (await client.answer)).toBe('string')
  })

  test('of a name longer than openssl would write is read all the same', async () => {
    const { workshop, authority } = await start()
    const name = `${'s'.repeat(31)}/${'d'.repeat(31)}`
    const client = connectTls(
      world,
      workshop.client(authority, `/CN=${name.replace('/', '\\/')}`),
      name,
    )
    expect(await client.answer).toBe(accepted)
  })
})

describe('refused within the handshake', () => {
  test('no certificate, one of a stranger, and one that is over', async () => {
    const { workshop, authority, log } = await start()
    const stranger = workshop.client(workshop.authority('stranger'), '/CN=solar\\/pi1')
    const over = workshop.client(authority, '/CN=solar\\/pi1', -1)
    for (const own of [undefined, stranger, over]) {
      expect(typeof (await connectTls(world, own, 'solar/pi1').answer)).toBe('string')
    }
    expect(world.sessions).toEqual([])
    expect(log.filter((line) => line.startsWith('no TLS connection'))).toHaveLength(3)
    expect(world.broker.counters().refused).toEqual({ no_tls: 3 })
  })

  test('one that calls itself as the authority does, with a key of its own', async () => {
    const { workshop } = await start()
    const forged = { ...workshop.authority('forged'), name: 'first' }
    const client = connectTls(world, workshop.client(forged, '/CN=solar\\/pi1'), 'solar/pi1')
    expect(typeof (await client.answer)).toBe('string')
  })

  test('TLS 1.2 and older, which openssl is told why', async () => {
    const { workshop, authority, port } = await start()
    const { certificate, key } = workshop.client(authority, '/CN=solar\\/pi1')
    const own = ['-cert', certificate, '-key', key, '-CAfile', authority.certificate]
    const old = await sClient(port, '-tls1_2', ...own)
    expect(old).toMatch(/alert protocol version/)
    const fresh = await sClient(port, '-tls1_3', ...own)
    expect(fresh).toMatch(/Verify return code: 0 \(ok\)/)
    expect(fresh).toMatch(/TLSv1\.3/)
  })

  test('bytes that are no TLS', async () => {
    const { port, log } = await start()
    const socket = createConnection({ port, host: '127.0.0.1' })
    socket.on('error', () => {})
    socket.write(connectPacket({ clientId: 'solar/pi1', username: 'solar/pi1', password: 'good' }))
    await end(socket.resume())
    expect(log.filter((line) => line.startsWith('no TLS connection'))).toHaveLength(1)
  })

  test('a client that does not trust the gateway, or knows it by another name', async () => {
    const { workshop, port, authority } = await start({
      change: (shop, by) => shop.server(by, 'DNS:gateway.example'),
    })
    const pi1 = workshop.client(authority, '/CN=solar\\/pi1')
    const other = workshop.authority('other')
    const distrusting = connectTls({ port, authority: other }, pi1, 'solar/pi1')
    expect(await distrusting.answer).toBe('SELF_SIGNED_CERT_IN_CHAIN')
    expect(await connectTls(world, pi1, 'solar/pi1').answer).toBe('ERR_TLS_CERT_ALTNAME_INVALID')
  })
})

describe('where certificates are optional', () => {
  const optional = { change: () => ({ clientCertificate: 'optional' as const }) }

  test('people come without one, devices and fleets do not', async () => {
    await start(optional)
    expect(await connectTls(world, undefined, 'ann@solar').answer).toBe(accepted)
    expect(await connectTls(world, undefined, 'solar/pi1').answer).toBe(notAuthorised)
    expect(await connectTls(world, undefined, 'solar/_').answer).toBe(notAuthorised)
    expect(world.broker.counters().refused).toEqual({ no_certificate: 2 })
  })

  test('one that is shown still counts', async () => {
    const { workshop } = await start(optional)
    const stranger = workshop.client(workshop.authority('stranger'), '/CN=solar\\/_')
    expect(typeof (await connectTls(world, stranger, 'ann@solar').answer)).toBe('string')
  })
})

describe('a handshake that is not finished', () => {
  async function silent(port: number, localAddress = '127.0.0.1'): Promise<Socket> {
    const socket = createConnection({ port, host: '127.0.0.1', localAddress })
    socket.on('error', () => {})
    await once(socket, 'connect')
    return socket.resume()
  }

  test('T35: uses up its address, which then gets no handshake; others do', async () => {
    const limits = { failedLoginsBurst: 5, failedLoginsPerSecond: 1 }
    const { port, workshop, authority, broker } = await start({ limits })
    const elsewhere = '127.0.0.2'
    for (let count = 0; count < 5; count++) {
      const socket = await silent(port, elsewhere)
      socket.write('GET / HTTP/1.1\r\n\r\n')
      await end(socket)
    }
    const own = workshop.client(authority, '/CN=solar\\/pi1')
    const barred = connectTls(world, own, 'solar/pi1', { localAddress: elsewhere } as object)
    expect(typeof (await barred.answer)).toBe('string')
    expect(broker.counters().refused).toEqual({ no_tls: 5, failed_logins: 1 })
    expect(await connectTls(world, own, 'solar/pi1').answer).toBe(accepted)
  })

  test('T34: is cut at the deadline, whatever it dribbles', async () => {
    const { port, log } = await start({ limits: { handshakeDeadlineMs: 200 } })
    const socket = await silent(port)
    // The beginning of a hello that would be 512 bytes long.
    const hello = [22, 3, 1, 2, 0, 1, 0, 1, 252, 3, 3]
    const dribble = setInterval(() => socket.write(Buffer.from([hello.shift() ?? 0])), 10)
    const startMs = performance.now()
    await end(socket)
    clearInterval(dribble)
    expect(performance.now() - startMs).toBeLessThan(2_000)
    expect(log).toContain('no TLS connection handshake_deadline')
    expect(world.broker.counters().refused).toMatchObject({ handshake_deadline: 1 })
  })

  test('T34: gives way to new ones when there are too many', async () => {
    const { workshop, authority, port } = await start({
      limits: { handshakesMax: 4, handshakeGraceMs: 0, handshakeDeadlineMs: 60_000 },
    })
    const crowd = await Promise.all(Array.from({ length: 4 }, () => silent(port)))
    const pi1 = workshop.client(authority, '/CN=solar\\/pi1')
    expect(await connectTls(world, pi1, 'solar/pi1').answer).toBe(accepted)
    await until('the oldest is gone', () => crowd.filter(({ closed }) => closed).length === 1)
    for (const socket of crowd) socket.destroy()
  })

  test('T34: is let be within its grace, and the new one is turned away', async () => {
    const { workshop, authority, port } = await start({
      limits: { handshakesMax: 4, handshakeGraceMs: 60_000, handshakeDeadlineMs: 60_000 },
    })
    const crowd = await Promise.all(Array.from({ length: 4 }, () => silent(port)))
    const pi1 = workshop.client(authority, '/CN=solar\\/pi1')
    expect(typeof (await connectTls(world, pi1, 'solar/pi1').answer)).toBe('string')
    expect(crowd.every(({ closed }) => !closed)).toBe(true)
    for (const socket of crowd) socket.destroy()
    await untilAccepted(() => connectTls(world, pi1, 'solar/pi1'))
  })
})

describe('while the gateway runs', () => {
  test('a new certificate is used at once, and sessions stay', async () => {
    const { workshop, authority, listener } = await start()
    const pi1 = workshop.client(authority, '/CN=solar\\/pi1')
    const client = connectTls(world, pi1, 'solar/pi1')
    expect(await client.answer).toBe(accepted)
    const fresh = workshop.server(authority)
    copyFileSync(fresh.key, listener.key)
    copyFileSync(fresh.certificate, listener.certificate)
    await until('it was read', () => world.log.includes('certificates read again'))
    const again = connectTls(world, pi1, 'solar/pi2')
    await once(again.socket, 'secureConnect')
    const shown = again.socket.getPeerX509Certificate()?.fingerprint256
    expect(shown).toBe(new X509Certificate(readFileSync(fresh.certificate)).fingerprint256)
    await again.closed
    expect(world.sessions).toEqual(['+ solar/pi1'])
    expect(client.socket.closed).toBe(false)
  })

  test('T25: files that had lain for a while are read again whenever they change', async () => {
    const { workshop, authority, listener, log } = await start({ laterMs: 60_000 })
    const reads = () => log.filter((line) => line === 'certificates read again').length
    for (const times of [1, 2]) {
      const fresh = workshop.server(authority)
      copyFileSync(fresh.key, listener.key)
      copyFileSync(fresh.certificate, listener.certificate)
      await until('it was read', () => reads() === times)
    }
  })

  test('files that do not fit leave the old ones in use', async () => {
    const { workshop, authority, listener, log } = await start()
    copyFileSync(workshop.server(authority).key, listener.key)
    await until('it is told', () => log.some((line) => line.startsWith('cannot use the new')))
    const pi1 = workshop.client(authority, '/CN=solar\\/pi1')
    expect(await connectTls(world, pi1, 'solar/pi1').answer).toBe(accepted)
  })

  test('T25: a revoked certificate ends its session within 5 s and opens none', async () => {
    let list = ''
    const { workshop, authority } = await start({
      change: (shop, by) => {
        list = shop.revoke(by)
        return { revocationList: list }
      },
    })
    const pi1 = workshop.client(authority, '/CN=solar\\/pi1')
    const pi2 = workshop.client(authority, '/CN=solar\\/pi2')
    const first = connectTls(world, pi1, 'solar/pi1')
    const other = connectTls(world, pi2, 'solar/pi2')
    let ticket: Buffer | undefined
    first.socket.on('session', (session) => {
      ticket = session
    })
    expect([await first.answer, await other.answer]).toEqual([accepted, accepted])
    const startMs = performance.now()
    workshop.revoke(authority, pi1.certificate)
    await first.closed
    expect(performance.now() - startMs).toBeLessThan(5_000)
    expect(typeof (await connectTls(world, pi1, 'solar/pi1').answer)).toBe('string')
    const session = await until('a ticket', () => ticket)
    const resumed = connectTls(world, pi1, 'solar/pi1', { session })
    expect(typeof (await resumed.answer)).toBe('string')
    expect(other.socket.closed).toBe(false)
  })

  test('two authorities are trusted at once; without one of them its own are cut off', async () => {
    const { workshop, authority, listener } = await start()
    const old = workshop.client(authority, '/CN=solar\\/pi1')
    const client = connectTls(world, old, 'solar/pi1')
    expect(await client.answer).toBe(accepted)
    const second = workshop.authority('second')
    const fresh = workshop.client(second, '/CN=solar\\/pi2')
    const trust = (...all: readonly { certificate: string }[]) => {
      const pem = Buffer.concat(all.map((one) => readFileSync(one.certificate)))
      writeFileSync(listener.clientAuthority, pem)
    }
    const kept = { certificate: `${authority.certificate}.kept` }
    copyFileSync(authority.certificate, kept.certificate)
    const here = { port: world.port, authority: { ...authority, ...kept } }
    trust(kept, second)
    await untilAccepted(() => connectTls(here, fresh, 'solar/pi2'))
    expect(client.socket.closed).toBe(false)
    trust(second)
    await client.closed
    expect(typeof (await connectTls(here, old, 'solar/pi1').answer)).toBe('string')
    await untilAccepted(() => connectTls(here, fresh, 'solar/pi2'))
  })
})
