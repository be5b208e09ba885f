/** The page and MQTT over WebSocket on a TLS listener, as people reach them over a network. */
import { readFileSync } from 'node:fs'
import { get } from 'node:https'
import { connectAsync } from 'mqtt'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { webSocketAnswer } from '../support/webSocketAnswer.ts'
import type { TlsWorld } from '../tls/world.ts'
import { startTlsWorld } from '../tls/world.ts'

let world: TlsWorld
let ca: Buffer

beforeAll(async () => {
  world = await startTlsWorld({
    change: () => ({ kind: 'wss', clientCertificate: 'optional', roles: ['reader'] }),
  })
  ca = readFileSync(world.authority.certificate)
})

afterAll(() => world.close())

const place = () => `127.0.0.1:${world.port}`

function mqttOver(options: object, username = 'ann@solar') {
  const login = { username, password: 'good', clientId: 'ann', reconnectPeriod: 0 }
  return connectAsync(`wss://${place()}/mqtt`, { ...login, ...options })
}

/** How a WebSocket of a page from `origin` is answered. */
const answerTo = (origin: string) =>
  webSocketAnswer(`wss://${place()}/mqtt`, ['mqtt'], { ca, origin })

describe('kind: wss', () => {
  test('serves the page and its parts', async () => {
    for (const path of ['/', '/dashboard.js', '/worker.js', '/dashboard.css', '/icon.svg']) {
      const status = await new Promise((resolve, reject) => {
        get(`https://${place()}${path}`, { ca }, (response) => {
          response.resume()
          resolve(response.statusCode)
        }).on('error', reject)
      })
      expect(status, path).toBe(200)
    }
  })

  test('lets a person in with a password and without a certificate', async () => {
    const ann = await mqttOver({ ca })
    const got = new Promise((resolve) =>
      ann.once('message', (_topic, bytes) => resolve(`${bytes}`)),
    )
    world.broker.publish('tickpay/1/solar/_/devices/pi1', Buffer.from('{}'), { retain: true })
    await ann.subscribeAsync('tickpay/1/solar/_/devices/+')
    expect(await got).toBe('{}')
    await ann.endAsync(true)
  })

  test('lets no device in: its role is not one of the listener', async () => {
    await expect(mqttOver({ ca }, 'solar/pi1')).rejects.toThrow('Not authorized')
  })

  test('is nothing that a client takes who does not know its authority', async () => {
    await expect(mqttOver({})).rejects.toThrow(/certificate/)
  })

  test('is reached by its own page and by no other', async () => {
    expect(await answerTo(`https://${place()}`)).toBe('open')
    expect(await answerTo('https://elsewhere.example')).toBe('403')
  })
})
