/**
 * Who is let in when there are too many, and the turns of those who log in.
 */
import { describe, expect, test } from 'vitest'
import type { DoorLimits } from '../../../../gateway/broker/doorway.ts'
import {
  addressOf,
  createDoorway,
  FAILURE_COST,
  PASSWORD_FAILURE_COST,
} from '../../../../gateway/broker/doorway.ts'
import { createLoginQueue } from '../../../../gateway/broker/loginQueue.ts'

const limits: DoorLimits = {
  pendingConnectionsMax: 4,
  silentGraceMs: 1_000,
  failedLoginsPerSecond: 5,
  failedLoginsBurst: 10,
  failedAddressesMax: 100,
}
const evil = '203.0.113.7'
const honest = '198.51.100.1'

function doorway(change: Partial<DoorLimits> = {}) {
  return createDoorway<string>({ ...limits, ...change })
}

/** Four silent lines of one address. */
function full() {
  const door = doorway()
  for (const line of ['a', 'b', 'c', 'd']) door.enter(evil, line, 0)
  return door
}

describe('a doorway that is full', () => {
  test('lets another address in, and the one with most gives up its oldest', () => {
    const door = full()
    expect(door.enter(honest, 'x', 1)).toEqual({ kind: 'in', instead: 'a' })
    expect([door.size(), door.has('a'), door.has('x')]).toEqual([4, false, true])
  })

  test('gives an address no more than the others have', () => {
    const door = full()
    door.enter(honest, 'x', 1)
    door.enter(honest, 'y', 1)
    expect(door.enter(honest, 'z', 1)).toEqual({ kind: 'refused', why: 'too_many' })
  })

  test('refuses the address that fills it, until its lines were silent for long', () => {
    const door = full()
    expect(door.enter(evil, 'e', 999)).toEqual({ kind: 'refused', why: 'too_many' })
    expect(door.enter(evil, 'e', 1_000)).toEqual({ kind: 'in', instead: 'a' })
  })

  test('keeps whoever has said its CONNECT and waits for the gateway', () => {
    const door = full()
    for (const line of ['a', 'b', 'c', 'd']) door.spoke(line)
    expect(door.enter(honest, 'x', 10_000)).toEqual({ kind: 'refused', why: 'too_many' })
    door.leave('b')
    expect(door.enter(honest, 'x', 10_000)).toEqual({ kind: 'in', instead: undefined })
  })
})

describe('an address whose lines come to nothing', () => {
  test('is not let in when its failures are used up, and again at their pace', () => {
    const door = doorway()
    for (let count = 0; count < limits.failedLoginsBurst; count++) {
      expect(door.isBarred(evil, 0)).toBe(false)
      door.failed(evil, 0, FAILURE_COST)
    }
    expect(door.enter(evil, 'a', 0)).toEqual({ kind: 'refused', why: 'failed_logins' })
    expect(door.enter(honest, 'x', 0).kind).toBe('in')
    expect(door.isBarred(evil, 199)).toBe(true)
    expect(door.enter(evil, 'a', 200).kind).toBe('in')
    door.failed(evil, 200, FAILURE_COST)
    expect(door.isBarred(evil, 200)).toBe(true)
    expect(door.isBarred(evil, 60_000)).toBe(false)
  })

  test('passwords use them up sooner than signatures', () => {
    const door = doorway({ failedLoginsBurst: 2 * PASSWORD_FAILURE_COST })
    door.failed(evil, 0, PASSWORD_FAILURE_COST)
    expect(door.isBarred(evil, 0)).toBe(false)
    door.failed(evil, 0, PASSWORD_FAILURE_COST)
    expect(door.isBarred(evil, 0)).toBe(true)
  })

  test('is never this machine: a proxy here may stand for all', () => {
    const door = doorway()
    for (let count = 0; count < 1_000; count++) {
      for (const own of ['127.0.0.1', '::1', '::ffff:127.0.0.1']) door.failed(own, 0, FAILURE_COST)
    }
    expect(door.isBarred('127.0.0.1', 0)).toBe(false)
    expect(door.isBarred('::1', 0)).toBe(false)
  })

  test('many addresses cost bounded memory; the latest are remembered', () => {
    const door = doorway({ failedAddressesMax: 3, failedLoginsBurst: 1 })
    for (const address of ['a', 'b', 'c', 'd']) door.failed(address, 0, FAILURE_COST)
    const barred = ['a', 'b', 'c', 'd'].map((address) => door.isBarred(address, 0))
    expect(barred).toEqual([false, true, true, true])
  })
})

test.each([
  ['203.0.113.7:4711', '203.0.113.7'],
  ['::ffff:203.0.113.7:4711', '::ffff:203.0.113.7'],
  ['::1:4711', '::1'],
  ['2001:db8:1:2:3:4:5:6:4711', '2001:db8:1:2'],
  ['2001:db8:1:2:9:9:9:9:4711', '2001:db8:1:2'],
  ['2001:db8::9:4711', '2001:db8'],
])('the address of %s', (remote, address) => {
  expect(addressOf(remote)).toBe(address)
})

describe('logins', () => {
  function queue() {
    const turns: (() => void)[] = []
    const logins = createLoginQueue({ soon: (run) => turns.push(run) }, { loginsPerTurn: 3 })
    return { logins, turns, turn: () => turns.shift()?.() }
  }

  test('are judged a few in a turn, and all in the end', () => {
    const { logins, turn, turns } = queue()
    const judged: number[] = []
    for (let number = 0; number < 7; number++) logins.add(evil, () => judged.push(number))
    expect(judged).toEqual([])
    turn()
    expect(judged).toEqual([0, 1, 2])
    turn()
    turn()
    expect([judged, logins.waiting(), turns]).toEqual([[0, 1, 2, 3, 4, 5, 6], 0, []])
  })

  // T35
  test('of one address among thousands of another come at once', () => {
    const { logins, turn } = queue()
    const judged: string[] = []
    for (let count = 0; count < 1_000; count++) logins.add(evil, () => judged.push('evil'))
    logins.add(honest, () => judged.push('honest'))
    turn()
    expect(judged).toEqual(['evil', 'honest', 'evil'])
  })
})
