import { expect, test } from 'vitest'
import { meterSetup, parseMeterSimConfig, parseSimCommand } from '../../../firmware-sim/config.ts'
import { OperatorError } from '../../../ports/operatorError.ts'

const line = 'tcp-listen://127.0.0.1:0'

test('a line is all that must be said', () => {
  const config = parseMeterSimConfig({ line })
  expect(config).toMatchObject({ kind: 'firmware-link', speed: 1, unitId: 1, relayUnitId: 2 })
  expect(config.profile).toMatchObject({ kind: 'water', unit: 'mL' })
  expect(config.stateFile).toBeUndefined()
})

test('numbers may come as text, as from a command line', () => {
  const config = parseMeterSimConfig({ line, speed: '60', noise: '0.25', initialRegister: '5' })
  expect(config).toMatchObject({ speed: 60, faults: { noise: 0.25 }, initialRegister: 5n })
})

test('meters of different names have different numbers and days', () => {
  const one = meterSetup(parseMeterSimConfig({ line, name: 'one' }), 1)
  const two = meterSetup(parseMeterSimConfig({ line, name: 'two' }), 1)
  expect(one.deviceId).not.toBe(two.deviceId)
  expect(one.seed).not.toBe(two.seed)
})

test.each([
  [{}, '"line" "" is no line; expected serial:///dev/...?baud=9600 or tcp-listen://host:port'],
  [{ line: 'tcp://h:1' }, '"line" "tcp://h:1" is no line'],
  [{ line, kind: 'sdm999' }, '"kind" is "sdm999"; expected firmware-link, sdm120, sdm630'],
  [{ line, speed: 0 }, '"speed" is 0; expected a whole number from 1 to 3600'],
  [{ line, speed: 1.5 }, '"speed" is 1.5'],
  [{ line, speed: '' }, '"speed" is '],
  [{ line, noise: 2 }, '"noise" is 2; expected a share from 0 to 1'],
  [{ line, initialRegister: '-1' }, '"initialRegister" is -1'],
  [{ line, counterBits: 32, initialRegister: 2 ** 32 }, '"initialRegister" is 4294967296'],
  [{ line, kind: 'sdm630', profile: 'water' }, '"profile" "water" does not fit sdm630'],
  [{ line, name: 5 }, '"name" is number; expected text'],
  [{ line, sped: 2 }, '"sped" is not known; expected one of name, kind, line'],
])('%j is refused with what, where and what to do', (input, message) => {
  expect(() => parseMeterSimConfig(input)).toThrow(OperatorError)
  expect(() => parseMeterSimConfig(input)).toThrow(message)
})

test('commands as a person types them', () => {
  expect(parseSimCommand(' noise 0.1 ')).toEqual({ kind: 'line', faults: { noise: 0.1 } })
  expect(parseSimCommand('clean')).toEqual({
    kind: 'line',
    faults: { noise: 0, lost: 0, split: 0 },
  })
  expect(parseSimCommand('reboot')).toEqual({ kind: 'reboot' })
  expect(parseSimCommand('reboot lost')).toEqual({ kind: 'reboot_without_counter' })
  expect(parseSimCommand('rollover')).toEqual({ kind: 'roll_over' })
  expect(parseSimCommand('unplug 3000')).toEqual({ kind: 'unplug', forMs: 3_000 })
  expect(() => parseSimCommand('explode')).toThrow('no command "explode"; try noise SHARE')
  expect(() => parseSimCommand('noise 3')).toThrow('a share from 0 to 1')
  expect(() => parseSimCommand('unplug')).toThrow('a whole number from 1 to 3600000')
})
