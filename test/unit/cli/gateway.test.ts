/**
 * Commands against a real gateway: first its store while it does not run, then through its control
 * socket.
 */
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { exitCodes, UnreachableError } from '../../../cli/exitCodes.ts'
import { connectControl } from '../../../cli/io/controlClient.ts'
import { readGatewayConfig } from '../../../cli/io/gatewayCalls.ts'
import { run } from '../../../cli/run.ts'
import { type OpenGateway, openGateway } from '../../../gateway/io/openGateway.ts'
import { nodePorts } from '../../../ports/io/node.ts'
import { testTerminal } from '../../support/testTerminal.ts'

let folder = ''
let opened: OpenGateway | undefined

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'tickpay-cli-'))
  for (const name of ['gate', 'acme', 'ev-1', 'ev-2']) {
    const made = await ran(
      'keys',
      'new',
      at(`${name}.key`),
      '--passphrase-file',
      at(`${name}.pass`),
    )
    expect(made.code).toBe(exitCodes.ok)
  }
  writeFileSync(
    at('gateway.yaml'),
    `gateway: demo
data: ${at('data')}
key: { file: ${at('gate.key')}, passphraseFile: ${at('gate.pass')} }
payee: operator
asset: { code: EUR, scale: 6 }
listeners: [{ kind: tcp, port: 0 }]
tariffs: [{ unit: Wh, unitsPerTick: 10, pricePerTick: 3000 }]
`,
  )
})

afterAll(async () => {
  await opened?.close()
  rmSync(folder, { recursive: true, force: true })
})

function at(name: string): string {
  return join(folder, name)
}

async function ran(...words: string[]) {
  const terminal = testTerminal()
  const code = await run(words, terminal)
  return { code, out: terminal.outLines, error: terminal.errorLines }
}

/** A command about the gateway of this test; its JSON answer. */
async function asked(...words: string[]) {
  const { code, out, error } = await ran(...words, '--config', at('gateway.yaml'), '--json')
  return { code, error, data: out.length === 1 ? JSON.parse(out[0] ?? '') : undefined }
}

function enrol(device: string, ...more: string[]) {
  const key = at(`${device}.key.pub`)
  return ['enrol', 'device', '--fleet', 'acme', '--device', device, '--key', key, ...more]
}

const mandate = () => [
  ...['--signer', at('acme.key'), '--passphrase-file', at('acme.pass')],
  ...['--limit', '50EUR', '--limit-per-day', '5EUR'],
]

test('a key file is private, never replaced, and opened with its passphrase only', async () => {
  expect(statSync(at('gate.key')).mode & 0o777).toBe(0o600)
  expect(statSync(at('gate.pass')).mode & 0o777).toBe(0o600)
  const publicKey = readFileSync(at('gate.key.pub'), 'utf8').trim()
  expect((await ran('keys', 'show', at('gate.key'))).out).toEqual([publicKey])
  const pass = ['--passphrase-file', at('gate.pass')]
  expect((await ran('keys', 'show', at('gate.key'), ...pass)).out).toEqual([publicKey])
  const wrong = await ran('keys', 'show', at('gate.key'), '--passphrase-file', at('acme.pass'))
  expect(wrong.code).toBe(exitCodes.unusable)
  expect(wrong.error).toEqual([expect.stringContaining('wrong passphrase')])
  const again = await ran('keys', 'new', at('gate.key'), ...pass)
  expect(again.code).toBe(exitCodes.unusable)
  expect(readFileSync(at('gate.key.pub'), 'utf8').trim()).toBe(publicKey)
})

test('while no gateway runs, commands work on its store', async () => {
  const enrolled = await asked('enrol', 'fleet', '--fleet', 'acme', '--signer', at('acme.key'))
  expect(enrolled.code).toBe(exitCodes.ok)
  expect(enrolled.error).toEqual([expect.stringContaining('no gateway is running')])
  const fund = ['ledger', 'fund', 'acme', '100EUR', '--reference', 'invoice-17']
  expect((await asked(...fund)).data).toMatchObject({ setAside: '100000000' })
  // The same payment again changes nothing.
  expect((await asked(...fund)).data).toMatchObject({ setAside: '100000000' })
  const refused = await asked(...enrol('ev-1', '--meter', 'main:Gallons', ...mandate()))
  expect(refused.code).toBe(exitCodes.failed)
  expect(refused.error.at(-1)).toContain('no tariff for unit Gallons')
})

test('a running gateway is asked through its socket', async () => {
  const settings = await readGatewayConfig(at('gateway.yaml'))
  opened = await openGateway(
    settings,
    nodePorts(() => {}),
    (error) => {
      throw error
    },
  )
  const { code, error, data } = await asked(...enrol('ev-1', '--meter', 'main:Wh', ...mandate()))
  expect({ code, error }).toEqual({ code: exitCodes.ok, error: [] })
  expect(data).toMatchObject({ device: 'ev-1', gateway: { id: 'demo' } })
  expect(data.mandates).toEqual([expect.objectContaining({ sequence: 1, limit: '50000000' })])
  const again = await asked(...enrol('ev-1', '--meter', 'main:Wh', '--fleet-service', ...mandate()))
  expect(again.data.mandates[0]).toMatchObject({ sequence: 2, life: 'with_service' })
  const { data: channels } = await asked('channels', 'list', '--fleet', 'acme')
  expect(channels).toHaveLength(1)
  const days = (channels[0].mandate.expiry - Date.now() / 1_000) / 86_400
  expect(days).toBeCloseTo(1, 2)
})

test('what people see begins an agent.yaml and says how long the mandate lasts', async () => {
  const words = enrol('ev-2', '--meter', 'main:Wh', ...mandate())
  const { out } = await ran(...words, '--config', at('gateway.yaml'))
  const text = out.join('\n')
  expect(text).toContain('# acme/ev-2 is enrolled at demo')
  expect(text).toMatch(/mandate for 50\.000000 EUR, 5\.000000 EUR a day, until .*nothing renews it/)
  expect(text).toMatch(/^fleet: acme\ndevice: ev-2\ngateway:\n {2}id: demo$/m)
})

test('a signer that is not of the fleet is refused with a hint', async () => {
  const words = enrol('ev-2', '--meter', 'main:Wh', '--limit', '1EUR')
  const wrong = ['--signer', at('ev-1.key'), '--passphrase-file', at('ev-1.pass')]
  const { code, error } = await asked(...words, ...wrong)
  expect(code).toBe(exitCodes.failed)
  expect(error).toEqual([expect.stringContaining('is that the signer of the fleet?')])
})

test('every other verb answers', async () => {
  const device = ['--fleet', 'acme', '--device', 'ev-1']
  const credential = ['--fleet', 'acme', '--name', 'dashboard']
  const added = await asked('credential', 'add', ...credential)
  expect(added.data).toEqual({ username: 'dashboard@acme', password: expect.any(String) })
  expect((await asked('credential', 'list')).data).toHaveLength(1)
  expect((await asked('credential', 'remove', ...credential)).code).toBe(exitCodes.ok)
  expect((await asked('credential', 'remove', ...credential)).code).toBe(exitCodes.failed)
  expect((await asked('pause', ...device)).code).toBe(exitCodes.ok)
  const { data: paused } = await asked('channels', 'list', '--device', 'ev-1')
  expect(paused[0]).toMatchObject({ supply: 'off', reason: 'paused' })
  expect((await asked('resume', ...device)).code).toBe(exitCodes.ok)
  expect((await asked('settle')).code).toBe(exitCodes.ok)
  expect((await asked('ledger', 'balance')).data).toMatchObject({ sum: '0' })
  expect((await asked('ledger', 'allocations')).data).toHaveLength(1)
  expect((await asked('ledger', 'withdraw', 'acme', '1EUR')).code).toBe(exitCodes.ok)
  const closed = await asked('channels', 'close', ...device, '--meter', 'main')
  expect(closed.data).toMatchObject({ state: 'closed' })
  const replaced = await asked('device', 'replace', ...device, '--meter', 'main')
  expect(replaced.code).toBe(exitCodes.ok)
  const csv = await ran('ledger', 'entries', '--csv', '--config', at('gateway.yaml'))
  expect(csv.out[0]).toContain('debit,credit')
  expect(csv.out.length).toBeGreaterThan(2)
})

test('amounts that do not fit the asset are usage errors', async () => {
  for (const amount of ['50CHF', '1.1234567EUR', 'much', '1.5']) {
    const { code, error } = await asked('ledger', 'fund', 'acme', amount)
    expect(code, amount).toBe(exitCodes.usage)
    expect(error[0]).toContain(`"${amount}" is no amount`)
  }
})

test('nobody at a socket, and silence at a socket, are told apart from a refusal', async () => {
  const missing = await ran('settle', '--socket', at('nothing.sock'))
  expect(missing.code).toBe(exitCodes.unreachable)
  expect(missing.error[0]).toContain('no gateway answers at')
  const server = createServer((socket) => socket.destroy())
  await new Promise<void>((resolve) => server.listen(at('rude.sock'), resolve))
  const calls = await connectControl(at('rude.sock'))
  await expect(calls?.call('status', {})).rejects.toThrow(UnreachableError)
  await calls?.close()
  await new Promise((resolve) => server.close(resolve))
})

test('a second gateway on the same store is refused in one line', async () => {
  const { code, error } = await ran('gateway', '--config', at('gateway.yaml'))
  expect(code).toBe(exitCodes.unusable)
  expect(error).toHaveLength(1)
})
