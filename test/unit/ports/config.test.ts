/** Configuration: what is read, what overrides it, and that each mistake is one helpful line. */
import * as v from 'valibot'
import { describe, expect, test } from 'vitest'
import { environmentNameOf, parseConfig } from '../../../ports/config.ts'
import {
  hexValue,
  idValue,
  integerValue,
  keyFileValue,
  publicKeyValue,
  textValue,
  uint64Value,
} from '../../../ports/configTypes.ts'
import { formatPublicKey } from '../../../ports/keyText.ts'
import { OperatorError } from '../../../ports/operatorError.ts'
import { privateKeyFrom, publicKeyOf } from '../../../protocol/keys.ts'

const seed = new Uint8Array(32).fill(7)
const privateKey = privateKeyFrom('p256', seed)
const publicKey = privateKey && publicKeyOf(privateKey)

const schema = v.strictObject({
  fleet: idValue,
  gateway: v.strictObject({ url: textValue, key: v.optional(publicKeyValue) }),
  stateDirectory: v.optional(textValue, '/var/lib/tickpay'),
  contract: v.optional(hexValue(2)),
  keepaliveSeconds: v.optional(integerValue(15, 120), 30),
  meters: v.optional(
    v.array(
      v.strictObject({
        name: idValue,
        source: textValue,
        amountPerDay: v.optional(uint64Value),
        driver: v.optional(v.picklist(['firmware-link', 'sdm120'])),
      }),
    ),
    [],
  ),
})

const text = 'fleet: acme\ngateway:\n  url: mqtt://localhost:1883\n'

function read(yaml: string, environment: Record<string, string> = {}) {
  return parseConfig({ text: yaml, origin: 'agent.yaml', environment, prefix: 'TP' }, schema)
}

function mistake(yaml: string, environment: Record<string, string> = {}): string {
  try {
    read(yaml, environment)
  } catch (error) {
    expect(error).toBeInstanceOf(OperatorError)
    const { message } = error as Error
    expect(message).not.toContain('\n')
    return message
  }
  throw new Error('no mistake was found')
}

describe('parseConfig', () => {
  test('reads YAML and fills in what is optional', () => {
    expect(read(text)).toEqual({
      fleet: 'acme',
      gateway: { url: 'mqtt://localhost:1883' },
      stateDirectory: '/var/lib/tickpay',
      keepaliveSeconds: 30,
      meters: [],
    })
  })

  test('reads keys, bytes and amounts into what the program works with', () => {
    const key = publicKey ? formatPublicKey(publicKey) : ''
    const meters = 'meters:\n- {name: m, source: s, amountPerDay: "18446744073709551615"}\n'
    const config = read(`${text}  key: ${key}\ncontract: "0xabcd"\n${meters}`)
    expect(config.gateway.key).toEqual(publicKey)
    expect(config.contract).toEqual(new Uint8Array([0xab, 0xcd]))
    expect(config.meters[0]?.amountPerDay).toBe((1n << 64n) - 1n)
  })

  test('is overridden by the environment, also where the file says nothing', () => {
    const config = read(text, {
      TP__GATEWAY__URL: 'mqtts://broker:8883',
      TP__STATE_DIRECTORY: '123',
      TP__KEEPALIVE_SECONDS: '60',
      TP__METERS__0__NAME: 'water',
      TP__METERS__0__SOURCE: 'tcp://localhost:7000',
      TP__METERS__0__AMOUNT_PER_DAY: '500',
      TPX__FLEET: 'other',
      TP_FLEET: 'other',
    })
    expect(config.gateway.url).toBe('mqtts://broker:8883')
    expect(config.stateDirectory).toBe('123')
    expect(config.keepaliveSeconds).toBe(60)
    expect(config.meters).toEqual([
      { name: 'water', source: 'tcp://localhost:7000', amountPerDay: 500n },
    ])
    expect(config.fleet).toBe('acme')
  })

  test('needs no file when the environment says everything', () => {
    const config = read('', { TP__FLEET: 'acme', TP__GATEWAY__URL: 'mqtt://x' })
    expect(config.fleet).toBe('acme')
  })

  test('derives names from keys', () => {
    expect(environmentNameOf('stateDirectory')).toBe('STATE_DIRECTORY')
    expect(environmentNameOf('url')).toBe('URL')
  })
})

describe('a mistake is one line with key, value and what is allowed', () => {
  const line = 'agent.yaml: '
  test.each([
    [
      'a bad value',
      text.replace('acme', 'Acme!'),
      `${line}fleet is "Acme!"; it must be a name of a-z, 0-9 and "-", at most 48 characters`,
    ],
    [
      'a missing key',
      'fleet: acme\ngateway: {}\n',
      `${line}gateway.url is missing; it must be a text`,
    ],
    [
      'an unknown key',
      `${text}  uri: x\n`,
      `${line}gateway.uri is not a known key; known here: url, key`,
    ],
    [
      'a number out of bounds',
      `${text}keepaliveSeconds: 5\n`,
      `${line}keepaliveSeconds is 5; it must be a whole number from 15 to 120`,
    ],
    [
      'a value that is none of a few',
      `${text}meters: [{name: a, source: b, driver: x}]\n`,
      `${line}meters.0.driver is "x"; it must be "firmware-link" or "sdm120"`,
    ],
    ['a wrong shape', `${text}meters: 5\n`, `${line}meters is 5; it must be a list`],
    [
      'a key that is no key',
      `${text}  key: p256:00\n`,
      `${line}gateway.key is "p256:00"; it must be a public key as "p256:HEX", ` +
        '"ed25519:HEX" or "secp256k1:HEX"',
    ],
    ['several', 'gateway: {}\n', /^agent.yaml: fleet is missing.* \(and 1 more\)$/],
  ])('%s', (_name, yaml, expected) => {
    const message = mistake(yaml)
    if (typeof expected === 'string') expect(message).toBe(expected)
    else expect(message).toMatch(expected)
  })

  test('text that is not YAML, with its place', () => {
    expect(mistake('fleet: [acme\ngateway')).toMatch(/^agent.yaml:\d+:\d+: not valid YAML: /)
  })

  test('an environment variable that names no key', () => {
    const message = mistake(text, { TP__GATEWAY__URI: 'x' })
    expect(message).toBe('the environment variable TP__GATEWAY__URI names no known key')
  })

  test('a bad value says that it came from the environment', () => {
    const message = mistake(text, { TP__FLEET: 'A' })
    expect(message).toMatch(/^agent.yaml: fleet \(from TP__FLEET\) is "A"; it must be a name/)
  })

  test('an amount that lost digits on its way through a float', () => {
    const yaml = `${text}meters: [{name: a, source: b, amountPerDay: 9007199254740993}]\n`
    expect(mistake(yaml)).toMatch(/meters.0.amountPerDay is .*in quotes/)
  })

  test('a value that refers to itself', () => {
    expect(mistake(`${text}keepaliveSeconds: &loop [*loop]\n`)).toMatch(
      /keepaliveSeconds is something that refers to itself; it must be a whole number/,
    )
  })

  test('a key file has exactly one source of its passphrase', () => {
    expect(v.safeParse(keyFileValue, { file: 'k', passphraseFile: 'p' }).success).toBe(true)
    expect(v.safeParse(keyFileValue, { file: 'k' }).success).toBe(false)
    const two = { file: 'k', passphraseFile: 'p', passphraseEnv: 'E' }
    expect(v.safeParse(keyFileValue, two).success).toBe(false)
  })
})
