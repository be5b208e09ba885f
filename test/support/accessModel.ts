/**
 * The access rule a second time, from the tables of docs/protocol.md section 12 and from nothing
 * of the program: patterns instead of a parser.
 * @module
 */
import type { Action, Identity } from '../../protocol/access.ts'

const id = '[a-z0-9][a-z0-9-]{0,47}'
const up = '(hello|open|commit|tick|reading|close|rotate|receipt)'
const down = '(welcome|slot|accept|ack|reject|receipt|supply|command)'

type Permission = readonly [Action, string]

function permissionsOf(identity: Identity): readonly Permission[] {
  const fleet = `tickpay/1/${identity.fleet}`
  switch (identity.kind) {
    case 'device': {
      const own = `${fleet}/${identity.device}`
      return [
        ['publish', `${own}/up/${up}`],
        ['publish', `${own}/state`],
        ['subscribe', `${own}/down/\\+`],
        ['subscribe', `${own}/down/${down}`],
        ['receive', `${own}/down/${down}`],
      ]
    }
    case 'stale_clock': {
      const own = `${fleet}/${identity.device}`
      return [
        ['publish', `${own}/up/hello`],
        ['subscribe', `${own}/down/(\\+|welcome)`],
        ['receive', `${own}/down/welcome`],
      ]
    }
    case 'claimant':
      return [
        ['publish', `${fleet}/_/enrol/${identity.serial}`],
        ['subscribe', `${fleet}/_/enrolled/${identity.serial}`],
        ['receive', `${fleet}/_/enrolled/${identity.serial}`],
      ]
    case 'fleet':
      return [...reading(fleet), ['publish', `${fleet}/_/request/${id}`]]
    case 'reader':
      return identity.rights.flatMap((right) => {
        if (right === 'command') return [['publish', `${fleet}/_/request/${id}`] as const]
        return right === 'read'
          ? [...reading(fleet), ['publish', `${fleet}/_/request/(list|get|policy|export)`] as const]
          : [['publish', `${fleet}/_/request/(pause|resume)`] as const]
      })
  }
}

function reading(fleet: string): readonly Permission[] {
  const level = '([a-z0-9_-]*|\\+)'
  const filter = `(${level}/)*(${level}|#)`
  return [
    ['receive', `${fleet}/${id}/state`],
    ['receive', `${fleet}/_/devices/${id}`],
    ['receive', `${fleet}/_/(status|event|statement)`],
    ['receive', `${fleet}/_/(request|response)/${id}`],
    ['receive', `tickpay/1/_gateway/${id}/(state|info|health|tariff|receipts)`],
    ['subscribe', `${fleet}/${filter}`],
    ['subscribe', `tickpay/1/_gateway/${filter}`],
  ]
}

export function mayByModel(identity: Identity, action: Action, topic: string): boolean {
  const bounded = new TextEncoder().encode(topic).length <= 128 && topic.split('/').length <= 8
  return (
    bounded &&
    permissionsOf(identity).some(
      ([allowed, pattern]) => allowed === action && new RegExp(`^(?:${pattern})$`).test(topic),
    )
  )
}

/** Whether a broker would deliver `topic` to a subscription: MQTT 3.1.1, section 4.7. */
export function matches(filter: string, topic: string): boolean {
  const wanted = filter.split('/')
  const levels = topic.split('/')
  for (const [place, want] of wanted.entries()) {
    if (want === '#') return true
    if (place >= levels.length || (want !== '+' && want !== levels[place])) return false
  }
  return wanted.length === levels.length
}
