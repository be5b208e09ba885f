/**
 * Configuration files and the environment: read, or refused in one line by an error that is meant
 * for operators. The first byte picks the program; what follows a NUL is the environment.
 * @module
 */
import { agentSchema } from '../../../agent/config.ts'
import { fleetConfigSchema } from '../../../fleet/config.ts'
import { gatewayConfigSchema, toGatewayConfig } from '../../../gateway/config.ts'
import type { ConfigSchema } from '../../../ports/config.ts'
import { parseConfig } from '../../../ports/config.ts'
import { OperatorError } from '../../../ports/operatorError.ts'
import { concatBytes, utf8ToBytes } from '../../../protocol/bytes.ts'
import type { Dice } from '../dice.ts'
import { perhapsDamaged } from '../dice.ts'
import type { Target } from '../target.ts'

const gatewayText = `gateway: gateway-1
data: /var/lib/tickpay
key: { file: /etc/tickpay/gateway.key, passphraseFile: /etc/tickpay/gateway.pass }
payee: acme-energy
asset: { code: EUR, scale: 6 }
feeBasisPoints: 100
listeners:
  - { kind: tcp, host: 127.0.0.1, port: 1883, roles: [device, reader] }
tariffs:
  - { unit: Wh, unitsPerTick: 10, pricePerTick: "2500", creditTicks: 16, validFrom: 2026-01-31 }
settlement: { periodSeconds: 3600, minimumAmount: 0, expiryMarginSeconds: 172800 }
limits: { messagesPerSecond: 50, hashesPerSecond: 200, channelsPerDevice: 16 }
log: info
`
const publicKey = `ed25519:d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a`
const agentText = `fleet: harbour
device: charger-7
gateway: { id: gateway-1, url: "mqtt://10.0.0.2:1883", key: "${publicKey}" }
ledger: { chainId: 0, contract: "0101010101010101010101010101010101010101" }
key: { file: /etc/tickpay/device.key, passphraseFile: /etc/tickpay/device.pass }
meters:
  - name: energy
    unit: Wh
    driver: sdm630
    source: serial:///dev/serial/by-id/usb-FTDI_FT232R?baud=9600
    limits: { amountPerDay: 5000000 }
`
const fleetText = `fleet: harbour
gateway: { id: gateway-1, url: "mqtt://10.0.0.2:1883", key: "${publicKey}" }
ledger: { chainId: 0, contract: "0101010101010101010101010101010101010101" }
key: { file: /etc/tickpay/signer.key, passphraseFile: /etc/tickpay/signer.pass }
policy: { default: { limitPerDay: 5000000, limit: 100000000 } }
`

export const programs: readonly (readonly [string, ConfigSchema, string])[] = [
  [gatewayText, gatewayConfigSchema, 'TICKPAY_GATEWAY'],
  [agentText, agentSchema, 'TICKPAY_AGENT'],
  [fleetText, fleetConfigSchema, 'TICKPAY_FLEET'],
]

const values = [
  ...['0', '-1', '1.5', '1e3', '0x10', '18446744073709551615', '18446744073709551616', '.inf'],
  ...['null', 'true', '""', '[]', '{}', '[[]]', '{a: b}', '~', '1970-01-01', '2026-13-40', '.nan'],
  ...['&a [*a]', '!!binary AAAA', '!!set {a}', '*missing', '"\\ud800"', 'x: y', '@', '|', '- -'],
  ...['tcp://:0', 'serial://', 'serial:///dev/x?baud=-1', 'mqtt://', 'http://x', 'p256:', '"\\0"'],
  ...['__proto__', 'constructor', '{__proto__: {polluted: 1}}', '<<: {a: 1}', '!!js/function x'],
] as const

const names = ['GATEWAY', 'DATA', 'LISTENERS__0__PORT', 'LIMITS__IN_FLIGHT', 'METERS__0__LIMITS']

function changedLine(dice: Dice, line: string): string {
  switch (dice.below(7)) {
    case 0:
      return ''
    case 1:
      return `${line}\n${line}`
    case 2:
      return line.replace(/: .*$/, `: ${dice.pick(values)}`)
    case 3:
      return line.replace(/: [^,}]*/, `: ${dice.pick(values)}`)
    case 4:
      return line.replace(/^( *)/, dice.pick(['', ' ', '  ', '      ', '\t', '- ']))
    case 5:
      return line.replace(
        /^( *)\w+/,
        `$1${dice.pick(['__proto__', 'unknown', 'limits', '?', '<<'])}`,
      )
    default:
      return line
  }
}

function generate(dice: Dice): Uint8Array {
  const program = dice.below(programs.length)
  const lines = (programs[program]?.[0] ?? '').split('\n')
  for (let left = dice.size(4); left > 0; left--) {
    const at = dice.below(lines.length)
    lines[at] = changedLine(dice, lines[at] ?? '')
  }
  if (dice.oneIn(40)) lines.push(`data: ${dice.pick(['[', '{a: ', '- '])}`.repeat(dice.size(4_000)))
  const environment = Array.from(
    { length: dice.size(2) },
    () => `${programs[program]?.[2]}__${dice.pick(names)}=${dice.pick(values)}`,
  )
  const text = `${lines.join('\n')}${['', ...environment].join('\0')}`
  const bytes = utf8ToBytes(text)
  const changed = dice.oneIn(4) ? perhapsDamaged(dice, bytes) : bytes
  return concatBytes(Uint8Array.of(program), changed)
}

function check(input: Uint8Array): string | undefined {
  const [, schema, prefix] = programs[(input[0] ?? 0) % programs.length] ?? []
  if (schema === undefined || prefix === undefined) return undefined
  const [text = '', ...assignments] = new TextDecoder().decode(input.subarray(1)).split('\0')
  const environment = Object.fromEntries(
    assignments.map((one) => {
      const at = one.indexOf('=')
      return at < 0 ? [one, ''] : [one.slice(0, at), one.slice(at + 1)]
    }),
  )
  const problem = checkRead({ text, origin: 'some.yaml', environment, prefix }, schema)
  const added = Object.keys(Object.prototype)
  return added.length > 0 ? `every object has ${added}` : problem
}

function checkRead(source: Parameters<typeof parseConfig>[0], schema: ConfigSchema) {
  try {
    const settings = parseConfig(source, schema)
    if (schema === gatewayConfigSchema) {
      toGatewayConfig(settings as Parameters<typeof toGatewayConfig>[0])
    }
    return undefined
  } catch (error) {
    if (!(error instanceof OperatorError)) throw error
    const { message } = error
    return message.includes('\n') || message.length > 1_000 ? `a long error: ${message}` : undefined
  }
}

export const configurationTarget: Target = {
  name: 'configuration',
  quickRuns: 100,
  generate,
  check,
}
