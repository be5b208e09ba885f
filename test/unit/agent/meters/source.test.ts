import { expect, test } from 'vitest'
import { parseSource, sourceWarning } from '../../../../agent/meters/source.ts'
import { OperatorError } from '../../../../ports/operatorError.ts'

const line = { baudRate: 9_600, dataBits: 8, stopBits: 1, parity: 'none' }

test.each([
  ['serial:///dev/ttyS0', { kind: 'serial', path: '/dev/ttyS0', ...line }],
  [
    'serial:///dev/serial/by-id/usb-FTDI%20x?baud=2400&parity=even&databits=7&stopbits=2',
    {
      kind: 'serial',
      path: '/dev/serial/by-id/usb-FTDI x',
      baudRate: 2_400,
      dataBits: 7,
      stopBits: 2,
      parity: 'even',
    },
  ],
  ['tcp://10.0.0.7:4001', { kind: 'tcp', host: '10.0.0.7', port: 4_001 }],
  ['tcp://[::1]:502', { kind: 'tcp', host: '::1', port: 502 }],
])('%s', (text, source) => {
  expect(parseSource(text)).toEqual(source)
})

test.each([
  ['/dev/ttyUSB0', 'expected serial:///dev/...?baud=9600 or tcp://host:port'],
  ['serial://dev/ttyUSB0', 'three slashes before its path'],
  ['serial:///dev/x?baud=fast', 'baud is a rate such as'],
  ['serial:///dev/x?bauds=9600', 'no option "bauds"'],
  ['serial:///dev/x?parity=mark', 'parity is none, even, odd'],
  ['serial:///dev/x?databits=9', 'databits is 7 or 8'],
  ['serial:///dev/x?stopbits=0', 'stopbits is 1 or 2'],
  ['tcp://host', 'a host and a port'],
])('%s is refused: %s', (text, reason) => {
  expect(() => parseSource(text)).toThrow(OperatorError)
  expect(() => parseSource(text)).toThrow(reason)
})

test('names that change with the plug are warned of', () => {
  expect(sourceWarning(parseSource('serial:///dev/ttyUSB0'))).toMatch(/\/dev\/serial\/by-id/)
  expect(sourceWarning(parseSource('serial:///dev/serial/by-id/usb-x'))).toBeUndefined()
  expect(sourceWarning(parseSource('tcp://h:1'))).toBeUndefined()
})
