/** The payer's offers and refusals, one by one. */
import { describe, expect, test } from 'vitest'
import { mandate } from '../../support/fixtures.ts'
import {
  connect,
  deviceTakes,
  feed,
  gatewayTakes,
  makePair,
  openedPair,
  pass,
  read,
  settle,
} from './support/pair.ts'

describe('offers', () => {
  test('a lost commitment is repeated byte for byte', () => {
    const pair = makePair()
    read(pair, 5n)
    connect(pair)
    for (const down of pair.toDevice.splice(0)) deviceTakes(pair, down)
    const [first] = pair.toGateway.splice(0)
    pass(pair, 5_000)
    const [second] = pair.toGateway
    expect(first?.kind).toBe('commit')
    expect(second).toEqual(first)
    if (first) gatewayTakes(pair, first)
    settle(pair)
    expect(pair.gateway.verdicts).toEqual(['accepted', 'repeated'])
  })

  test('a refused commitment is tried again, each time after twice the pause', () => {
    const pair = openedPair({ free: 0n })
    expect(pair.payer.refusal?.reason).toBe('no_funds')
    const tries = () => pair.gateway.verdicts.length
    const waits: number[] = []
    for (let i = 0, passed = 0, before = tries(); i < 200; i++) {
      pass(pair, 1_000)
      settle(pair)
      passed++
      if (tries() === before) continue
      waits.push(passed)
      passed = 0
      before = tries()
    }
    expect(waits).toEqual([1, 2, 4, 8, 16, 32, 60, 60])
    pair.gateway.free = 1n << 40n
    pair.gateway.mandate = { ...mandate, sequence: 5 }
    pair.toGateway.push({ kind: 'hello' })
    settle(pair)
    expect(pair.gateway.verdicts.at(-1)).toBe('accepted')
    expect(pair.payer.refusal).toBeUndefined()
  })

  test('an acceptance that was lost is learnt from the next proof', () => {
    const pair = makePair()
    read(pair, 5n)
    connect(pair)
    for (const down of pair.toDevice.splice(0)) deviceTakes(pair, down)
    for (const up of pair.toGateway.splice(0)) gatewayTakes(pair, up)
    pair.toDevice = []
    gatewayTakes(pair, { kind: 'hello' })
    settle(pair)
    expect(pair.payer.offer).toBeUndefined()
    expect(pair.payer.running?.terms.epoch).toBe(1)
  })

  test('speaking of an unknown epoch, the gateway is asked for its proof', () => {
    const pair = openedPair()
    const { supply } = pair.gateway
    const actions = feed(pair, { kind: 'ack', entry: { slot: 0, epoch: 9, index: 4, supply } })
    expect(actions).toContainEqual({ kind: 'resync' })
    expect(feed(pair, { kind: 'accept', epoch: 9 })).toContainEqual({ kind: 'resync' })
    expect(feed(pair, { kind: 'accept', epoch: 1 })).toEqual([])
  })
})
