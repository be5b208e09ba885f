import { describe, expect, test } from 'vitest'
import type { Identity } from '../../../protocol/access.ts'
import { mayAccess } from '../../../protocol/access.ts'
import { actions, identities, topics } from '../../support/accessCases.ts'
import { matches, mayByModel } from '../../support/accessModel.ts'

const device: Identity = { kind: 'device', fleet: 'harbour', device: 'charger-7' }
const own = 'tickpay/1/harbour/charger-7'

describe('the access rule', () => {
  // T30
  test('agrees with the reference model for every identity, action and topic', () => {
    expect(topics.length).toBeGreaterThanOrEqual(200)
    let allowed = 0
    for (const [name, identity] of Object.entries(identities)) {
      for (const action of actions) {
        for (const topic of topics) {
          const may = mayAccess(identity, action, topic)
          expect(may, `${name} ${action} ${topic}`).toBe(mayByModel(identity, action, topic))
          if (may) allowed += 1
        }
      }
    }
    expect(allowed).toBeGreaterThan(200)
  })

  // T42
  test('nobody may do anything with what is no topic of the protocol', () => {
    const foreign = ['$SYS/#', '$SYS/broker/uptime', '#', '+/#', 'tickpay/#', '', '/']
    const shared = ['$share/group/tickpay/1/harbour/#', `$share/g/${own}/down/+`]
    for (const identity of Object.values(identities)) {
      for (const action of actions) {
        for (const topic of [...foreign, ...shared]) {
          expect(mayAccess(identity, action, topic), topic).toBe(false)
        }
      }
    }
  })

  test('a device reaches nothing of another device, fleet or gateway', () => {
    const reached = topics.filter((topic) => actions.some((act) => mayAccess(device, act, topic)))
    expect(reached.length).toBeGreaterThan(10)
    for (const topic of reached) expect(topic.startsWith(`${own}/`)).toBe(true)
  })

  test('a device cannot speak as the gateway nor listen to itself', () => {
    expect(mayAccess(device, 'publish', `${own}/down/ack`)).toBe(false)
    expect(mayAccess(device, 'receive', `${own}/up/tick`)).toBe(false)
    expect(mayAccess(device, 'subscribe', `${own}/up/tick`)).toBe(false)
    expect(mayAccess(device, 'publish', 'tickpay/1/harbour/_/request/pause')).toBe(false)
    expect(mayAccess(device, 'publish', 'tickpay/1/_gateway/gateway-1/tariff')).toBe(false)
  })

  test('(!) a session with a stale clock may ask and be told the time, nothing else', () => {
    const stale: Identity = { kind: 'stale_clock', fleet: 'harbour', device: 'charger-7' }
    const can = (action: (typeof actions)[number]) =>
      topics.filter((topic) => mayAccess(stale, action, topic))
    expect(can('publish')).toEqual([`${own}/up/hello`])
    expect(can('receive')).toEqual([`${own}/down/welcome`])
    expect(can('subscribe').sort()).toEqual([`${own}/down/+`, `${own}/down/welcome`])
  })

  // T30
  test('whatever a filter matches, nothing of another fleet is delivered', () => {
    for (const [name, identity] of Object.entries(identities)) {
      const filters = topics.filter((topic) => mayAccess(identity, 'subscribe', topic))
      for (const filter of filters) {
        for (const topic of topics.filter((one) => matches(filter, one))) {
          if (!mayAccess(identity, 'receive', topic)) continue
          const where = `${name}: ${filter} delivers ${topic}`
          expect(topic, where).toMatch(/^tickpay\/1\/(harbour|_gateway)\//)
          if (identity.kind === 'fleet' || identity.kind === 'reader') {
            expect(topic, where).not.toMatch(/\/(up|down)\//)
          }
        }
      }
    }
  })

  test('a credential does what its rights say and no more', () => {
    const may = (name: string, verb: string) =>
      mayAccess(identities[name] ?? device, 'publish', `tickpay/1/harbour/_/request/${verb}`)
    expect(['list', 'get', 'pause', 'limit'].map((verb) => may('reader', verb))).toEqual([
      true,
      true,
      false,
      false,
    ])
    expect(['list', 'pause', 'resume', 'limit'].map((verb) => may('supplier', verb))).toEqual([
      false,
      true,
      true,
      false,
    ])
    expect(['list', 'pause', 'limit'].map((verb) => may('both', verb))).toEqual([true, true, false])
    expect(['list', 'pause', 'limit'].map((verb) => may('fleet', verb))).toEqual([true, true, true])
  })

  test('a credential without the right to read hears nothing', () => {
    for (const name of ['noRights', 'supplier']) {
      const identity = identities[name] ?? device
      for (const action of ['subscribe', 'receive'] as const) {
        expect(topics.filter((topic) => mayAccess(identity, action, topic))).toEqual([])
      }
    }
  })
})
