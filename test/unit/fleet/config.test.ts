import { expect, test } from 'vitest'
import { fleetConfigSchema, policyOf } from '../../../fleet/config.ts'
import { parseConfig } from '../../../ports/config.ts'
import { formatPublicKey } from '../../../ports/keyText.ts'
import { publicKeyOf } from '../../../protocol/keys.ts'
import { gatewayKey } from '../../support/fleetGateway.ts'

const key = formatPublicKey(publicKeyOf(gatewayKey))
const text = `
fleet: acme
gateway: { id: gate, url: "mqtt://127.0.0.1:1883", key: "${key}" }
ledger: { chainId: 0, contract: "0x${'07'.repeat(20)}" }
key: { file: acme.key, passphraseFile: acme.pass }
policy:
  default: { limit: 50EUR, limitPerDay: 5EUR }
  devices:
    ev-1: { limit: 200EUR, limitPerDay: 5000000 }
    ev-9: none
`

function parsed(changed: string, environment: Record<string, string> = {}) {
  const source = { text: changed, origin: 'fleet.yaml', environment, prefix: 'TICKPAY_FLEET' }
  return parseConfig(source, fleetConfigSchema)
}

test('a policy has a default, exceptions, and devices that get nothing', () => {
  const policy = policyOf(parsed(text))
  expect(policy.lifeSeconds).toBe(86_400)
  expect(policy.default?.limit).toEqual({ digits: 50n, decimals: 0, code: 'EUR' })
  expect(policy.devices.get('ev-1')?.limitPerDay).toEqual({
    digits: 5_000_000n,
    decimals: 0,
    code: undefined,
  })
  expect(policy.devices.has('ev-9')).toBe(true)
  expect(policy.devices.get('ev-9')).toBeUndefined()
})

test('the environment overrides the life of mandates', () => {
  const config = parsed(text, { TICKPAY_FLEET__POLICY__LIFE_HOURS: '48' })
  expect(policyOf(config).lifeSeconds).toBe(172_800)
})

test.each([
  ['limit: 50EUR', 'limit: 50eur', 'policy.default.limit is "50eur"; it must be an amount'],
  ['ev-9: none', 'EV9: none', 'policy.devices.EV9'],
  ['fleet: acme', 'flet: acme', 'fleet is missing'],
  ['id: gate', 'id: "_gate"', 'gateway.id is "_gate"; it must be a name'],
])('"%s" written as "%s" is told in one line', (right, wrong, message) => {
  const attempt = () => parsed(text.replace(right, wrong))
  expect(attempt).toThrow(message)
  expect(attempt).toThrow(/^fleet\.yaml: [^\n]*$/)
})
