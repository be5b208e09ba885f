/** docs/fraud.md says what the rules are, and its configuration is one that a gateway takes. */
import { readFileSync } from 'node:fs'
import * as v from 'valibot'
import { describe, expect, test } from 'vitest'
import { parse } from 'yaml'
import { defaultFraudConfig, fraudValue } from '../../../../gateway/fraud/config.ts'
import { ruleNames, rules } from '../../../../gateway/fraud/rules.ts'
import { rulesTable } from '../../../support/fraudPage.ts'

const page = readFileSync(new URL('../../../../docs/fraud.md', import.meta.url), 'utf8')
const [, yaml = ''] = /```yaml\n([\s\S]*?)```/.exec(page) ?? []

const problems = (value: unknown) => v.safeParse(fraudValue, value).issues?.length ?? 0

test('the table of rules is what the rules say', () => {
  expect(page).toContain(rulesTable(rules))
})

test('the configuration on the page is taken as it stands', () => {
  const { fraud } = parse(yaml) as { fraud: unknown }
  const config = v.parse(fraudValue, fraud)
  expect(config?.rules.silent_device).toBeUndefined()
  expect(config?.rules.bad_words).toMatchObject({ action: 'stop', limits: { words: 3 } })
  expect(config?.rules.metered_against_paid?.limits).toMatchObject({ share: 0.04, ticks: 3 })
  expect(config).toMatchObject({ throttlePerMinute: 20_000n, limitPerDay: 1_000_000n })
})

describe('the configuration', () => {
  test('has all rules by default, and each only tells', () => {
    const config = defaultFraudConfig()
    expect(Object.keys(config.rules)).toEqual(ruleNames)
    expect(new Set(Object.values(config.rules).map(({ action }) => action))).toEqual(
      new Set(['notify']),
    )
  })

  test('is nothing at all when it says off', () => {
    expect(v.parse(fraudValue, 'off')).toBeUndefined()
  })

  test('(!) lets a suspicion stop nothing, and what anybody can bring about only notify', () => {
    expect(problems({ rules: { unusual_hour: { action: 'stop' } } })).toBe(1)
    expect(problems({ rules: { rising_floor: { action: 'quarantine' } } })).toBe(1)
    expect(problems({ rules: { logins: { action: 'throttle' } }, throttlePerMinute: 5 })).toBe(1)
    expect(problems({ rules: { logins: { action: 'notify' } } })).toBe(0)
  })

  test('refuses an action without its amount, thresholds of nothing and unknown rules', () => {
    expect(problems({ rules: { clone: { action: 'throttle' } } })).toBe(1)
    expect(problems({ rules: { clone: { action: 'limit' } } })).toBe(1)
    expect(problems({ rules: { clone: { takeovers: 0 } } })).toBe(1)
    expect(problems({ rules: { clones: {} } })).toBe(1)
  })
})
