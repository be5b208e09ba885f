/**
 * Where a meter is: `serial:///dev/serial/by-id/...?baud=9600` or `tcp://host:port`.
 * @module
 */
import { OperatorError } from '../../ports/operatorError.ts'

export type Parity = 'none' | 'even' | 'odd'

export type Source =
  | {
      readonly kind: 'serial'
      readonly path: string
      readonly baudRate: number
      readonly dataBits: 7 | 8
      readonly stopBits: 1 | 2
      readonly parity: Parity
    }
  | { readonly kind: 'tcp'; readonly host: string; readonly port: number }

const expected = 'serial:///dev/...?baud=9600 or tcp://host:port'
const baudRateMax = 4_000_000
const parities: readonly Parity[] = ['none', 'even', 'odd']

/**
 * Takes a source apart. Without options a serial line runs at 9600 baud, 8N1.
 * @throws OperatorError naming the source and what is wrong with it
 */
export function parseSource(text: string): Source {
  const url = URL.canParse(text) ? new URL(text) : undefined
  if (url?.protocol === 'serial:') return serialSource(text, url)
  if (url?.protocol === 'tcp:') return tcpSource(text, url)
  return fail(text, `expected ${expected}`)
}

function serialSource(text: string, url: URL): Source {
  if (url.host !== '' || url.pathname.length < 2) {
    fail(text, 'a serial source has three slashes before its path, as in serial:///dev/ttyUSB0')
  }
  for (const name of url.searchParams.keys()) {
    if (!['baud', 'databits', 'stopbits', 'parity'].includes(name)) {
      fail(text, `no option "${name}"; there are baud, databits, stopbits and parity`)
    }
  }
  const option = (name: string, usual: string) => url.searchParams.get(name) ?? usual
  const baudRate = Number(option('baud', '9600'))
  if (!Number.isSafeInteger(baudRate) || baudRate < 50 || baudRate > baudRateMax) {
    fail(text, 'baud is a rate such as 2400, 9600 or 115200')
  }
  const dataBits = option('databits', '8')
  const stopBits = option('stopbits', '1')
  const parity = parities.find((one) => one === option('parity', 'none'))
  if (dataBits !== '7' && dataBits !== '8') fail(text, 'databits is 7 or 8')
  if (stopBits !== '1' && stopBits !== '2') fail(text, 'stopbits is 1 or 2')
  if (parity === undefined) return fail(text, `parity is ${parities.join(', ')}`)
  return {
    kind: 'serial',
    path: decodeURIComponent(url.pathname),
    baudRate,
    dataBits: dataBits === '7' ? 7 : 8,
    stopBits: stopBits === '2' ? 2 : 1,
    parity,
  }
}

function tcpSource(text: string, url: URL): Source {
  const host = url.hostname.replace(/^\[|\]$/g, '')
  const port = Number(url.port)
  if (host === '' || port < 1)
    fail(text, 'a TCP source has a host and a port, as in tcp://10.0.0.7:4001')
  return { kind: 'tcp', host, port }
}

/**
 * What an operator should know about a source that works today: names such as /dev/ttyUSB0 change
 * when something else is plugged in. Undefined when there is nothing to say.
 */
export function sourceWarning(source: Source): string | undefined {
  if (source.kind !== 'serial' || !/^\/dev\/tty(USB|ACM)\d+$/.test(source.path)) return undefined
  return (
    `${source.path} may name another device after a restart; ` +
    'use its path in /dev/serial/by-id (tickpay detect shows it)'
  )
}

function fail(text: string, reason: string): never {
  throw new OperatorError(`meter source "${text}": ${reason}`)
}
