/**
 * The demo as a newcomer runs it, and what it says when one of its four books was altered.
 */
import { spawnSync } from 'node:child_process'
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { openCalls, readGatewayConfig } from '../../cli/io/gatewayCalls.ts'
import { readEntries } from '../../cli/ledgerEntries.ts'
import { openGateway } from '../../gateway/io/openGateway.ts'
import { openLmdb } from '../../gateway/store/io/lmdb.ts'
import { entryKey, everyEntry } from '../../ledger/embedded/layout.ts'
import { entryCodec } from '../../ledger/embedded/records.ts'
import { nodePorts } from '../../ports/io/node.ts'
import { present } from '../../protocol/assert.ts'
import { projectRoot } from '../support/tidyFiles.ts'

const program = join(projectRoot, 'dist', 'cli', 'main.js')

let root = ''
let result: ReturnType<typeof ran> | undefined

function ran(...words: string[]) {
  const { status, stdout, stderr } = spawnSync(process.execPath, [program, ...words], {
    encoding: 'utf8',
    timeout: 60_000,
  })
  return { status, out: stdout, error: stderr }
}

function at(...names: string[]): string {
  return join(root, ...names)
}

beforeAll(() => {
  root = mkdtempSync(join(tmpdir(), 'tickpay-demo-test-'))
  result = ran('demo', '--for', '14s', '--json', '--data', at('demo'))
}, 70_000)

afterAll(() => rmSync(root, { recursive: true, force: true }))

describe('tickpay demo --for 14s --json', () => {
  test('ends with exit code 0 and one line of JSON with exactly these keys', () => {
    expect(result?.error).toBe(`everything is kept in ${at('demo')}\n`)
    expect(result?.status).toBe(0)
    const lines = (result?.out ?? '').trimEnd().split('\n')
    expect(lines).toHaveLength(1)
    const figures = JSON.parse(lines[0] ?? '')
    expect(Object.keys(figures)).toEqual([
      'devices',
      'ticks',
      'accepted',
      'refused',
      'settled',
      'unsettled',
      'settlements',
      'ledgerSum',
      'signatures',
    ])
    for (const device of figures.devices) {
      expect(Object.keys(device)).toEqual([
        'device',
        'kind',
        'link',
        'units',
        'unitsPaid',
        'unitsUnpaid',
        'remainder',
        'creditUnits',
      ])
      const { units, unitsPaid, unitsUnpaid, remainder, creditUnits } = device
      expect(BigInt(unitsPaid)).toBeGreaterThan(0n)
      expect(BigInt(units)).toBe(BigInt(unitsPaid) + BigInt(unitsUnpaid) + BigInt(remainder))
      expect(BigInt(unitsUnpaid)).toBeLessThanOrEqual(BigInt(creditUnits))
    }
    expect(figures.devices.map(({ kind }: { kind: string }) => kind)).toEqual([
      'sdm630',
      'firmware-link',
      'firmware-link',
    ])
    expect(figures.ticks).toBeGreaterThan(10)
    expect(figures.settlements).toBeGreaterThanOrEqual(2)
    expect(BigInt(figures.settled) + BigInt(figures.unsettled)).toBe(BigInt(figures.accepted))
    expect(figures.ledgerSum).toBe('0')
  })

  test('settles by statements that the fleet co-signs, one signature for all devices', async () => {
    const payments = await paymentsOf('demo')
    expect(payments.length).toBeGreaterThanOrEqual(2)
    expect(payments.every(({ channel }) => channel === '')).toBe(true)
    expect(readFileSync(at('demo', 'logs', 'fleet.log'), 'utf8')).toContain('was co-signed')
  })

  test('with --no-cosign settles by the evidence of each channel', async () => {
    const options = ['--for', '14s', '--no-cosign', '--json', '--data', at('alone')]
    expect(ran('demo', ...options).status).toBe(0)
    const payments = await paymentsOf('alone')
    expect(payments.length).toBeGreaterThanOrEqual(2)
    expect(payments.every(({ channel }) => channel !== '')).toBe(true)
  }, 70_000)

  test('what was kept can be reconciled again', () => {
    const again = ran('demo', 'check', '--data', at('demo'))
    expect(again).toMatchObject({ status: 0, error: '' })
    expect(again.out).toContain('the books of meters, agents, gateway and ledger agree')
  })

  test.each(['demo', 'alone'])('the store of %s is sound, however it was settled', (name) => {
    const verdict = ran('store', 'verify', '--json', '--config', at(name, 'gateway.yaml'))
    expect(JSON.parse(verdict.out)).toMatchObject({ sound: true, findings: [] })
  })
})

/** What the ledger of a kept demo paid to its payee. */
async function paymentsOf(name: string) {
  const how = { config: at(name, 'gateway.yaml'), socket: undefined }
  const calls = await openCalls(how, () => {})
  try {
    const everything = { account: undefined, from: undefined, limit: undefined }
    const entries = await readEntries(calls, everything)
    return entries.filter(
      ({ debit, credit }) => debit.startsWith('allocation:') && credit.startsWith('payee:'),
    )
  } finally {
    await calls.close()
  }
}

/** A copy of the kept demo whose configuration points into itself. */
function copied(name: string): string {
  const folder = at(name)
  cpSync(at('demo'), folder, { recursive: true, filter: (path) => !path.endsWith('-line') })
  const config = join(folder, 'gateway.yaml')
  writeFileSync(config, readFileSync(config, 'utf8').replaceAll(at('demo'), folder))
  return folder
}

function checked(folder: string) {
  const { status, error } = ran('demo', 'check', '--data', folder)
  return { status, differences: error.trimEnd().split('\n') }
}

describe('an altered book is exit code 1 and the line that differs', () => {
  test('the register of a meter', () => {
    const folder = copied('meter')
    const file = join(folder, 'water-meter', 'register.json')
    const kept = JSON.parse(readFileSync(file, 'utf8'))
    writeFileSync(file, JSON.stringify({ ...kept, supplied: `${BigInt(kept.supplied) + 250n}` }))
    expect(checked(folder)).toEqual({
      status: 1,
      differences: [expect.stringMatching(/^difference: water-meter: \d+ mL \(meter\)/)],
    })
  })

  test('what an agent knows to be unpaid', () => {
    const folder = copied('agent')
    const file = join(folder, 'data-link', 'state', 'agent.json')
    const text = readFileSync(file, 'utf8')
    const altered = text.replace(/("units": "n)(\d+)"/, (_all, start: string, units: string) => {
      return `${start}${BigInt(units) + 1_000n}"`
    })
    expect(altered).not.toBe(text)
    writeFileSync(file, altered)
    expect(checked(folder)).toEqual({
      status: 1,
      differences: [expect.stringMatching(/^difference: data-link: .*unpaid \(agent\)/)],
    })
  })

  test('how far the store of the gateway holds a channel', async () => {
    const folder = copied('gateway')
    const settings = await readGatewayConfig(join(folder, 'gateway.yaml'))
    const opened = await openGateway(
      settings,
      nodePorts(() => {}),
      () => {},
    )
    const { index } = opened.gateway.core.state.hot.columns
    // Below what is settled: the last ticks of a run may be accepted and not yet settled.
    index[0] = Math.floor(present(index[0], 'the first channel') / 2)
    // The snapshot that is written at the end keeps it.
    await opened.close()
    expect(checked(folder)).toEqual({
      status: 1,
      differences: [
        expect.stringMatching(/^difference: .* \d+ paid \(gateway\)/),
        expect.stringMatching(/^difference: money: .* accepted \(gateway\)$/),
      ],
    })
  })

  test('an entry of the ledger', async () => {
    const folder = copied('ledger')
    const store = openLmdb(join(folder, 'data', 'ledger'))
    const payments = [...store.range(...everyEntry)].filter(([, value]) =>
      entryCodec.decode(value).credit.startsWith('payee:'),
    )
    const [key, value] = present(payments.at(-1), 'a payment')
    const entry = entryCodec.decode(value)
    await store.write([[key, entryCodec.encode({ ...entry, amount: entry.amount + 1n })]])
    await store.close()
    expect(entryKey(1)).toHaveLength(key.length)
    expect(checked(folder)).toEqual({
      status: 1,
      differences: [expect.stringMatching(/^difference: money: \d+ settled \(ledger\)/)],
    })
  })
})
