/**
 * What an operator gets to see when something on the machine is wrong: one line that says what,
 * where and what to do, an exit code, and never a stack.
 */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { type AddressInfo, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { run } from '../../../cli/run.ts'
import { testTerminal } from '../../support/testTerminal.ts'

let folder = ''

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'tickpay-mistakes-'))
  const words = ['keys', 'new', at('gate.key'), '--passphrase-file', at('gate.pass')]
  expect(await run(words, testTerminal())).toBe(0)
  writeFileSync(at('gateway.yaml'), gatewayYaml)
})

afterEach(() => rmSync(folder, { recursive: true, force: true }))

function at(name: string): string {
  return join(folder, name)
}

const gatewayYaml = `gateway: demo
data: FOLDER/data
key: { file: FOLDER/gate.key, passphraseFile: FOLDER/gate.pass }
payee: operator
asset: { code: EUR, scale: 6 }
listeners: [{ kind: tcp, port: 0 }]
tariffs: [{ unit: Wh, unitsPerTick: 10, pricePerTick: 3000 }]
`

/** Runs the gateway with a configuration in which `right` is replaced by `wrong`. */
async function gatewayWith(right: string, wrong: string) {
  expect(gatewayYaml).toContain(right)
  const text = gatewayYaml.replace(right, wrong).replaceAll('FOLDER', folder)
  writeFileSync(at('gateway.yaml'), text)
  return failed('gateway', '--config', at('gateway.yaml'))
}

/** The one line of trouble of a command that must fail because of this machine. */
async function failed(...words: string[]): Promise<string> {
  const terminal = testTerminal()
  const code = await run(words, terminal)
  expect(code, terminal.errorLines.join('\n')).toBe(4)
  expect(terminal.errorLines).toHaveLength(1)
  expect(terminal.outLines).toEqual([])
  const [line = ''] = terminal.errorLines
  expect(line).not.toMatch(/\n|internal error| at .*:\d+:\d+/)
  return line.replaceAll(folder, 'FOLDER')
}

test.each([
  ['asset: { code: EUR, scale: 6 }', 'asset: { code: EUR, scale: 60 }', 'asset.scale is 60'],
  ['payee: operator', 'paye: operator', 'payee is missing'],
  ['unit: Wh', 'unit: kWh', 'tariffs.0.unit is "kWh"; it must be one of Wh, mL, s, kB'],
  ['payee: operator', 'payee: [operator', 'not valid YAML'],
  ['port: 0', 'port: 99999', 'listeners.0.port is 99999'],
])('configuration: "%s" written as "%s"', async (right, wrong, message) => {
  expect(await gatewayWith(right, wrong)).toContain(message)
})

test('no configuration, and one that is a folder', async () => {
  const missing = await failed('gateway', '--config', at('nothing.yaml'))
  expect(missing).toContain('FOLDER/nothing.yaml: there is no such file')
  mkdirSync(at('folder.yaml'))
  expect(await failed('check', at('folder.yaml'))).toContain('FOLDER/folder.yaml')
})

test('a port that is in use', async () => {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  const line = await gatewayWith('port: 0', `port: ${port}`)
  expect(line).toContain(`cannot listen on 127.0.0.1 port ${port}: another program listens there`)
  await new Promise((resolve) => server.close(resolve))
})

test('a key that is missing, damaged or under another passphrase', async () => {
  expect(await gatewayWith('gate.key', 'none.key')).toContain(
    'cannot read the key file FOLDER/none',
  )
  expect(await gatewayWith('gate.pass', 'none.pass')).toContain('FOLDER/none.pass')
  writeFileSync(at('gate.pass'), 'something else\n')
  expect(await gatewayWith('operator', 'operator')).toContain('wrong passphrase')
  writeFileSync(at('gate.key'), 'not a key')
  expect(await gatewayWith('operator', 'operator')).toContain('is not a key file of this version')
})

test('a store of a newer version, and a place that cannot hold one', async () => {
  mkdirSync(at('data'))
  writeFileSync(at('data/store.json'), '{"format":999}')
  const newer = await gatewayWith('operator', 'operator')
  expect(newer).toMatch(/made by a newer version .*: upgrade this program/)
  expect(readFileSync(at('data/store.json'), 'utf8')).toBe('{"format":999}')
  writeFileSync(at('file'), '')
  expect(await gatewayWith('FOLDER/data', 'FOLDER/file/data')).toContain('FOLDER/file/data')
})

test('meters: no such port, no such kind, a damaged register', async () => {
  const port = ['meter', 'read', 'serial:///dev/tty-none?baud=9600']
  expect(await failed(...port)).toContain('serial port /dev/tty-none is not there')
  const line = ['--line', 'tcp-listen://127.0.0.1:0']
  expect(await failed('meter-sim', ...line, '--kind', 'sdm72')).toContain('"kind" is "sdm72"')
  writeFileSync(at('state'), '{}')
  const damaged = await failed('meter-sim', ...line, '--state', at('state'))
  expect(damaged).toMatch(/state.*register/)
})

test('a fleet whose gateway has no usable address', async () => {
  const key = readFileSync(at('gate.key.pub'), 'utf8').trim()
  writeFileSync(
    at('fleet.yaml'),
    `fleet: acme
gateway: { id: demo, url: "http://127.0.0.1", key: "${key}" }
ledger: { chainId: 0, contract: "0x${'07'.repeat(20)}" }
key: { file: ${at('gate.key')}, passphraseFile: ${at('gate.pass')} }
policy: {}
`,
  )
  const line = await failed('fleet', 'serve', '--config', at('fleet.yaml'))
  expect(line).toContain('write it as mqtt://host:1883')
})
