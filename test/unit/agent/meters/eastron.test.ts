import { beforeAll, describe, expect, test } from 'vitest'
import { eastronMeter } from '../../../../agent/meters/eastron.ts'
import { loadModbus, type OpenModbus } from '../../../../agent/meters/modbusMaster.ts'
import type { DriverOptions } from '../../../../agent/meters/types.ts'
import { parseMeterSimConfig } from '../../../../firmware-sim/config.ts'
import { crc16 } from '../../../../firmware-sim/modbus.ts'
import { startMeterSim } from '../../../../firmware-sim/simulator.ts'
import { concatBytes } from '../../../../protocol/bytes.ts'
import { virtualPlug, virtualPorts } from '../../../support/meterBench.ts'
import { virtualCable } from '../../../support/virtualSerial.ts'
import { virtualTime } from '../../../support/virtualTime.ts'

let openModbus: OpenModbus
beforeAll(async () => {
  openModbus = await loadModbus()
})

const options: DriverOptions = { timeoutMs: 500, unitId: 1, relayUnitId: 2 }

/** A meter on a cable whose other end answers what `answers` says, in order. */
function scripted(answers: readonly string[]) {
  const time = virtualTime(0)
  const { left, right } = virtualCable(time.timers)
  const asked: string[] = []
  right.onData((bytes) => {
    asked.push(Buffer.from(bytes.slice(0, -2)).toString('hex'))
    const plain = Uint8Array.from(Buffer.from(answers[asked.length - 1] ?? '', 'hex'))
    if (plain.length === 0) return
    const sum = crc16(plain)
    void right.write(concatBytes(plain, Uint8Array.of(sum & 0xff, sum >> 8)))
  })
  const meter = eastronMeter('sdm630', openModbus, left, virtualPorts(time), options)
  const poll = async (order: Parameters<typeof meter.poll>[0]) => {
    const outcome = meter.poll(order)
    await time.advance(5_000)
    return outcome
  }
  return { poll, asked }
}

const energy = (float: string) => `010408${float}00000000`
const on = { kind: 'on_until', register: 1_000n } as const

describe('one poll', () => {
  test('reads, then feeds the relay board, and sets its watchdog to 5 s first', async () => {
    const { poll, asked } = scripted([
      energy('3f000000'), // 0.5 kWh
      '020600000032',
      '02050000ff00',
      '01040444610000', // 900 W
      '01030400010203',
    ])
    expect(await poll(on)).toMatchObject({
      ok: true,
      reading: { register: 500n, relayClosed: true, flowing: true, meterNumber: '66051' },
    })
    expect(asked).toEqual([
      '010400480004',
      '020600000032',
      '02050000ff00',
      '010400340002',
      '0103fc000002',
    ])
  })

  test('a reading with the relay newly open was taken after it opened', async () => {
    const { poll } = scripted([
      energy('3f000000'), // 0.5 kWh
      '020600000032',
      '020500000000',
      energy('3f020c4a'), // 0.508 kWh: it flowed until the relay opened
      '01040400000000',
      '01030400010203',
    ])
    expect(await poll({ kind: 'off' })).toMatchObject({
      reading: { register: 508n, relayClosed: false },
    })
  })

  test('opens the relay at the limit', async () => {
    const limit = energy('3f800000')
    const { poll, asked } = scripted([limit, '020600000032', '020500000000', limit])
    expect(await poll(on)).toMatchObject({ ok: true, reading: { relayClosed: false } })
    expect(asked[2]).toBe('020500000000')
  })

  test('a meter that does not answer leaves the relay board unfed', async () => {
    const { poll, asked } = scripted([])
    expect(await poll(on)).toEqual({ ok: false, reason: 'no_answer' })
    expect(asked).toEqual(['010400480004'])
  })

  test.each([
    ['7fc00000', 'not a number'],
    ['7f800000', 'infinite'],
    ['bf800000', 'negative'],
    ['7e967699', 'absurd'],
  ])('an energy of %s (%s) is no reading', async (float) => {
    const { poll, asked } = scripted([energy(float)])
    expect(await poll(on)).toEqual({ ok: false, reason: 'bad_answer' })
    expect(asked).toHaveLength(1)
  })

  test('a board without a watchdog is refused service', async () => {
    const { poll } = scripted([energy('3f000000'), '028602'])
    expect(await poll(on)).toEqual({ ok: false, reason: 'refused' })
  })

  test('a board that echoes another state is not believed', async () => {
    const { poll } = scripted([energy('3f000000'), '020600000032', '020500000000'])
    expect(await poll(on)).toEqual({ ok: false, reason: 'bad_answer' })
  })

  test('a query does not command the board', async () => {
    const { poll, asked } = scripted([energy('3f000000'), '02010101'])
    expect(await poll({ kind: 'query' })).toMatchObject({ reading: { relayClosed: true } })
    expect(asked.filter((one) => one.startsWith('0205') || one.startsWith('0206'))).toEqual([])
  })

  test('noise that looks like an answer is skipped', async () => {
    const time = virtualTime(0)
    const { left, right } = virtualCable(time.timers)
    const plain = Uint8Array.from(Buffer.from(energy('3f000000'), 'hex'))
    const sum = crc16(plain)
    const noise = Uint8Array.from(Buffer.from('0104084444', 'hex'))
    right.onData(() => {
      void right.write(concatBytes(noise, plain, Uint8Array.of(sum & 0xff, sum >> 8)))
    })
    const alone = { ...options, relayUnitId: undefined }
    const meter = eastronMeter('sdm630', openModbus, left, virtualPorts(time), alone)
    const outcome = meter.poll(on)
    await time.advance(5_000)
    expect(await outcome).toMatchObject({ ok: true, reading: { register: 500n } })
  })

  test('an answer that comes too late is not taken for another', async () => {
    const time = virtualTime(0)
    const { left, right } = virtualCable(time.timers)
    const late = '01040444610000'
    right.onData(() => {
      const plain = Uint8Array.from(Buffer.from(late, 'hex'))
      const sum = crc16(plain)
      void right.write(concatBytes(plain, Uint8Array.of(sum & 0xff, sum >> 8)))
    })
    const meter = eastronMeter('sdm630', openModbus, left, virtualPorts(time), options)
    const outcome = meter.poll(on)
    await time.advance(5_000)
    expect(await outcome).toEqual({ ok: false, reason: 'no_answer' })
  })
})

test('beyond 16,384 kWh the register is coarser and still never goes back', async () => {
  const time = virtualTime(0)
  const plug = virtualPlug(time)
  const config = parseMeterSimConfig({
    kind: 'sdm630',
    line: 'serial:///dev/x',
    profile: 'steady',
    ratePerHour: 3_600,
    initialRegister: 50_000_000,
  })
  const ports = virtualPorts(time)
  const sim = await startMeterSim(config, ports, { openLines: plug.openLines, disk: undefined })
  const line = await plug.openSerial('serial:///dev/x')
  const meter = eastronMeter('sdm630', openModbus, line, ports, options)
  const seen: bigint[] = []
  for (let i = 0; i < 100; i++) {
    const polled = meter.poll({ kind: 'on_until', register: 60_000_000n })
    await time.advance(1_000)
    const outcome = await polled
    if (outcome.ok) seen.push(outcome.reading.register)
  }
  expect(seen).toHaveLength(100)
  expect(seen.every((value, i) => i === 0 || value >= (seen[i - 1] ?? 0n))).toBe(true)
  const difference = sim.register() - (seen.at(-1) ?? 0n)
  expect(difference >= -2n && difference <= 4n).toBe(true)
})
