/**
 * Names that try to be more than names.
 */
import { expect, test } from 'vitest'
import { mayAccess } from '../../protocol/access.ts'
import { parseClientId } from '../../protocol/connect.ts'
import { isId } from '../../protocol/ids.ts'
import { downFilter, formatTopic, parseTopic } from '../../protocol/topics.ts'
import { seededDice } from '../fuzz/dice.ts'
import { matches } from '../support/accessModel.ts'

const pieces = [
  ...['+', '#', '/', '$', '$SYS', '$share/', '\0', '\n', ' ', '\u00e9', '\uff0b', '\u202e', '..'],
  ...['a', 'ev-1', '9', '-', '_', 'A', '%2f', '~', '*', 'x'.repeat(47), '_gateway', 'acme'],
]

test('T22: none of 100,000 names reaches more than its own topics', () => {
  const dice = seededDice(22)
  const seen = { ids: 0, others: 0 }
  for (let round = 0; round < 100_000; round++) {
    const parts = Array.from({ length: 1 + dice.size(3) }, () => dice.pick(pieces))
    const name = parts.join('')
    const client = parseClientId(`acme/${name}`)
    if (!isId(name)) {
      seen.others++
      if (name !== '_') expect(client, name).toBeUndefined()
      continue
    }
    seen.ids++
    expect(client).toEqual({ fleet: 'acme', device: name })
    const own = { kind: 'up', fleet: 'acme', device: name, name: 'tick' } as const
    expect(parseTopic(formatTopic(own))).toEqual(own)
    const filter = downFilter('acme', name)
    expect(mayAccess({ kind: 'device', fleet: 'acme', device: name }, 'subscribe', filter)).toBe(
      true,
    )
    expect(matches(filter, 'tickpay/1/acme/victim/down/ack')).toBe(false)
    expect(matches(filter, 'tickpay/1/rival/ev-1/down/ack')).toBe(false)
  }
  expect(seen.ids).toBeGreaterThan(10_000)
  expect(seen.others).toBeGreaterThan(10_000)
})
