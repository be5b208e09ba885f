import { execFile } from 'node:child_process'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { listSerialPorts, openSerial } from '../../agent/io/serial.ts'
import { detectMeters, readMeterOnce } from '../../agent/meters/detect.ts'
import { meterDefaults, usualUnitsPerSecondMax } from '../../agent/meters/drivers.ts'
import { defaultReaderRules } from '../../agent/meters/reader.ts'
import { type MeterEvent, type MeterReading, startMeter } from '../../agent/meters/supervisor.ts'
import type { MeterKind } from '../../agent/meters/types.ts'
import { parseMeterSimConfig } from '../../firmware-sim/config.ts'
import { openLines } from '../../firmware-sim/io/lines.ts'
import { type MeterSim, startMeterSim } from '../../firmware-sim/simulator.ts'
import { nodePorts } from '../../ports/io/node.ts'
import { hasMbpoll, hasSocat, openPty, type Pty } from '../support/pty.ts'
import { until } from '../support/until.ts'

const ports = nodePorts(() => undefined)
const closing: (() => Promise<void>)[] = []
let pty: Pty

beforeEach(async () => {
  if (hasSocat) pty = await openPty()
})
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close()
  await pty?.remove()
})

type SimFields = Parameters<typeof parseMeterSimConfig>[0]

async function startSim(fields: SimFields): Promise<MeterSim> {
  const line = `serial://${pty.meterPath}?baud=9600`
  const steady = { profile: 'steady', unit: 'Wh', ratePerHour: 360_000 }
  const config = parseMeterSimConfig({ line, ...steady, ...fields })
  const sim = await startMeterSim(config, ports, { openLines, disk: undefined })
  closing.push(sim.close)
  return sim
}

function startAgent(kind: MeterKind, source = `serial://${pty.agentPath}?baud=9600`) {
  const events: MeterEvent[] = []
  const rules = { ...defaultReaderRules, unitsPerSecondMax: 20n * usualUnitsPerSecondMax.Wh }
  const link = startMeter(
    { ...meterDefaults[kind], pollMs: 20, timeoutMs: 300, source, kind, rules },
    {
      ports,
      openSerial,
      saved: undefined,
      save: async () => undefined,
      onEvent: (event) => events.push(event),
    },
  )
  closing.push(link.close)
  const readings = () => events.filter((event): event is MeterReading => event.state === 'reading')
  const units = () => readings().at(-1)?.units ?? -1n
  return { link, events, readings, units }
}

describe.skipIf(!hasSocat).each(['firmware-link', 'sdm630'] as const)('%s on a pty', (kind) => {
  test('is supplied until its limit, and the cable may be pulled in between', async () => {
    const sim = await startSim({ kind, initialRegister: 500 })
    const { link, events, units } = startAgent(kind)
    await until('the first reading', () => units() === 500n)
    link.supplyOnUntil(100_000n)
    await until('some units', () => units() > 520n)

    await pty.unplug()
    await until('away', () => events.at(-1)?.state === 'away')
    await until('the relay opens by itself', () => !sim.relayClosed())
    await pty.plug()
    const before = units()
    await until('back in service', () => units() > before)

    const limit = units() + 50n
    link.supplyOnUntil(limit)
    await until('the limit', () => !sim.relayClosed() && units() >= limit)
    await until('the last reading', () => units() === sim.register())
    if (kind === 'firmware-link') expect(sim.register()).toBe(limit)
  })

  test('noise, loss and pieces on the line', async () => {
    const sim = await startSim({ kind, noise: 0.2, lost: 0.05, split: 0.5 })
    const { link, readings, units } = startAgent(kind)
    link.supplyOnUntil(150n)
    await until('the limit', () => units() >= 150n)
    link.supplyOff()
    await until('the relay opens', () => !sim.relayClosed())
    await until('the last reading', () => units() === sim.register())
    const all = readings().map((reading) => reading.units)
    expect(all.every((value, i) => i === 0 || value >= (all[i - 1] ?? 0n))).toBe(true)
  })
})

describe.skipIf(!hasSocat)('the firmware link on a pty', () => {
  test('a device restarts, with its counter kept and with its counter lost', async () => {
    const sim = await startSim({ initialRegister: 1_000 })
    const { link, readings, units } = startAgent('firmware-link')
    link.supplyOnUntil(1_000_000n)
    await until('some units', () => units() > 1_010n)
    await sim.command({ kind: 'reboot' })
    await until('more units', () => units() > 1_030n)
    await sim.command({ kind: 'reboot_without_counter' })
    await until('the new count', () => readings().at(-1)?.faults.includes('counter_lost'))
    await until('yet more units', () => units() > 1_060n)
    link.supplyOff()
    await until('the relay opens', () => !sim.relayClosed())
    const last = units()
    expect(last).toBeLessThanOrEqual(1_000n + sim.supplied())
    expect(1_000n + sim.supplied() - last).toBeLessThan(30n)
  })

  test('detect finds what is connected, and reads it without touching its relay', async () => {
    await startSim({ initialRegister: 42 })
    const world = { ports, openSerial, onProgress: () => undefined }
    const { findings, problems } = await detectMeters([pty.agentPath, '/dev/none'], world)
    const source = `serial://${pty.agentPath}?baud=115200`
    expect(findings).toMatchObject([{ source, kind: 'firmware-link', register: 42n, unit: 'Wh' }])
    expect(problems).toEqual([
      'serial port /dev/none is not there: plug it in; tickpay detect lists the ports',
    ])
    const config = { ...meterDefaults['firmware-link'], source, kind: 'firmware-link' } as const
    const reading = await readMeterOnce(config, world)
    expect(reading).toMatchObject({ register: 42n, relayClosed: false })
  })
})

describe.skipIf(!hasSocat)('Modbus on a pty', () => {
  test.each(['sdm120', 'sdm630'] as const)(
    'detect tells an %s and its relay board',
    async (kind) => {
      await startSim({ kind, initialRegister: 1_234_500 })
      const world = { ports, openSerial, onProgress: () => undefined }
      const { findings } = await detectMeters([`serial://${pty.agentPath}?baud=9600`], world)
      expect(findings).toMatchObject([{ kind, register: 1_234_500n, unitId: 1, relayUnitId: 2 }])
      expect(findings[0]?.meterNumber).toMatch(/^\d+$/)
    },
  )

  test.skipIf(!hasMbpoll)('mbpoll reads the meter and switches the relay board', async () => {
    const sim = await startSim({ kind: 'sdm630', initialRegister: 1_234_500 })
    const mbpoll = (...options: string[]) =>
      new Promise<string>((done) => {
        const line = ['-m', 'rtu', '-b', '9600', '-P', 'none', '-q', '-1', '-o', '2']
        execFile('mbpoll', [...line, ...options], (_error, out) => done(out))
      })
    const energy = await mbpoll('-a', '1', '-t', '3:float', '-B', '-r', '73', pty.agentPath)
    expect(energy).toMatch(/\[73\]:\s+1234\.5/)
    await mbpoll('-a', '2', '-t', '0', '-r', '1', pty.agentPath, '1')
    await until('the relay closes', () => sim.relayClosed(), 4_000)
  })
})

describe('lines that cannot be opened are told in one line', () => {
  test.each([
    ['serial:///dev/none?baud=9600', 'serial port /dev/none is not there: plug it in'],
    ['serial:///dev/null', 'serial port /dev/null cannot be opened'],
    ['tcp://127.0.0.1:1', 'cannot connect to tcp://127.0.0.1:1: nothing listens there'],
  ])('%s', async (source, message) => {
    await expect(openSerial(source)).rejects.toThrow(message)
  })

  test.skipIf(!hasSocat)('a port in use', async () => {
    const first = await openSerial(`serial://${pty.agentPath}`)
    const second = openSerial(`serial://${pty.agentPath}`)
    await expect(second).rejects.toThrow(/is used by another program: stop that one first/)
    await first.close()
  })
})

test('ports can be listed where udev is missing', async () => {
  expect(Array.isArray(await listSerialPorts())).toBe(true)
})

describe('serial over TCP', () => {
  const startTcp = async (fields: SimFields = {}) => {
    const config = parseMeterSimConfig({
      line: 'tcp-listen://127.0.0.1:0',
      profile: 'steady',
      ratePerHour: 360_000,
      ...fields,
    })
    const sim = await startMeterSim(config, ports, { openLines, disk: undefined })
    closing.push(sim.close)
    return sim
  }

  test.each(['firmware-link', 'sdm630'] as const)('%s, unplugged and back', async (kind) => {
    const sim = await startTcp({ kind })
    const { link, events, units } = startAgent(kind, sim.where())
    link.supplyOnUntil(1_000_000n)
    await until('some units', () => units() > 10n)
    await sim.command({ kind: 'unplug', forMs: 300 })
    await until('away', () => events.at(-1)?.state === 'away')
    const before = units()
    await until('back in service', () => units() > before)
  })

  test('a busy port is told in one line', async () => {
    const sim = await startTcp()
    const line = sim.where().replace('tcp:', 'tcp-listen:')
    const config = parseMeterSimConfig({ line })
    const second = startMeterSim(config, ports, { openLines, disk: undefined })
    await expect(second).rejects.toThrow(/cannot listen at 127.0.0.1:\d+: another program listens/)
  })
})
