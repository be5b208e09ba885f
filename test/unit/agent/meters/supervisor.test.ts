import { describe, expect, test } from 'vitest'
import { meterDefaults } from '../../../../agent/meters/drivers.ts'
import { defaultReaderRules } from '../../../../agent/meters/reader.ts'
import { startMeter } from '../../../../agent/meters/supervisor.ts'
import { cpuMs } from '../../../support/cpuTime.ts'
import { meterBench, virtualPorts } from '../../../support/meterBench.ts'
import { virtualTime } from '../../../support/virtualTime.ts'

const kinds = ['firmware-link', 'sdm120', 'sdm630'] as const

/** What may flow between a limit and the poll that sees it: none where the device itself counts. */
const overshoot = { 'firmware-link': 0n, sdm120: 2n, sdm630: 2n } as const

describe.each(kinds)('%s', (kind) => {
  test('reads the register and supplies until the limit', async () => {
    const bench = await meterBench({ kind, initialRegister: 1_000 })
    await bench.time.advance(5_000)
    expect(bench.units()).toBe(1_000n)
    expect(bench.sim.relayClosed()).toBe(false)
    bench.link.supplyOnUntil(1_010n)
    await bench.time.advance(3_000)
    expect(bench.sim.relayClosed()).toBe(true)
    expect(bench.readings().at(-1)).toMatchObject({ relayClosed: true, flowing: true, faults: [] })
    await bench.time.advance(60_000)
    expect(bench.sim.relayClosed()).toBe(false)
    expect(bench.units()).toBe(bench.sim.register())
    expect(bench.units()).toBeGreaterThanOrEqual(1_010n)
    expect(bench.units()).toBeLessThanOrEqual(1_010n + overshoot[kind])
  })

  test('an order off takes effect at once', async () => {
    const bench = await meterBench({ kind })
    bench.link.supplyOnUntil(1_000_000n)
    await bench.time.advance(20_000)
    expect(bench.sim.relayClosed()).toBe(true)
    bench.link.supplyOff()
    await bench.time.advance(meterDefaults[kind].timeoutMs)
    expect(bench.sim.relayClosed()).toBe(false)
  })

  test('noise, loss and split answers slow the reading down and never falsify it', async () => {
    const bench = await meterBench({ kind, noise: 0.2, lost: 0.1, split: 0.5 })
    bench.link.supplyOnUntil(1_000_000n)
    await bench.time.advance(600_000)
    const units = bench.readings().map((reading) => reading.units)
    expect(units.length).toBeGreaterThan(200)
    expect(units.every((value, i) => i === 0 || value >= (units[i - 1] ?? 0n))).toBe(true)
    expect(bench.sim.register() - bench.units()).toBeLessThan(10n)
    expect(bench.readings().filter((reading) => reading.note !== undefined)).toHaveLength(1)
  })

  test('the relay opens 5 s after the agent fell silent', async () => {
    const bench = await meterBench({ kind })
    bench.link.supplyOnUntil(1_000_000n)
    await bench.time.advance(10_000)
    const before = bench.sim.supplied()
    bench.missing = true
    bench.cut()
    await bench.time.advance(4_000)
    expect(bench.sim.relayClosed()).toBe(true)
    await bench.time.advance(1_100)
    expect(bench.sim.relayClosed()).toBe(false)
    await bench.time.advance(600_000)
    expect(bench.sim.supplied() - before).toBeLessThanOrEqual(6n)
  })

  test('an unplugged meter is away with a reason, comes back, and supply continues', async () => {
    const bench = await meterBench({ kind })
    bench.link.supplyOnUntil(1_000_000n)
    await bench.time.advance(10_000)
    await bench.sim.command({ kind: 'unplug', forMs: 20_000 })
    await bench.time.advance(3_000)
    expect(bench.events.at(-1)).toMatchObject({ state: 'away', reason: /not there/ })
    await bench.time.advance(60_000)
    expect(bench.events.at(-1)?.state).toBe('reading')
    expect(bench.sim.relayClosed()).toBe(true)
    expect(bench.sim.register() - bench.units()).toBeLessThanOrEqual(1n)
  })

  test('a meter that stops answering is away although the line stays open', async () => {
    const bench = await meterBench({ kind })
    await bench.time.advance(5_000)
    await bench.sim.command({ kind: 'line', faults: { lost: 1 } })
    await bench.time.advance(4_000)
    expect(bench.events.at(-1)?.state).toBe('reading')
    await bench.time.advance(4_000)
    expect(bench.events.at(-1)).toMatchObject({ state: 'away' })
    const told = bench.events.length
    await bench.time.advance(3_600_000)
    expect(bench.events.length - told).toBeLessThan(3)
    await bench.sim.command({ kind: 'line', faults: { lost: 0 } })
    await bench.time.advance(60_000)
    expect(bench.events.at(-1)?.state).toBe('reading')
  })

  test('a line that hangs is closed and opened again', async () => {
    const bench = await meterBench({ kind })
    await bench.time.advance(5_000)
    bench.hang()
    await bench.time.advance(9_000)
    expect(bench.events.at(-1)?.state).toBe('away')
    await bench.time.advance(6_000)
    expect(bench.events.at(-1)?.state).toBe('reading')
  })

  test('after close the relay is open and nothing is left running', async () => {
    const bench = await meterBench({ kind })
    bench.link.supplyOnUntil(1_000_000n)
    await bench.time.advance(10_000)
    const closing = bench.link.close()
    await bench.time.advance(2_000)
    await closing
    expect(bench.sim.relayClosed()).toBe(false)
    await bench.sim.close()
    expect(bench.time.pending()).toBe(0)
  })
})

describe('a microcontroller that restarts', () => {
  test('with its counter kept: units go on, supply comes back', async () => {
    const bench = await meterBench({})
    bench.link.supplyOnUntil(1_000_000n)
    await bench.time.advance(30_000)
    await bench.sim.command({ kind: 'reboot' })
    expect(bench.sim.relayClosed()).toBe(false)
    await bench.time.advance(30_000)
    expect(bench.sim.relayClosed()).toBe(true)
    expect(bench.units()).toBe(bench.sim.register())
    expect(bench.saved).toHaveLength(1)
  })

  test('with its counter lost: units go on, the offset is saved, nothing twice', async () => {
    const bench = await meterBench({ initialRegister: 5_000 })
    bench.link.supplyOnUntil(1_000_000n)
    await bench.time.advance(100_000)
    await bench.sim.command({ kind: 'reboot_without_counter' })
    await bench.time.advance(100_000)
    const truth = 5_000n + bench.sim.supplied()
    expect(bench.units()).toBeLessThanOrEqual(truth)
    expect(truth - bench.units()).toBeLessThanOrEqual(1n)
    expect(bench.readings().at(-1)?.faults).toEqual(['counter_lost'])
    expect(bench.saved).toHaveLength(2)
    expect(bench.saved[1]?.offset).toBeGreaterThan(5_000n)
  })

  test('obeys no order for the register of before, whenever its agent dies', async () => {
    for (let liveMs = 0; liveMs < 1_500; liveMs += 50) {
      const bench = await meterBench({ initialRegister: 5_000, ratePerHour: 36_000 })
      await bench.time.advance(2_000)
      bench.link.supplyOnUntil(5_010n)
      await bench.time.advance(500)
      const unread = bench.sim.register() - bench.units()
      await bench.sim.command({ kind: 'reboot_without_counter' })
      bench.cut()
      await bench.time.advance(liveMs)
      bench.missing = true
      bench.cut()
      await bench.time.advance(10_000)
      const counted = bench.sim.supplied() - unread
      expect(counted, `dead after ${liveMs} ms`).toBeLessThanOrEqual(10n)
    }
  })

  test('supply that begins before a proof has lifted the register ends where it may', async () => {
    const bench = await meterBench({ initialRegister: 10, ratePerHour: 36_000 })
    await bench.time.advance(2_000)
    bench.link.raiseFloor(9_000n)
    bench.link.supplyOnUntil(9_005n)
    await bench.time.advance(100)
    bench.cut()
    bench.missing = true
    await bench.time.advance(10_000)
    expect(bench.sim.supplied()).toBeLessThanOrEqual(5n)
  })

  test('supplies nothing before the new offset is on the disk, tried at every poll', async () => {
    const bench = await meterBench({ initialRegister: 5_000 })
    bench.link.supplyOnUntil(1_000_000n)
    await bench.time.advance(30_000)
    bench.diskFails = true
    await bench.sim.command({ kind: 'reboot_without_counter' })
    await bench.time.advance(5_000)
    expect(bench.sim.relayClosed()).toBe(false)
    bench.diskFails = false
    await bench.time.advance(5_000)
    expect(bench.saved).toHaveLength(2)
    expect(bench.sim.relayClosed()).toBe(true)
  })

  test('a disk that stays broken does not stop supply for ever', async () => {
    const bench = await meterBench({ initialRegister: 5_000 })
    bench.diskFails = true
    bench.link.supplyOnUntil(1_000_000n)
    await bench.time.advance(8_000)
    expect(bench.sim.relayClosed()).toBe(false)
    await bench.time.advance(12_000)
    expect(bench.sim.relayClosed()).toBe(true)
  })

  test('a 32-bit counter wraps under supply', async () => {
    const top = 2n ** 32n
    const bench = await meterBench({ counterBits: 32, initialRegister: String(top - 20n) })
    await bench.time.advance(2_000)
    bench.link.supplyOnUntil(top + 10n)
    await bench.time.advance(120_000)
    expect(bench.sim.register()).toBe(10n)
    expect(bench.units()).toBe(top + 10n)
    expect(bench.sim.relayClosed()).toBe(false)
    bench.link.supplyOnUntil(top + 15n)
    await bench.time.advance(60_000)
    expect(bench.units()).toBe(top + 15n)
  })

  test('a register that jumps is not believed; what it adds is bounded by the rate', async () => {
    const bench = await meterBench({ counterBits: 32 })
    bench.link.supplyOnUntil(1_000_000n)
    await bench.time.advance(10_000)
    await bench.sim.command({ kind: 'roll_over' })
    await bench.time.advance(600_000)
    expect(bench.units()).toBeLessThanOrEqual(bench.sim.supplied() + 100n)
    expect(bench.readings().some((reading) => reading.faults.includes('implausible_step'))).toBe(
      true,
    )
  })

  test('a stuck counter is reported and its relay opens', async () => {
    const bench = await meterBench({})
    bench.link.supplyOnUntil(1_000_000n)
    await bench.time.advance(10_000)
    await bench.sim.command({ kind: 'stick' })
    await bench.time.advance(10_000)
    expect(bench.sim.relayClosed()).toBe(false)
    expect(bench.readings().at(-1)?.faults).toEqual(['stuck'])
    await bench.sim.command({ kind: 'unstick' })
    await bench.time.advance(5_000)
    expect(bench.sim.relayClosed()).toBe(true)
    expect(bench.readings().at(-1)?.faults).toEqual([])
  })
})

test('a stuck Modbus register is noticed by the power that flows', async () => {
  const rules = { ...defaultReaderRules, unitsPerSecondMax: 50n, stuckAfterMs: 20_000 }
  const bench = await meterBench({ kind: 'sdm630' }, { rules })
  bench.link.supplyOnUntil(1_000_000n)
  await bench.time.advance(10_000)
  await bench.sim.command({ kind: 'stick' })
  await bench.time.advance(25_000)
  expect(bench.readings().at(-1)?.faults).toEqual(['stuck'])
})

test('a proof of earlier units lifts a meter that was set back unseen', async () => {
  const bench = await meterBench({ initialRegister: 10 })
  await bench.time.advance(2_000)
  bench.link.raiseFloor(9_000n)
  await bench.time.advance(1_000)
  expect(bench.units()).toBe(9_000n)
  bench.link.supplyOnUntil(9_005n)
  await bench.time.advance(30_000)
  expect(bench.units()).toBe(9_005n)
  expect(bench.sim.register()).toBe(15n)
})

test('raising the limit again and again does not poll faster', async () => {
  const bench = await meterBench({})
  bench.link.supplyOnUntil(10n)
  await bench.time.advance(2_000)
  const before = bench.readings().length
  for (let i = 0; i < 1_000; i++) {
    bench.link.supplyOnUntil(20n + BigInt(i))
    await bench.time.advance(10)
  }
  const polls = bench.readings().length - before
  expect(polls).toBeGreaterThan(35)
  expect(polls).toBeLessThan(45)
})

test('meters are read at the same time, whenever they were started', async () => {
  const readAt = async (startMs: number) => {
    const bench = await meterBench({})
    const { clock } = bench.time
    await bench.time.advance(startMs)
    bench.cut()
    await bench.time.advance(5_000)
    const before = bench.readings().length
    while (bench.readings().length === before) await bench.time.advance(1)
    return clock.monotonicMs() % meterDefaults['firmware-link'].pollMs
  }
  expect(await readAt(2_077)).toBe(await readAt(1_013))
})

test('a source that is never there is tried for ever, more slowly, and told once', async () => {
  const time = virtualTime(0)
  let tries = 0
  const events: unknown[] = []
  const link = startMeter(
    {
      ...meterDefaults['firmware-link'],
      source: 'serial:///dev/none',
      kind: 'firmware-link',
      rules: { ...defaultReaderRules, unitsPerSecondMax: 50n },
    },
    {
      ports: virtualPorts(time),
      openSerial: async () => {
        tries++
        throw new Error('serial port /dev/none is not there')
      },
      saved: undefined,
      save: async () => undefined,
      onEvent: (event) => events.push(event),
    },
  )
  await time.advance(10_000)
  expect(tries).toBeGreaterThan(3)
  await time.advance(3_600_000)
  expect(tries).toBeGreaterThan(100)
  expect(tries).toBeLessThan(260)
  expect(events).toEqual([{ state: 'away', reason: 'serial port /dev/none is not there' }])
  const closing = link.close()
  await time.advance(0)
  await closing
  expect(time.pending()).toBe(0)
})

test('one virtual hour of a busy meter takes a moment', async () => {
  const bench = await meterBench({ profile: 'ev' })
  bench.link.supplyOnUntil(1_000_000n)
  expect(await cpuMs(() => bench.time.advance(3_600_000))).toBeLessThan(3_000)
  expect(bench.readings().length).toBeGreaterThan(14_000)
})
