/**
 * `tickpay fleet VERB` as it is typed: from the command line through a real broker to the gateway
 * and back, what is done and what is not.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import * as v from 'valibot'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { deviceAnswer } from '../../cli/answers.ts'
import { commandTable } from '../../cli/commandTable.ts'
import { exitCodes } from '../../cli/exitCodes.ts'
import { run } from '../../cli/run.ts'
import { writeKeyFile } from '../../ports/io/keyFile.ts'
import { publicKeyOf } from '../../protocol/keys.ts'
import { testTerminal } from '../support/testTerminal.ts'
import { signerKey } from '../support/virtualGateway.ts'
import type { VerbWorld } from './world.ts'
import { freshKey, otherKey, startVerbWorld } from './world.ts'

const folder = mkdtempSync(join(tmpdir(), 'tickpay-fleet-verbs-'))
const config = join(folder, 'fleet.yaml')
let world: VerbWorld

beforeAll(async () => {
  world = await startVerbWorld()
  const meters = [{ meter: 'main', unit: 'Wh' }]
  const wanted = { fleet: 'acme', device: 'typed', publicKey: otherKey, meters }
  const enrolled = await world.opened.gateway.call('enrol_device', wanted)
  const { gateway, ledger } = v.parse(deviceAnswer, enrolled)
  const own = { privateKey: signerKey, publicKey: publicKeyOf(signerKey) }
  const key = { ...own, rootSecret: new Uint8Array(32) }
  await writeKeyFile(join(folder, 'fleet.key'), key, 'secret')
  const settings = {
    fleet: 'acme',
    gateway: { ...gateway, url: `mqtt://127.0.0.1:${world.port}` },
    ledger: { chainId: Number(ledger.chainId), contract: ledger.contract },
    key: { file: join(folder, 'fleet.key'), passphraseEnv: 'TICKPAY_TEST_SECRET' },
    policy: { devices: {} },
  }
  // YAML takes JSON.
  writeFileSync(config, JSON.stringify(settings))
}, 120_000)

afterAll(async () => {
  await world?.close()
  rmSync(folder, { recursive: true })
})

async function typed(name: string, words: string) {
  const terminal = testTerminal()
  const rest = words.split(' ').filter((word) => word !== '')
  const code = await run(['fleet', name, '--config', config, ...rest], terminal)
  return { code, out: terminal.outLines.join('\n'), error: terminal.errorLines.join('\n') }
}

type Row = readonly [name: string, done: string, says: RegExp, not: string, why: RegExp]

const touched = (devices: number) => new RegExp(`devices +${devices}\\b`)
const unknown = /nobody/

/** What is carried out and what it says; what is not, and why. */
const rows: readonly Row[] = [
  ['list', '--device ev-1', /ev-1/, '--device No', /device/],
  ['get', '--device ev-1', /ev-1/, '--device No', /device/],
  [
    'assign',
    '--device ev-1 --device ev-2 --group depot --site yard',
    touched(2),
    '--device nobody --group depot',
    unknown,
  ],
  ['pause', '--group depot', touched(2), '--group none', /none/],
  ['resume', '--group depot', touched(2), '--group none', /none/],
  ['limit', '--site yard --per-day 5000000', /5000000/, '--site none --per-day 5', /none/],
  [
    'price-ceiling',
    '--all --unit Wh --price 300 --units 10',
    /300/,
    '--all --unit Wh --price 300 --units 0',
    /ceiling/,
  ],
  ['policy', '', /site:yard/, '--group depot', /--group/],
  ['export', '', /^fleet,|device/, '--group depot', /--group/],
  ['top-up', '--amount 5000000 --reference bank-17', /10000000/, '--amount 1.5', /amount/],
  [
    'rotate',
    `--device turned --key ${freshKey}`,
    touched(1),
    '--device nobody --key p256:00',
    /key|nobody/,
  ],
  ['close', '--device shut --meter main', touched(1), '--device shut --meter x', /x/],
  ['revoke', '--device ended', touched(1), '--device nobody', unknown],
]

const others = ['serve', 'cosign', 'sign', 'withdraw']

test('the rows are of all verbs that are typed', () => {
  const names = Object.keys(commandTable).flatMap((name) => {
    const [group, verb = ''] = name.split(' ')
    return group === 'fleet' && !others.includes(verb) ? [verb] : []
  })
  expect(rows.map(([name]) => name).sort()).toEqual(names.sort())
})

test.each(rows)('tickpay fleet %s %s', async (name, done, says) => {
  const { code, out, error } = await typed(name, done)
  expect({ code, error }).toEqual({ code: exitCodes.ok, error: '' })
  expect(out).toMatch(says)
})

test.each(rows)('tickpay fleet %s is refused in one line', async (name, _done, _says, not, why) => {
  const { code, out, error } = await typed(name, not)
  expect([exitCodes.failed, exitCodes.usage]).toContain(code)
  expect(out).toBe('')
  expect(error.split('\n')[0]).toMatch(why)
})

test('a program reads the answer as JSON, and a dry run changes nothing', async () => {
  const before = world.opened.gateway.core.writer.position()
  const { code, out } = await typed('limit', '--all --per-hour 7 --dry-run --json')
  expect(code).toBe(exitCodes.ok)
  expect(JSON.parse(out)).toMatchObject({ dryRun: true })
  expect(world.opened.gateway.core.writer.position()).toBe(before)
})
