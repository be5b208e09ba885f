/** A device moves to a new key by itself, at a real gateway, and pays before and after. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import * as v from 'valibot'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { stringify } from 'yaml'
import { readAgentConfig, runAgent } from '../../agent/io/runAgent.ts'
import { run } from '../../cli/run.ts'
import { createKeyFile } from '../../ports/io/keyFile.ts'
import { formatPublicKey } from '../../ports/keyText.ts'
import { present } from '../../protocol/assert.ts'
import type { PublicKey } from '../../protocol/keys.ts'
import type { Payee } from '../independent/payee.ts'
import { fleet, openPayee } from '../independent/payee.ts'
import type { TcpMeter } from '../support/tcpMeter.ts'
import { startTcpMeter } from '../support/tcpMeter.ts'
import { testTerminal } from '../support/testTerminal.ts'
import { until } from '../support/until.ts'

const device = 'ev-1'

let payee: Payee
let meter: TcpMeter
let folder: string
/** Configurations with the first and with the second key. */
let now: string
let next: string

const channelValue = v.object({
  channelId: v.string(),
  device: v.string(),
  state: v.string(),
  paid: v.string(),
  settled: v.string(),
})
const channels = async () =>
  v.parse(v.array(channelValue), await payee.call('channels', { fleet, device }))

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'tickpay-rotation-'))
  payee = await openPayee()
  meter = await startTcpMeter()
  // What signs mandates learns the ledger from an enrolment.
  await payee.enrol('other', 'p256')
  writeFileSync(join(folder, 'pass'), 'passphrase\n', { mode: 0o600 })
  const { publicKey } = await createKeyFile(join(folder, 'old.key'), 'p256', 'passphrase')
  await createKeyFile(join(folder, 'new.key'), 'p256', 'passphrase')
  const about = await enrol(publicKey)
  now = configFile('old', about)
  next = configFile('new', about)
  const [first] = await channels()
  await payee.mandate(present(first, 'a channel').channelId, 1, 10_000n)
})
afterEach(async () => {
  await meter.close()
  await payee.close()
  rmSync(folder, { recursive: true })
})

async function enrol(key: PublicKey): Promise<object> {
  const meters = [{ meter: 'main', unit: 'Wh' }]
  const args = { fleet, device, publicKey: formatPublicKey(key), meters }
  const answer = await payee.call('enrol_device', args)
  const about = v.object({ gateway: v.looseObject({}), ledger: v.looseObject({}) })
  const { gateway, ledger } = v.parse(about, answer)
  return { gateway: { ...gateway, url: `mqtt://127.0.0.1:${payee.port}` }, ledger }
}

function configFile(name: string, about: object): string {
  const path = join(folder, `${name}.yaml`)
  const key = { file: join(folder, `${name}.key`), passphraseFile: join(folder, 'pass') }
  const stateDirectory = join(folder, 'state')
  const config = { fleet, device, ...about, key, stateDirectory, logLevel: 'error' }
  writeFileSync(path, stringify({ ...config, meters: meter.meters }))
  return path
}

async function payFor(path: string): Promise<void> {
  const agent = await runAgent(await readAgentConfig(path, {}), {}, '0.0.0')
  let paid = false
  await until('it pays', () => {
    void channels().then((all) => {
      paid = all.some((one) => one.state === 'open' && one.paid !== '0')
    })
    return paid
  })
  await agent.close()
}

const rotate = async (from: string, to: string) => {
  const terminal = testTerminal()
  const code = await run(['device', 'rotate', '--config', from, '--next', to], terminal)
  return { code, said: [...terminal.outLines, ...terminal.errorLines].join('\n') }
}

test('the old channel settles, the new one begins at 0 and pays; nothing goes back', async () => {
  await payFor(now)
  expect(await rotate(now, next)).toMatchObject({ code: 0 })
  const [old, fresh] = [...(await channels())].sort((a, b) => (a.state < b.state ? -1 : 1))
  expect(old).toMatchObject({ state: 'closed' })
  expect(fresh).toMatchObject({ state: 'open', paid: '0' })
  await payee.call('settle', {})
  const settled = present(
    (await channels()).find(({ state }) => state === 'closed'),
    'closed',
  )
  expect(BigInt(settled.paid)).toBeGreaterThan(0n)
  expect(settled.settled).toBe(settled.paid)
  await payee.mandate(present(fresh, 'the new channel').channelId, 1, 10_000n)
  await payFor(next)
  // Asked for again, and after a restart, it has been done; the way back is closed.
  await payee.restart()
  expect((await rotate(now, next)).said).toContain('had this key already')
  const back = await rotate(next, now)
  expect(back.code).not.toBe(0)
  expect(back.said).toContain('did not take the new key')
  expect(payee.warnings.some((line) => line.includes('key_used'))).toBe(true)
  expect((await channels()).filter(({ state }) => state === 'open')).toHaveLength(1)
}, 120_000)
