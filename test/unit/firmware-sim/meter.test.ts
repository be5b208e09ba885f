import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  advance,
  closeRelay,
  closeUntil,
  heard,
  type MeterSetup,
  type MeterState,
  newMeter,
  reboot,
  rebootWithoutCounter,
  register,
  showRegister,
  stick,
  stuckOpensAfterMs,
  unstick,
  withRelayOpen,
} from '../../../firmware-sim/meter.ts'
import { restoreMeter, savedText } from '../../../firmware-sim/saved.ts'

// 3,600 units an hour: one unit a second.
const setup: MeterSetup = {
  profile: { kind: 'steady', unit: 'Wh', ratePerHour: 3_600 },
  seed: 1,
  startDayMs: 0,
  speed: 1,
  modulus: 1n << 32n,
  initialRegister: 1_000n,
  watchdogMs: 5_000,
  deviceId: 7n,
  bootId: 1,
}

/** Time passes while the host keeps talking once a second. */
function attended(state: MeterState, seconds: number): MeterState {
  let current = state
  for (let i = 0; i < seconds; i++) current = heard(advance(current, 1_000))
  return current
}

describe('relay', () => {
  test('nothing flows before the host allows it', () => {
    expect(register(advance(newMeter(setup), 3_600_000))).toBe(1_000n)
  })

  test('opens by itself exactly at the register it was given', () => {
    const on = closeUntil(newMeter(setup), 1_003n)
    expect(attended(on, 2).relay.closed).toBe(true)
    const done = attended(on, 60)
    expect(done.relay.closed).toBe(false)
    expect(register(done)).toBe(1_003n)
  })

  test('never passes its limit, at any speed and in steps of any size', () => {
    const steps = fc.array(fc.integer({ min: 0, max: 4_999 }), { maxLength: 40 })
    const limit = fc.bigInt({ min: 0n, max: 500n })
    fc.assert(
      fc.property(steps, limit, fc.integer({ min: 1, max: 3_600 }), (sizes, more, speed) => {
        let state = closeUntil(newMeter({ ...setup, speed }), 1_000n + more)
        for (const ms of sizes) state = heard(advance(state, ms))
        expect(register(state)).toBeLessThanOrEqual(1_000n + more)
        if (register(state) === 1_000n + more) expect(state.relay.closed).toBe(false)
      }),
    )
  })

  test('opens 5 s after the last host frame, to the millisecond', () => {
    const on = closeUntil(newMeter(setup), 1_000_000n)
    expect(advance(on, 4_999).relay.closed).toBe(true)
    expect(advance(on, 5_000).relay.closed).toBe(false)
    expect(register(advance(on, 3_600_000))).toBe(1_005n)
    const spoken = heard(advance(on, 4_000))
    expect(advance(spoken, 4_999).relay.closed).toBe(true)
    expect(advance(spoken, 5_000).relay.closed).toBe(false)
  })

  test('a limit that is reached already opens it', () => {
    expect(closeUntil(newMeter(setup), 1_000n).relay.closed).toBe(false)
    expect(closeUntil(newMeter(setup), 900n).relay.closed).toBe(false)
    const on = closeRelay(newMeter(setup))
    expect(closeUntil(on, 900n).relay.closed).toBe(false)
  })

  test('a limit beyond the end of the counter is reached after the wrap', () => {
    const top = (1n << 32n) - 2n
    const near = newMeter({ ...setup, initialRegister: top })
    const on = closeUntil(near, top + 5n)
    const done = attended(on, 60)
    expect(register(done)).toBe(3n)
    expect(done.supplied).toBe(5n)
  })

  test('steps of any size give the same meter', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 20_000 }), fc.nat({ max: 20_000 }), (a, b) => {
        const on = closeUntil(newMeter({ ...setup, speed: 7 }), 1_050n)
        expect(advance(advance(on, a), b)).toEqual(advance(on, a + b))
      }),
    )
  })
})

describe('faults', () => {
  const running = attended(closeUntil(newMeter(setup), 2_000n), 100)

  test('a reboot opens the relay and draws a new boot id; the counter is kept', () => {
    const up = reboot(running, 2)
    expect([up.relay.closed, up.bootId, up.uptimeMs, register(up)]).toEqual([false, 2, 0, 1_100n])
  })

  test('a reboot may lose the counter, the truth goes on', () => {
    const up = attended(closeUntil(rebootWithoutCounter(running, 2), 50n), 10)
    expect([register(up), up.supplied, up.counterLost]).toEqual([10n, 110n, true])
  })

  test('a stuck counter shows one value, and the device opens its relay', () => {
    const stuck = attended(stick(running), 4)
    expect([register(stuck), stuck.supplied, stuck.relay.closed]).toEqual([1_100n, 104n, true])
    const guarded = attended(stuck, 60)
    expect(guarded.relay.closed).toBe(false)
    expect(guarded.supplied).toBe(100n + BigInt(stuckOpensAfterMs / 1_000))
    expect(closeUntil(guarded, 3_000n).relay.closed).toBe(false)
    const free = attended(closeUntil(unstick(guarded), 3_000n), 1)
    expect(register(free)).toBe(1_101n)
  })

  test('an exchanged register shows what it is set to', () => {
    const changed = attended(showRegister(running, (1n << 32n) - 1n), 2)
    expect([register(changed), changed.supplied]).toEqual([1n, 102n])
  })

  test('an open relay stops the load, whatever the watchdog does', () => {
    expect(attended(withRelayOpen(running), 100).supplied).toBe(100n)
  })
})

describe('saved state', () => {
  test('the register and the load survive, the relay is open', () => {
    const running = attended(closeUntil(newMeter({ ...setup, speed: 13 }), 5_000n), 17)
    const up = restoreMeter(savedText(running), { ...setup, speed: 13, bootId: 9 })
    if (up === undefined) throw new Error('not restored')
    expect(register(up)).toBe(register(running))
    expect(up.supplied).toBe(running.supplied)
    expect(up.load.carry).toBe(running.load.carry)
    expect([up.relay.closed, up.bootId]).toEqual([false, 9])
  })

  test.each(['', '{', '[]', '{"version":2}', '{"version":1,"supplied":5}'])(
    '%s is refused',
    (text) => {
      expect(restoreMeter(text, setup)).toBeUndefined()
    },
  )
})
