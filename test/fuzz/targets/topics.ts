/**
 * Topics, filters and the access rule, against the rule written a second time as patterns.
 * @module
 */
import type { Identity } from '../../../protocol/access.ts'
import { mayAccess } from '../../../protocol/access.ts'
import { parseClientId } from '../../../protocol/connect.ts'
import { isId } from '../../../protocol/ids.ts'
import { formatTopic, isBoundedTopic, parseTopic } from '../../../protocol/topics.ts'
import { matches, mayByModel } from '../../support/accessModel.ts'
import type { Dice } from '../dice.ts'
import { perhapsDamaged } from '../dice.ts'
import type { Target } from '../target.ts'

const levels = [
  ...['tickpay', '1', '2', 'acme', 'acm', 'rival', '_', '_gateway', 'ev-1', 'ev-2', 'gw-1'],
  ...['up', 'down', 'state', 'devices', 'status', 'event', 'statement', 'request', 'response'],
  ...['hello', 'open', 'commit', 'tick', 'reading', 'close', 'welcome', 'slot', 'accept', 'ack'],
  ...['reject', 'receipt', 'supply', 'command', 'info', 'health', 'tariff', 'receipts', 'list'],
  ...[
    'get',
    'pause',
    'resume',
    '+',
    '#',
    '',
    '$SYS',
    '$share',
    'ev+1',
    '#a',
    'EV-1',
    'ｅv-1',
    '\0',
  ],
  ...['x'.repeat(48), 'x'.repeat(49), 'x'.repeat(120)],
] as const

const roots = ['tickpay/1/acme/ev-1/', 'tickpay/1/acme/_/', 'tickpay/1/_gateway/', 'tickpay/1/', '']

const device = { fleet: 'acme', device: 'ev-1' }
const identities: readonly Identity[] = [
  { kind: 'device', ...device },
  { kind: 'stale_clock', ...device },
  { kind: 'fleet', fleet: 'acme' },
  { kind: 'reader', fleet: 'acme', name: 'desk', rights: ['read'] },
  { kind: 'reader', fleet: 'acme', name: 'desk', rights: ['supply'] },
  { kind: 'reader', fleet: 'acme', name: 'desk', rights: ['read', 'supply'] },
  { kind: 'reader', fleet: 'acme', name: 'desk', rights: [] },
]

/** What each may be told by a broker; a filter may never bring more than that. */
const foreign = [
  'tickpay/1/rival/ev-1/down/ack',
  'tickpay/1/rival/ev-1/state',
  'tickpay/1/rival/_/status',
  '$SYS/broker/clients',
  'other',
]

function generate(dice: Dice): Uint8Array {
  const rest = Array.from({ length: dice.size(6) }, () => dice.pick(levels)).join('/')
  const text = new TextEncoder().encode(dice.pick(roots) + rest)
  return perhapsDamaged(dice, text, 2)
}

function check(input: Uint8Array): string | undefined {
  const text = new TextDecoder().decode(input)
  const topic = parseTopic(text)
  if (topic && formatTopic(topic) !== text) return `${text} was read as ${formatTopic(topic)}`
  if (topic && (!isBoundedTopic(text) || /[+#]/.test(text))) return `${text} was read as a topic`
  const name = parseClientId(text)
  if (name && (!isId(name.fleet) || `${name.fleet}/${name.device}` !== text)) {
    return `${text} was read as a client id`
  }
  for (const identity of identities) {
    const wrong = checkAccess(identity, text)
    if (wrong !== undefined) return wrong
  }
  return undefined
}

function checkAccess(identity: Identity, text: string): string | undefined {
  const who = JSON.stringify(identity)
  for (const action of ['publish', 'subscribe', 'receive'] as const) {
    const may = mayAccess(identity, action, text)
    if (may !== mayByModel(identity, action, text)) return `${who} ${action} ${text}: ${may}`
  }
  if (!mayAccess(identity, 'subscribe', text)) return undefined
  const leaked = foreign.find((topic) => matches(text, topic))
  return leaked && `${who} may subscribe to ${text}, which matches ${leaked}`
}

export const topicsTarget: Target = { name: 'topics', quickRuns: 1_500, generate, check }
