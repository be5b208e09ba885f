/** How the payer goes on after either side forgot something. */
import { describe, expect, test } from 'vitest'
import { amountAt, readingAt } from '../../../protocol/channel.ts'
import { mandate } from '../../support/fixtures.ts'
import { heldReading, takeCommit } from './support/modelGateway.ts'
import {
  connect,
  crash,
  deviceTakes,
  feed,
  openedPair,
  order,
  read,
  settle,
  shown,
} from './support/pair.ts'

describe('resuming', () => {
  test('after amnesia goes on from the proof, paying nothing twice', () => {
    const pair = openedPair()
    read(pair, 1_330n)
    settle(pair)
    read(pair, 1_415n)
    settle(pair)
    const before = pair.gateway.held
    crash(pair)
    connect(pair)
    settle(pair)
    expect(pair.payer.running?.terms.epoch).toBe(2)
    expect(pair.payer.acked).toBe(before?.index)
    read(pair, 1_415n)
    expect(pair.toGateway).toEqual([])
    read(pair, 1_420n)
    settle(pair)
    expect(heldReading(pair.gateway)).toBe(1_420n)
    expect(pair.gateway.verdicts.filter((one) => one === 'stale')).toEqual([])
  })

  test('after amnesia goes on with a pending renewal', () => {
    const pair = openedPair()
    read(pair, 1_330n)
    settle(pair)
    crash(pair)
    connect(pair)
    settle(pair)
    expect(pair.payer.next?.terms.epoch).toBe(2)
    expect(shown(read(pair, 1_410n))).toEqual(['1/40', '2/1'])
  })

  test('keeps what it has shown when the gateway holds less', () => {
    const pair = openedPair()
    read(pair, 1_050n)
    connect(pair)
    settle(pair)
    expect(pair.payer.acked).toBe(5)
    const older = { ...pair.gateway, held: pair.gateway.held && { ...pair.gateway.held } }
    read(pair, 1_150n)
    settle(pair)
    Object.assign(pair.gateway, { held: older.held })
    connect(pair)
    for (const down of pair.toDevice.splice(0)) deviceTakes(pair, down)
    expect(pair.payer).toMatchObject({ acked: 5, running: { shown: 15 } })
    settle(pair)
    expect(heldReading(pair.gateway)).toBe(1_150n)
  })

  test('commits anew when the gateway lost a commitment', () => {
    const pair = openedPair()
    read(pair, 1_330n)
    const older = pair.gateway.held
    settle(pair)
    read(pair, 1_450n)
    settle(pair)
    expect(pair.payer.running?.terms.epoch).toBe(2)
    Object.assign(pair.gateway, { held: older, pending: undefined })
    connect(pair)
    settle(pair)
    const { held } = pair.gateway
    expect(held?.commitment.value.epoch).toBe(3)
    expect(heldReading(pair.gateway)).toBe(1_450n)
    if (held) expect(amountAt(held.commitment.value, held.index)).toBe(45n * 2_500n)
  })

  test('opens anew where it was acknowledged when the gateway lost everything', () => {
    const pair = openedPair()
    read(pair, 1_050n)
    settle(pair)
    read(pair, 1_083n)
    Object.assign(pair.gateway, { held: undefined, pending: undefined })
    connect(pair)
    settle(pair)
    const opened = pair.gateway.held?.commitment.value
    expect(opened).toMatchObject({ epoch: 2, base: 0n, startReading: 1_050n })
    expect(heldReading(pair.gateway)).toBe(1_080n)
  })

  test('a proof that does not verify stops payment and supply until a good one comes', () => {
    const pair = openedPair()
    const [facts] = [pair.payer.facts]
    if (!facts) throw new Error('opened')
    feed(pair, { kind: 'slot', facts, proof: 'gateway_lied' })
    expect(order(pair)).toBe('off gateway_lied')
    expect(shown(read(pair, 1_100n))).toEqual([])
    connect(pair)
    settle(pair)
    expect(heldReading(pair.gateway)).toBe(1_100n)
  })

  test('a taken epoch number is passed over', () => {
    const pair = openedPair()
    read(pair, 1_050n)
    settle(pair)
    crash(pair)
    connect(pair)
    settle(pair)
    const terms = pair.payer.running?.terms
    if (!terms) throw new Error('opened')
    const other = {
      ...terms,
      epoch: 2,
      base: amountAt(terms, 5),
      startReading: readingAt(terms, 5),
    }
    takeCommit(pair.gateway, pair.epochs.commit(other))
    read(pair, 1_330n)
    settle(pair)
    expect(pair.gateway.verdicts).toContain('stale')
    expect(heldReading(pair.gateway)).toBe(1_330n)
    expect(pair.payer.running?.terms.epoch).toBe(2)
  })

  test('commits within the mandate that a restored gateway knows, be it an older one', () => {
    const pair = openedPair()
    pair.gateway.mandate = { ...mandate, sequence: 9, expiry: mandate.expiry + 3_600 }
    connect(pair)
    settle(pair)
    pair.gateway.mandate = mandate
    pair.gateway.held = undefined
    connect(pair)
    settle(pair)
    expect(pair.payer.running?.terms.expiry).toBe(mandate.expiry)
    expect(pair.gateway.verdicts).not.toContain('expiry_too_late')
  })
})
