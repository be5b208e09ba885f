import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { meterSetup, parseMeterSimConfig } from '../../../firmware-sim/config.ts'
import { advance, type MeterState, newMeter } from '../../../firmware-sim/meter.ts'
import { crc16, modbusReceiver, requestGapMs } from '../../../firmware-sim/modbus.ts'
import { personality } from '../../../firmware-sim/personality.ts'
import { bytesToHex, concatBytes, utf8ToBytes } from '../../../protocol/bytes.ts'

/** A request of the given bytes (hex), with its checksum. */
function request(hex: string): Uint8Array {
  const plain = Uint8Array.from(Buffer.from(hex.replace(/ /g, ''), 'hex'))
  const sum = crc16(plain)
  return concatBytes(plain, Uint8Array.of(sum & 0xff, sum >> 8))
}

const config = (kind: 'sdm120' | 'sdm630') =>
  parseMeterSimConfig({
    kind,
    line: 'serial:///dev/x',
    profile: 'steady',
    ratePerHour: 3_600,
    initialRegister: 1_234_500,
  })

const newSdm = (kind: 'sdm120' | 'sdm630') => newMeter(meterSetup(config(kind), 1))

/** Sends one request; the reply without its checksum, '' for silence. */
function ask(
  state: MeterState,
  hex: string,
  kind: 'sdm120' | 'sdm630' = 'sdm630',
): readonly [MeterState, string] {
  const [action] = personality(config(kind))(request(hex), 0)
  if (action === undefined) return [state, '']
  const { state: next, reply } = action(state)
  return [next, reply === undefined ? '' : bytesToHex(reply.slice(0, -2))]
}

const answer = (hex: string, kind: 'sdm120' | 'sdm630' = 'sdm630') =>
  ask(newSdm(kind), hex, kind)[1]

test('crc16 of the usual check string', () => {
  expect(crc16(utf8ToBytes('123456789'))).toBe(0x4b37)
})

describe('receiver', () => {
  const requests = [
    request('01 04 0048 0002'),
    request('02 05 0000 ff00'),
    request('02 10 0000 0001 02 0032'),
    request('02 0f 0000 0001 01 01'),
  ]

  test('requests are found in pieces of any size', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 12 }), { minLength: 60 }), (sizes) => {
        const stream = concatBytes(...requests)
        const receiver = modbusReceiver()
        let found = 0
        let at = 0
        for (const size of sizes) {
          found += receiver.push(stream.subarray(at, at + size), 0).length
          at += size
        }
        expect(found).toBe(at >= stream.length ? 4 : found)
      }),
    )
  })

  test('after noise and a pause the next request is found', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (noise) => {
        const receiver = modbusReceiver()
        receiver.push(noise, 0)
        const found = receiver.push(requests[0] ?? new Uint8Array(), requestGapMs + 1)
        expect(found).toHaveLength(1)
      }),
    )
  })

  test('noise right before a request is skipped byte by byte', () => {
    const receiver = modbusReceiver()
    const [first = new Uint8Array()] = requests
    expect(receiver.push(concatBytes(Uint8Array.of(0xff, 0x55, 0x99), first), 0)).toHaveLength(1)
  })

  test('a wrong checksum is no request', () => {
    const bad = request('01 04 0048 0002')
    bad[3] = 0x4a
    expect(modbusReceiver().push(bad, 0)).toEqual([])
  })
})

describe('Eastron registers', () => {
  test('imported kWh as float32, big-endian', () => {
    // 1234.5 kWh
    expect(answer('01 04 0048 0002')).toBe('010404449a5000')
    expect(answer('01 04 0156 0002')).toBe('010404449a5000')
  })

  test('nothing flows through an open relay', () => {
    expect(answer('01 04 0034 0002')).toBe('01040400000000')
  })

  test('power and current follow the load once the relay is closed', () => {
    const [on] = ask(newSdm('sdm630'), '02 05 0000 ff00')
    // 3600 W in all, 1200 W a phase, 230 V.
    expect(ask(on, '01 04 0034 0002')[1]).toBe('01040445610000')
    expect(ask(on, '01 04 000c 0002')[1]).toBe('01040444960000')
    expect(ask(on, '01 04 0000 0002')[1]).toBe('01040443660000')
  })

  test('the two models differ as the real ones do', () => {
    expect(answer('01 03 fc02 0001', 'sdm630')).toBe('0103020070')
    expect(answer('01 03 fc02 0001', 'sdm120')).toBe('0103020020')
    expect(answer('01 04 0034 0002', 'sdm120')).toBe('018402')
    expect(answer('01 03 001c 0002', 'sdm630')).toBe('01030440000000')
    expect(answer('01 03 001c 0002', 'sdm120')).toBe('01030400000000')
  })

  test.each([
    ['01 04 0049 0002', '018402', 'half a float'],
    ['01 04 0048 0001', '018403', 'an odd count'],
    ['01 04 0048 0052', '018403', 'too many registers'],
    ['01 06 0014 0002', '018601', 'writing to the meter'],
    ['07 04 0048 0002', '', 'another address'],
  ])('%s is answered %s (%s)', (hex, expected) => {
    expect(answer(hex)).toBe(expected)
  })
})

describe('relay board', () => {
  test('its coil is written and read', () => {
    const [on, echo] = ask(newSdm('sdm630'), '02 05 0000 ff00')
    expect(echo).toBe('02050000ff00')
    expect(on.relay.closed).toBe(true)
    expect(ask(on, '02 01 0000 0001')[1]).toBe('02010101')
    expect(ask(on, '02 05 0000 0000')[0].relay.closed).toBe(false)
    expect(ask(on, '02 0f 0000 0001 01 00')[0].relay.closed).toBe(false)
  })

  test('it opens after 5 s without a frame for it; frames for the meter do not count', () => {
    const [on] = ask(newSdm('sdm630'), '02 05 0000 ff00')
    const [read] = ask(advance(on, 4_000), '01 04 0048 0002')
    expect(advance(read, 1_000).relay.closed).toBe(false)
    const [fed] = ask(advance(on, 4_000), '02 01 0000 0001')
    expect(advance(fed, 4_999).relay.closed).toBe(true)
    expect(advance(fed, 5_000).relay.closed).toBe(false)
  })

  test('its watchdog can be set but not switched off', () => {
    const [short, echo] = ask(newSdm('sdm630'), '02 06 0000 000a')
    expect(echo).toBe('02060000000a')
    expect(ask(short, '02 03 0000 0001')[1]).toBe('020302000a')
    const [on] = ask(short, '02 05 0000 ff00')
    expect(advance(on, 1_000).relay.closed).toBe(false)
    expect(answer('02 06 0000 0000')).toBe('028603')
    expect(answer('02 10 0000 0001 02 0000')).toBe('029003')
  })

  test.each([
    ['02 05 0001 ff00', '028502'],
    ['02 05 0000 1234', '028503'],
    ['02 04 0000 0001', '028401'],
    ['02 03 0001 0001', '028302'],
  ])('%s is refused with %s', (hex, expected) => {
    expect(answer(hex)).toBe(expected)
  })
})
