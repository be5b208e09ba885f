import { describe, expect, test } from 'vitest'
import { brokerPlace } from '../../../../gateway/bridge/io/openBridge.ts'
import { gatewayConfigSchema } from '../../../../gateway/config.ts'
import { parseConfig } from '../../../../ports/config.ts'

const rest = `
gateway: depot
data: data
key: { file: k, passphraseFile: p }
payee: someone
asset: { code: EUR, scale: 6 }
tariffs: [{ unit: Wh, unitsPerTick: 1, pricePerTick: 1 }]
`

function parse(text: string, environment: Record<string, string> = {}) {
  const source = { text: `${rest}${text}`, origin: 'gateway.yaml', environment, prefix: 'TG' }
  return parseConfig(source, gatewayConfigSchema)
}

describe('broker', () => {
  test('is an address', () => {
    expect(parse('broker: mqtt://depot@10.0.0.2').broker).toEqual({
      url: 'mqtt://depot@10.0.0.2',
      unsigned: [],
    })
  })

  test('or a group of keys', () => {
    const text = 'broker: { url: "mqtts://b:8884", passwordFile: f, caFile: c, unsigned: [pause] }'
    expect(parse(text).broker).toEqual({
      url: 'mqtts://b:8884',
      passwordFile: 'f',
      caFile: 'c',
      unsigned: ['pause'],
    })
  })

  test('can come from the environment', () => {
    expect(parse('', { TG__BROKER: 'mqtt://b' }).broker?.url).toBe('mqtt://b')
    const both = { TG__BROKER__URL: 'mqtt://b', TG__BROKER__PASSWORD_ENV: 'SECRET' }
    expect(parse('', both).broker).toMatchObject({ url: 'mqtt://b', passwordEnv: 'SECRET' })
  })

  test.each([
    [
      '',
      /listeners is \[\]; it must be a list of at least one listener, or else an external broker/,
    ],
    [
      'listeners: [{ kind: tcp, port: 1 }]\nbroker: mqtt://b',
      /listeners is .*, or else an external/,
    ],
    ['broker: http://b', /broker is "http:\/\/b"; it must be a broker such as mqtt:/],
    ['broker: mqtt://me:secret@b', /without the password/],
    ['broker: mqtt://b/path', /must be a broker such as/],
    ['broker: { url: b }', /broker.url is "b"; it must be a broker such as/],
    ['broker: {}', /broker.url is missing; it must be a broker such as/],
    ['broker: { url: "mqtt://b", unsigned: [mandate] }', /must be one of pause, resume, close/],
    ['broker: { url: "mqtt://b", caFile: c }', /begins with mqtts/],
    ['broker: { url: "mqtts://b", certificateFile: c }', /or neither/],
    ['broker: { url: "mqtt://b", passwordFile: a, passwordEnv: b }', /with one of passwordFile/],
    [
      'broker: { url: "mqtt://b", password: x }',
      /broker.password is not a known key; known here: url/,
    ],
  ])('%j is told in one line', (text, message) => {
    expect(() => parse(text)).toThrow(message)
  })
})

test.each([
  ['mqtt://depot@broker.example', 'mqtt://broker.example:1883'],
  ['mqtts://u%2Fv@[::1]', 'mqtts://[::1]:8883'],
  ['mqtt://127.0.0.1:9', 'mqtt://127.0.0.1:9'],
])('the place of %s is %s', (url, place) => {
  expect(brokerPlace({ url, unsigned: [] })).toBe(place)
})
