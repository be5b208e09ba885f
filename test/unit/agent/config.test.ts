/** The configuration of an agent: defaults of its meters, and mistakes in one line. */
import { describe, expect, test } from 'vitest'
import {
  AGENT_PREFIX,
  agentSchema,
  domainOf,
  meterConfigOf,
  ownLimitsOf,
} from '../../../agent/config.ts'
import { parseConfig } from '../../../ports/config.ts'
import { formatPublicKey } from '../../../ports/keyText.ts'
import { publicKeyOf } from '../../../protocol/keys.ts'
import { gatewayKey } from '../../support/fixtures.ts'

const yaml = `
fleet: harbour
device: charger-7
gateway:
  id: gateway-1
  url: mqtt://10.0.0.2:1883
  key: ${formatPublicKey(publicKeyOf(gatewayKey))}
ledger: { chainId: 0, contract: "00112233445566778899aabbccddeeff00112233" }
key: { file: device.key, passphraseFile: device.pass }
meters:
  - { name: energy, unit: Wh, driver: sdm630, source: serial:///dev/serial/by-id/usb }
  - name: water
    unit: mL
    driver: firmware-link
    source: tcp://10.0.0.9:7000
    pollMs: 100
    unitsPerSecondMax: 900
    limits: { amountPerDay: "5000000", pricePerTickMax: 12 }
`

function read(text: string, environment: Record<string, string> = {}) {
  return parseConfig({ text, origin: 'agent.yaml', environment, prefix: AGENT_PREFIX }, agentSchema)
}

function mistake(text: string, environment?: Record<string, string>): string {
  try {
    read(text, environment)
  } catch (error) {
    return (error as Error).message
  }
  return 'no mistake'
}

describe('the configuration of an agent', () => {
  test('fills in what its meters usually need', () => {
    const { meters } = read(yaml)
    expect(meters.map(meterConfigOf)).toMatchObject([
      { kind: 'sdm630', pollMs: 500, timeoutMs: 500, unitId: 1, relayUnitId: 2 },
      {
        kind: 'firmware-link',
        pollMs: 100,
        relayUnitId: undefined,
        rules: { unitsPerSecondMax: 900n, confirmations: 3 },
      },
    ])
    expect(meters.map(ownLimitsOf)).toEqual([
      { pricePerTickMax: undefined, amountPerHour: undefined, amountPerDay: undefined },
      { pricePerTickMax: 12n, amountPerHour: undefined, amountPerDay: 5_000_000n },
    ])
  })

  test('names the ledger in every signature', () => {
    const { chainId, verifyingContract } = domainOf(read(yaml))
    expect(chainId).toBe(0n)
    expect(verifyingContract).toHaveLength(20)
  })

  test('a meter may have no relay board', () => {
    const text = yaml.replace('by-id/usb }', 'by-id/usb, relayUnitId: null }')
    expect(read(text).meters.map(meterConfigOf)[0]?.relayUnitId).toBeUndefined()
  })

  test('is overridden by the environment', () => {
    const config = read(yaml, {
      TICKPAY_AGENT__GATEWAY__URL: 'mqtt://other:1884',
      TICKPAY_AGENT__METERS__1__LIMITS__AMOUNT_PER_HOUR: '77',
    })
    expect(config.gateway.url).toBe('mqtt://other:1884')
    expect(config.meters[1]?.limits.amountPerHour).toBe(77n)
  })

  test.each([
    ['mqtt://10.0.0.2:1883', 'http://10.0.0.2', /gateway.url is "http.*mqtt:\/\/10.0.0.2:1883/],
    ['tcp://10.0.0.9:7000', '/dev/ttyUSB0', /meters.1.source is "\/dev.*serial:\/\/\//],
    ['name: water', 'name: energy', /every meter has a name of its own/],
    [
      'driver: sdm630',
      'driver: sdm72',
      /driver is "sdm72"; it must be "firmware-link" or "sdm120"/,
    ],
    ['unit: mL', 'unit: litres', /unit is "litres"; it must be "Wh" or "mL" or "s" or "kB"/],
    ['charger-7', 'Charger', /device is "Charger"/],
    ['00112233445566778899', '0011', /ledger.contract is .* 40 hex digits/],
    [
      'amountPerDay: "5000000"',
      'amountPerDay: -1',
      /amountPerDay is -1; it must be a whole number/,
    ],
    ['device.pass }', 'device.pass, passphraseEnv: P }', /one of passphraseFile/],
  ])('%s -> %s is told in one line', (before, after, expected) => {
    const message = mistake(yaml.replace(before, after))
    expect(message).toMatch(expected)
    expect(message).not.toContain('\n')
  })
})
