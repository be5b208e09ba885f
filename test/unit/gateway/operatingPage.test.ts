/** The operator's page shows every key of the configuration with its true default. */
import { readFileSync } from 'node:fs'
import * as v from 'valibot'
import { expect, test } from 'vitest'
import { parse } from 'yaml'
import { gatewayConfigSchema } from '../../../gateway/config.ts'
import { supplyReasons } from '../../../protocol/reasons.ts'

const page = readFileSync(new URL('../../../docs/operating-gateway.md', import.meta.url), 'utf8')
const [, yaml = ''] = /```yaml\n([\s\S]*?)```/.exec(page) ?? []
const required = ['gateway', 'data', 'key', 'payee', 'asset']

test('the configuration on the page is valid, and all that it leaves out is the same again', () => {
  const shown = parse(yaml) as Record<string, unknown>
  const full = v.parse(gatewayConfigSchema, shown)
  const least = Object.fromEntries(required.map((name) => [name, shown[name]]))
  const [{ unit, unitsPerTick, pricePerTick }] = shown['tariffs'] as [Record<string, unknown>]
  const defaults = v.parse(gatewayConfigSchema, {
    ...least,
    listeners: [{ kind: 'tcp', port: 1883 }],
    tariffs: [{ unit, unitsPerTick, pricePerTick }],
  })
  expect(full).toEqual(defaults)
})

test('every key of the configuration is on the page', () => {
  const shown = parse(yaml) as Record<string, object>
  const { settlement, limits, ...rest } = v.parse(gatewayConfigSchema, shown)
  expect(Object.keys(shown).sort()).toEqual([...Object.keys(rest), 'settlement', 'limits'].sort())
  expect(Object.keys(shown['settlement'] ?? {}).sort()).toEqual(Object.keys(settlement).sort())
  expect(Object.keys(shown['limits'] ?? {}).sort()).toEqual(Object.keys(limits).sort())
})

test('every reason for less supply is on the page', () => {
  for (const reason of supplyReasons.filter((one) => one !== 'ok')) {
    expect(page).toContain(`\`${reason}\``)
  }
})
