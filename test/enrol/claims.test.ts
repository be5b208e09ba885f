/**
 * Enrolment by a claim over real MQTT, at a real gateway: one secret, one serial number, one key.
 */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import * as v from 'valibot'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { stringify } from 'yaml'
import { enrolByClaim } from '../../agent/claim.ts'
import { readClaimedConfig } from '../../agent/io/claim.ts'
import { runAgent } from '../../agent/io/runAgent.ts'
import type { Transport } from '../../ports/index.ts'
import type { KeyPair } from '../../ports/io/keyFile.ts'
import { createKeyPair } from '../../ports/io/keyFile.ts'
import { mqttConnector } from '../../ports/io/mqttConnector.ts'
import { nodePorts } from '../../ports/io/node.ts'
import { present } from '../../protocol/assert.ts'
import { utf8ToBytes } from '../../protocol/bytes.ts'
import type { ClaimToken, Enrolled } from '../../protocol/enrolment.ts'
import {
  claimUsername,
  decodeEnrolled,
  encodeEnrol,
  enrolStructure,
  parseClaimToken,
} from '../../protocol/enrolment.ts'
import { algorithmByte, signDigest } from '../../protocol/keys.ts'
import { digestOf } from '../../protocol/structures.ts'
import type { Payee } from '../independent/payee.ts'
import { fleet, openPayee } from '../independent/payee.ts'
import { startTcpMeter } from '../support/tcpMeter.ts'
import { until } from '../support/until.ts'

const serial = 'sn-4711'
const device = 'ev-1'
const topicOf = (kind: string, number = serial) => `tickpay/1/${fleet}/_/${kind}/${number}`

let payee: Payee
let text: string
let token: ClaimToken

const claimFor = async (number: string, name: string): Promise<string> => {
  const meters = [{ meter: 'main', unit: 'Wh' }]
  const answer = await payee.call('claim_add', { fleet, serial: number, device: name, meters })
  return v.parse(v.object({ token: v.string() }), answer).token
}
const read = (line: string) => present(parseClaimToken(line), 'a claim')
const states = async () =>
  v.parse(
    v.array(v.object({ serial: v.string(), state: v.string() })),
    await payee.call('claim_list', {}),
  )
const devices = async () => (await payee.call('channels', { fleet, device })) as readonly unknown[]

beforeEach(async () => {
  payee = await openPayee()
  text = await claimFor(serial, device)
  token = read(text)
})
afterEach(() => payee.close())

const connectAs = (username: string, secret: string): Promise<Transport> =>
  mqttConnector(`mqtt://127.0.0.1:${payee.port}`)({
    clientId: username,
    username,
    password: utf8ToBytes(secret),
    keepaliveSeconds: 30,
  })
const claimant = (): Promise<Transport> => connectAs(claimUsername(fleet, serial), token.secret)

function requestOf(key: KeyPair, about: Partial<{ serial: string; gateway: string }> = {}) {
  const { algorithm, bytes } = key.publicKey
  const own = { gateway: token.gateway, fleet, serial, ...about }
  const value = { ...own, algorithm: algorithmByte(algorithm), key: bytes }
  const signature = signDigest(key.privateKey, digestOf(token.domain, enrolStructure, value))
  return encodeEnrol({ value, signature })
}

/** Asks on a line of its own, and hears the first answer. */
async function ask(request: Uint8Array): Promise<Enrolled> {
  const line = await claimant()
  const answers: Enrolled[] = []
  line.onMessage((_topic, payload) => {
    answers.push(present(decodeEnrolled(payload), 'an answer').value)
  })
  await line.subscribe([topicOf('enrolled')])
  await line.publish(topicOf('enrol'), request, { retain: false })
  const answer = await until('an answer', () => answers[0])
  await line.close()
  return answer
}

describe('T24: a claim', () => {
  test('enrols one key after the operator approved, and opens nothing else', async () => {
    const key = createKeyPair('p256')
    expect(await ask(requestOf(key))).toMatchObject({ status: 'pending', device: '' })
    expect(await devices()).toEqual([])
    expect(await states()).toEqual([{ serial, state: 'pending' }])
    await payee.call('claim_approve', { fleet, serial })
    expect(await ask(requestOf(key))).toMatchObject({ status: 'approved', device })
    expect(await devices()).toHaveLength(1)
  })

  test('used twice: another key is refused, before and after approval, and said so', async () => {
    const [first, second] = [createKeyPair('p256'), createKeyPair('ed25519')]
    await ask(requestOf(first))
    expect(await ask(requestOf(second))).toMatchObject({ status: 'claim_used' })
    await payee.call('claim_approve', { fleet, serial })
    expect(await ask(requestOf(second))).toMatchObject({ status: 'claim_used', device: '' })
    expect(payee.warnings.filter((line) => line.includes('claim_used'))).toHaveLength(2)
    expect(await devices()).toHaveLength(1)
  })

  test('is good for its serial number only, at the login and in the request', async () => {
    const other = claimUsername(fleet, 'sn-4712')
    await expect(connectAs(other, token.secret)).rejects.toThrow()
    await expect(connectAs(claimUsername('other', serial), token.secret)).rejects.toThrow()
    await expect(connectAs(claimUsername(fleet, serial), 'guessed')).rejects.toThrow()
    await claimFor('sn-4712', 'ev-2')
    const foreign = requestOf(createKeyPair('p256'), { serial: 'sn-4712' })
    expect(await ask(foreign)).toMatchObject({ status: 'bad_signature' })
    expect((await states()).map(({ state }) => state)).toEqual(['open', 'open'])
    expect(payee.warnings.some((line) => line.includes('"serial":"sn-4712"'))).toBe(true)
  })

  test('proves the key: a request that another key signed is refused', async () => {
    const [mine, other] = [createKeyPair('p256'), createKeyPair('p256')]
    const forged = requestOf({ ...mine, privateKey: other.privateKey })
    expect(await ask(forged)).toMatchObject({ status: 'bad_signature' })
    expect(await states()).toEqual([{ serial, state: 'open' }])
  })

  test('ends: nobody logs in with it after its time', async () => {
    payee.passSeconds(7 * 86_400 + 1)
    await expect(claimant()).rejects.toThrow()
    expect(await states()).toEqual([{ serial, state: 'expired' }])
    expect(payee.warnings.some((line) => line.includes('claim_expired'))).toBe(true)
  })

  test('reaches its two topics and no other', async () => {
    const foreign = [
      topicOf('enrol', 'sn-4712'),
      topicOf('enrolled'),
      `tickpay/1/${fleet}/${device}/up/hello`,
      `tickpay/1/${fleet}/_/request/list`,
    ]
    for (const topic of foreign) {
      const line = await claimant()
      const closed = new Promise<void>((resolve) => line.onClose(resolve))
      await line.publish(topic, new Uint8Array([1]), { retain: false }).catch(() => undefined)
      await closed
    }
    for (const filter of [
      topicOf('enrolled', '+'),
      topicOf('enrol'),
      `tickpay/1/${fleet}/#`,
      '#',
    ]) {
      const line = await claimant()
      await expect(line.subscribe([filter])).rejects.toThrow()
      await line.close()
    }
  })

  test('refused by the operator is refused for good; the device is told why it ends', async () => {
    const { privateKey, publicKey } = createKeyPair('p256')
    const waiting = enrolByClaim(token, {
      ports: nodePorts(() => {}),
      connector: mqttConnector(`mqtt://127.0.0.1:${payee.port}`),
      signer: { publicKey, sign: (digest) => signDigest(privateKey, digest) },
    }).catch((error: unknown) => String(error))
    let seen = ''
    await until('it has asked', () => {
      void states().then(([claim]) => {
        seen = claim?.state ?? ''
      })
      return seen === 'pending'
    })
    await payee.call('claim_refuse', { fleet, serial })
    expect(await waiting).toMatch(/the operator refused this device/)
    await expect(payee.call('claim_approve', { fleet, serial })).rejects.toThrow(/was refused/)
    expect(await devices()).toEqual([])
  })

  test('stays used through a restart, and the approval too', async () => {
    const [first, second] = [createKeyPair('p256'), createKeyPair('p256')]
    await ask(requestOf(first))
    await payee.restart()
    expect(await ask(requestOf(second))).toMatchObject({ status: 'claim_used' })
    await payee.call('claim_approve', { fleet, serial })
    await payee.restart()
    expect(await ask(requestOf(first))).toMatchObject({ status: 'approved', device })
    await expect(payee.call('claim_add', { fleet, serial, meters: [] })).rejects.toThrow()
  })
})

describe('an agent with a claim', () => {
  test('makes its key, asks, waits through a restart of the gateway, and pays', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'tickpay-claim-'))
    const meter = await startTcpMeter()
    const path = join(folder, 'agent.yaml')
    const key = { file: join(folder, 'device.key'), passphraseFile: join(folder, 'device.pass') }
    writeFileSync(
      path,
      stringify({
        gateway: { url: `mqtt://127.0.0.1:${payee.port}` },
        key,
        stateDirectory: join(folder, 'state'),
        logLevel: 'error',
        meters: meter.meters,
      }),
    )
    const claimFile = join(folder, 'claim')
    writeFileSync(claimFile, `${text}\n`, { mode: 0o600 })
    const reading = readClaimedConfig(path, {}, claimFile)
    let seen = ''
    await until('it has asked', () => {
      void states().then(([claim]) => {
        seen = claim?.state ?? ''
      })
      return seen === 'pending'
    })
    await payee.restart()
    const answer = await payee.call('claim_approve', { fleet, serial })
    const config = await reading
    expect(config).toMatchObject({ fleet, device })
    expect(config.fleetSigner?.algorithm).toBe('ed25519')
    // The record and not the gateway answers from now on.
    expect(await readClaimedConfig(path, {}, text)).toEqual(config)
    expect(readFileSync(join(folder, 'state', 'enrolment.json'), 'utf8')).not.toContain(
      token.secret,
    )
    const channels = v.object({ channels: v.array(v.object({ channelId: v.string() })) })
    const { channelId } = present(v.parse(channels, answer).channels[0], 'a channel')
    const agent = await runAgent(config, {}, '0.0.0')
    // What signs mandates learns the ledger from an enrolment.
    await payee.enrol('other', 'p256')
    await payee.mandate(channelId, 1, 10_000n)
    let paid = ''
    await until('it pays', () => {
      void devices().then((all) => {
        paid = v.parse(v.object({ paid: v.string() }), all[0]).paid
      })
      return paid !== '' && paid !== '0'
    })
    await agent.close()
    await meter.close()
    rmSync(folder, { recursive: true })
  })
})
