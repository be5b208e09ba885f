import { afterEach, beforeEach, expect, test } from 'vitest'
import { renewalOf } from '../support/gatewayScene.ts'
import { until } from '../support/until.ts'
import type { SiteDevice } from './device.ts'
import { connectSiteDevice } from './device.ts'
import type { Mosquitto } from './mosquitto.ts'
import { startMosquitto } from './mosquitto.ts'
import type { BrokerFields, Enrolled, Site } from './site.ts'
import { feeBasisPoints, fleet, funded, loginAt, openSite, pricePerTick } from './site.ts'

let mosquitto: Mosquitto
let site: Site
let enrolled: Enrolled
const devices: SiteDevice[] = []

beforeEach(async () => {
  mosquitto = await startMosquitto({ users: ['depot', 'acme/_', 'acme/ev-1', 'acme/ev-2'] })
})

afterEach(async () => {
  for (const device of devices.splice(0)) await device.close()
  await site.close()
  await mosquitto.close()
})

async function open(change: BrokerFields = {}): Promise<void> {
  site = await openSite(mosquitto, change)
  enrolled = await site.enrol('ev-1')
  await site.call('mandate_put', { mandates: [site.mandate(enrolled.channelId, 1, 1_000n)] })
  await online()
}

async function online(): Promise<void> {
  let state = ''
  const ask = async () => {
    state = (await site.broker()).state
  }
  await until('the gateway is online', () => {
    void ask()
    return state === 'online'
  })
}

async function gone(): Promise<void> {
  let devices = -1
  await until('the gateway has lost its devices', () => {
    void site.broker().then((status) => {
      devices = status.devices
    })
    return devices === 0
  })
}

async function connect(): Promise<SiteDevice> {
  const device = await connectSiteDevice(enrolled, mosquitto)
  devices.push(device)
  return device
}

async function channel(): Promise<Readonly<Record<string, unknown>>> {
  const [first] = (await site.call('channels', { device: 'ev-1' })) as Record<string, unknown>[]
  return first ?? {}
}

function amount(ticks: bigint): string {
  return `${ticks * pricePerTick}`
}

test('a device opens, ticks, renews and is settled through a broker', async () => {
  await open()
  const device = await connect()
  const first = await device.commit({ length: 20 })
  expect(await device.tick(first, 16)).toMatchObject({ slot: 0, epoch: 1, index: 16 })
  const second = await device.commit({ ...renewalOf(first), length: 50 })
  await device.tick(first, 20)
  await device.tick(second, 7)
  expect(await channel()).toMatchObject({ epoch: 2, index: 7, paid: amount(27n), supply: 'on' })
  const paid = amount(27n)
  expect(await site.call('settle', {})).toEqual({ channels: 1, paid, refused: 0 })
  expect(await site.call('settle', {})).toMatchObject({ paid: '0' })
  const fee = (27n * pricePerTick * BigInt(feeBasisPoints)) / 10_000n
  expect(await site.call('ledger_balance', {})).toMatchObject({
    balances: expect.arrayContaining([
      balance(/^allocation:/, funded - BigInt(paid)),
      balance(/^fee:/, fee),
      balance(/^payee:/, BigInt(paid) - fee),
    ]),
    sum: '0',
  })
})

function balance(account: RegExp, units: bigint) {
  return expect.objectContaining({ account: expect.stringMatching(account), amount: `${units}` })
}

test('a gateway that comes back asks for hello; nothing is lost or paid twice', async () => {
  await open()
  const device = await connect()
  const committed = await device.commit()
  await device.tick(committed, 5)
  const { received } = device.client
  await device.client.transport.publish(
    'tickpay/1/acme/ev-1/state',
    Buffer.from('{"connection":"online"}'),
    { retain: true },
  )
  const before = received.rejects.length
  await site.restart()
  await online()
  // Nothing was sent: it is the retained state that says who is there.
  const call = await until('a call', () => received.rejects[before])
  expect(call).toMatchObject({ slot: 255, refused: 'hello', reason: 'unknown_channel' })
  expect(await device.tick(committed, 5)).toMatchObject({ index: 5 })
  await device.tick(committed, 9)
  expect(await channel()).toMatchObject({ index: 9, paid: amount(9n) })
  // Five were settled when the gateway stopped.
  expect(await site.call('settle', {})).toMatchObject({ paid: amount(4n) })
  await device.tick(committed, 10)
  expect(await site.call('settle', {})).toMatchObject({ paid: amount(1n) })
  expect(await channel()).toMatchObject({ settled: amount(10n), exposure: '0' })
})

test('words shown while the gateway is away are paid by the next one', async () => {
  await open()
  const device = await connect()
  const committed = await device.commit()
  await device.tick(committed, 3)
  let late: ReturnType<SiteDevice['tick']> | undefined
  await site.restart(async () => {
    late = device.tick(committed, 8)
    late.catch(() => {})
    const acks = device.client.received.acks.length
    // The broker has it, and that means nothing.
    await device.client.transport.publish('tickpay/1/acme/ev-1/up/tick', new Uint8Array(42), {
      retain: false,
    })
    expect(device.client.received.acks).toHaveLength(acks)
  })
  expect(await late).toMatchObject({ index: 8 })
  expect(await channel()).toMatchObject({ index: 8, paid: amount(8n) })
})

test('a broker that dies is waited for, and told everything again', async () => {
  await open()
  const device = await connect()
  const committed = await device.commit()
  await device.tick(committed, 3)
  await mosquitto.kill()
  await until('the device notices', () => device.client.received.closed)
  await gone()
  expect((await site.broker()).reason).toMatch(/it closed the connection|nothing listens there/)
  await mosquitto.start()
  await online()
  await device.reconnect()
  await device.tick(committed, 6)
  expect(await channel()).toMatchObject({ index: 6, paid: amount(6n) })
  const people = await (await loginAt(mosquitto, 'acme/_'))(watcher)
  const topics = new Set<string>()
  people.onMessage((topic) => topics.add(topic))
  await people.subscribe(['tickpay/1/_gateway/+/+', 'tickpay/1/acme/_/devices/+'])
  await until('what is retained is there again', () => topics.size >= 5)
  expect([...topics]).toContain('tickpay/1/_gateway/depot/state')
  await people.close()
})

test('an idle device is told what it missed while the gateway was cut off', async () => {
  await open()
  const device = await connect()
  const { received } = device.client
  // Whoever logs in as the gateway pushes it out: this is all its broker knows it by.
  const usurper = await (await loginAt(mosquitto, 'depot'))({ ...watcher, clientId: 'x' })
  let devices = 1
  const ask = async () => {
    devices = (await site.broker()).devices
  }
  await until('the gateway is cut off', () => {
    void ask()
    return devices === 0
  })
  await site.call('mandate_put', { mandates: [site.mandate(enrolled.channelId, 2, 2_000n)] })
  await online()
  await until('the usurper is pushed out in turn', () => received.rejects.length > 0)
  expect(received.rejects.at(-1)).toMatchObject({ slot: 255, reason: 'unknown_channel' })
  expect(received.slots.at(-1)?.mandate?.value.sequence).toBe(1)
  await device.hello()
  expect(received.slots.at(-1)?.mandate?.value.sequence).toBe(2)
  expect((await site.broker()).connections).toBe(2)
  await usurper.close()
})

const watcher = {
  clientId: 'acme/_',
  username: 'acme/_',
  password: new Uint8Array(0),
  keepaliveSeconds: 30,
}

test('people see that the gateway has gone', async () => {
  await open()
  const people = await (await loginAt(mosquitto, 'acme/_'))(watcher)
  const states: string[] = []
  people.onMessage((_, payload) => states.push(Buffer.from(payload).toString()))
  await people.subscribe(['tickpay/1/_gateway/depot/state'])
  await until('online', () => states.includes('{"state":"online"}'))
  await site.restart(async () => {
    await until('offline', () => states.at(-1) === '{"state":"offline"}')
  })
  await until('online again', () => states.at(-1) === '{"state":"online"}')
  await people.close()
})

test('mandates come over the broker; unsigned verbs only where allowed', async () => {
  await open()
  const service = await (await loginAt(mosquitto, 'acme/_'))(watcher)
  const ask = asker(service)
  await service.subscribe(['tickpay/1/acme/_/response/+'])
  const mandates = [site.mandate(enrolled.channelId, 2, 2_000n)]
  expect(await ask('mandate', { mandates })).toMatchObject({ status: 'ok' })
  expect(await channel()).toMatchObject({ mandate: { sequence: 2 } })
  expect(await ask('list', {})).toMatchObject({ status: 'ok', data: [{ device: 'ev-1' }] })
  for (const verb of ['pause', 'resume', 'settle', 'close']) {
    expect(await ask(verb, { device: 'ev-1' })).toMatchObject({
      status: 'error',
      error: `"${verb}" is not allowed here: the operator's configuration decides`,
    })
  }
  expect(await channel()).toMatchObject({ reason: 'ok' })
  await service.close()
})

test('pause and resume work where the operator trusts the broker with them', async () => {
  await open({ unsigned: ['pause', 'resume'] })
  const device = await connect()
  await device.commit()
  const service = await (await loginAt(mosquitto, 'acme/_'))(watcher)
  const ask = asker(service)
  await service.subscribe(['tickpay/1/acme/_/response/+'])
  expect(await ask('pause', { device: 'ev-1' })).toMatchObject({ status: 'ok' })
  expect(await channel()).toMatchObject({ supply: 'off', reason: 'paused' })
  const { supplies } = device.client.received
  await until('the device is told', () => supplies.at(-1)?.supply.reason === 'paused')
  expect(await ask('resume', { device: 'ev-1' })).toMatchObject({ status: 'ok' })
  expect(await channel()).toMatchObject({ supply: 'on' })
  await service.close()
})

type Service = Awaited<ReturnType<Awaited<ReturnType<typeof loginAt>>>>

function asker(service: Service) {
  const answers = new Map<string, unknown>()
  service.onMessage((_, payload) => {
    const answer = JSON.parse(Buffer.from(payload).toString()) as { transaction: string }
    answers.set(answer.transaction, answer)
  })
  let asked = 0
  return async (verb: string, fields: Readonly<Record<string, unknown>>) => {
    const transaction = `t-${++asked}`
    const request = Buffer.from(JSON.stringify({ transaction, ...fields }))
    const topic = `tickpay/1/${fleet}/_/request/${verb}`
    await service.publish(topic, request, { retain: false })
    return until(`an answer to ${verb}`, () => answers.get(transaction))
  }
}

test('a broker behind TLS is checked before it is shown a password', async () => {
  await mosquitto.close()
  mosquitto = await startMosquitto({ users: ['depot'], security: 'tls' })
  const url = `mqtts://depot@127.0.0.1:${mosquitto.port}`
  site = await openSite(mosquitto, { url })
  await reasonIs('its certificate is not trusted: name its authority in caFile')
  await site.close()
  site = await openSite(mosquitto, { url, caFile: mosquitto.caFile })
  await online()
  expect((await site.broker()).place).toBe(`mqtts://127.0.0.1:${mosquitto.port}`)
  await site.close()
  site = await openSite(mosquitto)
  await reasonIs(/^it (closed the connection|does not answer)$/)
})

test('a broker that wants a certificate is shown ours', async () => {
  await mosquitto.close()
  mosquitto = await startMosquitto({ users: ['depot'], security: 'mutual' })
  const { caFile, client, port } = mosquitto
  const url = `mqtts://depot@127.0.0.1:${port}`
  site = await openSite(mosquitto, { url, caFile })
  await reasonIs(/certificate/)
  await site.close()
  site = await openSite(mosquitto, { url, caFile, ...client })
  await online()
  await site.close()
  // The certificate of the broker is for this address and for no name.
  const named = { url: url.replace('127.0.0.1', 'localhost'), caFile, ...client }
  site = await openSite(mosquitto, named)
  await reasonIs('its certificate is for another name: correct the host')
})

test('without the password the gateway says what is wrong, and goes on trying', async () => {
  site = await openSite(mosquitto, { passwordFile: undefined })
  await reasonIs('it does not let this user in: check user name, password and its access list')
  expect(site.warnings.some((line) => line.includes('check user name'))).toBe(true)
})

test('a broker that is not there is waited for', async () => {
  await mosquitto.kill()
  site = await openSite(mosquitto)
  await reasonIs('nothing listens there')
  await mosquitto.start()
  await online()
  expect((await site.broker()).reason).toBeNull()
})

async function reasonIs(wanted: string | RegExp): Promise<void> {
  let reason = ''
  const ask = async () => {
    reason = (await site.broker()).reason ?? ''
  }
  await until(`the reason ${wanted}`, () => {
    void ask()
    return typeof wanted === 'string' ? reason === wanted : wanted.test(reason)
  })
}
