import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { parseMeterSimConfig } from '../../../firmware-sim/config.ts'
import { startMeterSim } from '../../../firmware-sim/simulator.ts'
import type { Disk, Ports } from '../../../ports/index.ts'
import { frameDecoder } from '../../../protocol/frame.ts'
import { decodeStatus, encodeHostMessage, type Status } from '../../../protocol/frameMessages.ts'
import { virtualPlug, virtualPorts } from '../../support/meterBench.ts'
import { type VirtualTime, virtualTime } from '../../support/virtualTime.ts'

/** A disk of one file whose writes take `writeMs`, and which can fail. */
function slowDisk(time: VirtualTime, writeMs: number) {
  const files = new Map<string, Uint8Array>()
  const world = { full: false, writes: 0 }
  const disk: Disk = {
    openAppend: () => Promise.reject(new Error('not used')),
    read: async (path) => files.get(path),
    replace: async (path, bytes) => {
      world.writes++
      await new Promise<void>((done) => void time.timers.after(writeMs, done))
      if (world.full) throw new Error('the disk is full')
      files.set(path, bytes)
    },
    list: async () => [...files.keys()],
    remove: async (path) => void files.delete(path),
    freeShare: async () => 1,
  }
  return { disk, files, world }
}

const config = parseMeterSimConfig({
  line: 'serial:///dev/meter',
  profile: 'steady',
  ratePerHour: 36_000,
  initialRegister: 100,
  stateFile: 'meter.json',
})

/** A host on the meter's line that keeps every status. */
async function host(plug: ReturnType<typeof virtualPlug>) {
  const serial = await plug.openSerial('serial:///dev/meter')
  const decoder = frameDecoder()
  const statuses: Status[] = []
  serial.onData((chunk) => {
    for (const body of decoder.push(chunk)) {
      const status = decodeStatus(body)
      if (status !== undefined) statuses.push(status)
    }
  })
  let sequence = 0
  const supply = (untilRegister: bigint) =>
    serial.write(encodeHostMessage({ kind: 'supply_on', sequence: ++sequence, untilRegister }))
  return { statuses, supply, write: serial.write }
}

describe('the register on disk', () => {
  test('killed at any moment, it never comes back lower than anyone saw', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.integer({ min: 1, max: 400 }), { minLength: 1, maxLength: 25 }),
        fc.integer({ min: 0, max: 50 }),
        async (gaps, writeMs) => {
          const time = virtualTime(0)
          const { disk, files } = slowDisk(time, writeMs)
          const plug = virtualPlug(time)
          const ports = virtualPorts(time)
          await startMeterSim(config, ports, { openLines: plug.openLines, disk })
          const { statuses, supply } = await host(plug)
          for (const gap of gaps) {
            await supply(1_000_000n)
            await time.advance(gap)
          }
          // kill -9: what is on disk now is all that is left.
          const left = { ...disk, read: async () => files.get('meter.json') }
          const next = virtualPlug(time)
          const again = await startMeterSim(config, ports, {
            openLines: next.openLines,
            disk: left,
          })
          const seen = statuses.at(-1)?.counter ?? 0n
          expect(again.register()).toBeGreaterThanOrEqual(seen)
          expect(again.register()).toBe(100n + again.supplied())
        },
      ),
      { numRuns: 60 },
    )
  })

  test('a meter whose disk is full reports nothing, and its relay opens', async () => {
    const time = virtualTime(0)
    const { disk, world } = slowDisk(time, 1)
    const plug = virtualPlug(time)
    const logged: string[] = []
    const ports: Ports = virtualPorts(time, (_level, message) => logged.push(message))
    const sim = await startMeterSim(config, ports, { openLines: plug.openLines, disk })
    const { statuses, supply } = await host(plug)
    await supply(1_000_000n)
    await time.advance(100)
    expect(statuses).toHaveLength(1)
    world.full = true
    await time.advance(1_000)
    await supply(1_000_000n)
    await time.advance(1_000)
    expect(statuses).toHaveLength(1)
    expect(logged).toContain('the disk is full')
    await time.advance(5_000)
    expect(sim.relayClosed()).toBe(false)
  })

  test('without a host the register is kept every second while something flows', async () => {
    const time = virtualTime(0)
    const { disk, world } = slowDisk(time, 1)
    const plug = virtualPlug(time)
    await startMeterSim(config, virtualPorts(time), { openLines: plug.openLines, disk })
    const { supply } = await host(plug)
    await supply(1_000_000n)
    await time.advance(10_000)
    expect(world.writes).toBeGreaterThan(4)
    const settled = world.writes
    await time.advance(100_000)
    expect(world.writes).toBe(settled)
  })

  test('a damaged file is told in one line', async () => {
    const time = virtualTime(0)
    const { disk, files } = slowDisk(time, 0)
    files.set('meter.json', new TextEncoder().encode('{"version":9}'))
    const { openLines } = virtualPlug(time)
    const starting = startMeterSim(config, virtualPorts(time), { openLines, disk })
    await expect(starting).rejects.toThrow(
      'meter.json holds no register of this version; restore it, or remove it to start at 100',
    )
  })
})

test('a flood of requests is bounded', async () => {
  const time = virtualTime(0)
  const { disk } = slowDisk(time, 100)
  const plug = virtualPlug(time)
  await startMeterSim(config, virtualPorts(time), { openLines: plug.openLines, disk })
  const { statuses, supply } = await host(plug)
  for (let i = 0; i < 500; i++) await supply(1_000n)
  await time.advance(60_000)
  expect(statuses.length).toBeGreaterThan(0)
  expect(statuses.length).toBeLessThanOrEqual(16)
})

test('the speed factor runs the load, not the watchdog', async () => {
  const time = virtualTime(0)
  const plug = virtualPlug(time)
  const sim = await startMeterSim(
    { ...config, speed: 60, stateFile: undefined },
    virtualPorts(time),
    {
      openLines: plug.openLines,
      disk: undefined,
    },
  )
  const { supply } = await host(plug)
  await supply(1_000_000n)
  await time.advance(4_990)
  expect(sim.relayClosed()).toBe(true)
  expect(sim.register()).toBeGreaterThan(100n + 2_900n)
  await time.advance(30)
  expect(sim.relayClosed()).toBe(false)
})
