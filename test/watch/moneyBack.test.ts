/**
 * Money and disputes from the command line alone, on the store that a demo leaves behind: evidence
 * of both sides, a channel that closes, a device that is replaced, and the fleet's money back.
 */
import { cpSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest'
import { openRecords } from '../../agent/records.ts'
import { readClaims } from '../../cli/io/claimFiles.ts'
import { readGatewayConfig } from '../../cli/io/gatewayCalls.ts'
import { run } from '../../cli/run.ts'
import { openGateway } from '../../gateway/io/openGateway.ts'
import { parseEvidence } from '../../ledger/rules/evidenceBundle.ts'
import { nodeDisk } from '../../ports/io/disk.ts'
import { nodePorts } from '../../ports/io/node.ts'
import { present } from '../../protocol/assert.ts'
import { encodeReceipt } from '../../protocol/receipts.ts'
import { bundleProgram, type Program } from '../support/siteProgram.ts'
import { testTerminal } from '../support/testTerminal.ts'
import { newFolder } from './scene.ts'

const DAY_MS = 24 * 3_600_000
const fleet = 'demo-fleet'
const device = 'water-meter'

let program: Program
let gateway: Awaited<ReturnType<typeof openGateway>> | undefined
const root = newFolder()
const demo = join(root, 'demo')
const config = join(demo, 'gateway.yaml')
const slow = 120_000

beforeAll(async () => {
  program = await bundleProgram()
  const words = ['demo', '--for', '5s', '--no-cosign', '--json', '--data', demo]
  const { errors } = await program.finish(words, {}, slow)
  // It is over before its second settlement, which only the demo itself minds.
  expect(errors).toContain(`everything is kept in ${demo}`)
  const ports = nodePorts(() => {})
  gateway = await openGateway(await readGatewayConfig(config), ports, (error) => {
    throw error
  })
}, slow + 30_000)

afterAll(async () => {
  await gateway?.close()
  await program?.remove()
  rmSync(root, { recursive: true, force: true })
})

afterEach(() => {
  vi.restoreAllMocks()
})

/** From now on it is so many days later, for the gateway and for commands. */
function later(days: number): void {
  vi.restoreAllMocks()
  const now = Date.now
  vi.spyOn(Date, 'now').mockImplementation(() => now() + days * DAY_MS)
}

async function tickpay(words: readonly string[]) {
  const terminal = testTerminal()
  const code = await run(words, terminal)
  return { code, text: terminal.outLines.join('\n'), error: terminal.errorLines.join('\n') }
}

const atGateway = ['--config', config]
const json = async (words: readonly string[]) => {
  const { code, text, error } = await tickpay([...words, ...atGateway, '--json'])
  expect(code, error).toBe(0)
  return JSON.parse(text)
}

const channelOf = async () => {
  const all = await json(['channels', 'list', '--fleet', fleet])
  return all.filter((one: { device: string; state: string }) => one.device === device)
}

test('a channel closes with its final account and receipt', async () => {
  const closed = await json([
    'channels',
    'close',
    '--fleet',
    fleet,
    '--device',
    device,
    '--meter',
    'main',
  ])
  expect(closed).toMatchObject({ state: 'closed', settled: closed.paid })
  expect(BigInt(closed.paid)).toBeGreaterThan(0n)
  const bundle = join(root, 'final.json')
  await tickpay(['evidence', 'export', bundle, '--channel', closed.channelId, ...atGateway])
  const verdict = JSON.parse((await tickpay(['evidence', 'verify', bundle, '--json'])).text)
  expect(verdict).toMatchObject({ sound: true, receipted: closed.paid, owed: closed.paid })
})

describe('a dispute', () => {
  const bundle = join(root, 'gateway.json')
  const receipt = join(root, 'device.json')
  const agent = join(demo, device, 'agent.yaml')

  /** The device asks for its newest receipt again: what came is kept as it came. */
  async function fetchReceipt() {
    const held = present(parseEvidence(readFileSync(bundle, 'utf8')), 'a bundle').receipts.at(-1)
    const disk = await nodeDisk(join(demo, device, 'state'))
    const records = await openRecords(disk, () => {})
    await records.save('main', { receipt: encodeReceipt(present(held, 'a receipt')) })
  }

  test('is decided offline, with the same verdict for both sides', async () => {
    const [{ channelId }] = await channelOf()
    const written = await tickpay([
      'evidence',
      'export',
      bundle,
      '--channel',
      channelId,
      ...atGateway,
    ])
    expect(written.code, written.error).toBe(0)
    await fetchReceipt()
    const own = ['evidence', 'export', receipt, '--agent', agent, '--meter', 'main']
    const exported = await tickpay(own)
    expect(exported.code, exported.error).toBe(0)
    const mine = await tickpay(['evidence', 'verify', bundle, '--other', receipt, '--json'])
    const theirs = await tickpay(['evidence', 'verify', receipt, '--other', bundle, '--json'])
    expect(mine.code, mine.text).toBe(0)
    expect(JSON.parse(theirs.text)).toEqual(JSON.parse(mine.text))
    const { owed, receipted } = JSON.parse(mine.text)
    expect(BigInt(owed)).toBeGreaterThan(0n)
    expect(receipted).toBe(owed)
  })

  test('a file that was altered is found out, and what in it', async () => {
    const text = readFileSync(bundle, 'utf8')
    const altered = join(root, 'altered.json')
    const word = /"word": ?"([0-9a-f]{64})"/.exec(text)?.[1] ?? ''
    expect(word).not.toBe('')
    const other = `${word.startsWith('0') ? '1' : '0'}${word.slice(1)}`
    writeFileSync(altered, text.replace(word, other))
    const { code, text: said } = await tickpay(['evidence', 'verify', altered])
    expect(code).toBe(1)
    expect(said).toMatch(/bad_word/)
    writeFileSync(altered, text.slice(0, -20))
    const cut = await tickpay(['evidence', 'verify', altered])
    expect(cut.code).toBe(4)
    expect(cut.error).toContain(altered)
  })
})

describe('money back', () => {
  test('a device is replaced on the same meter: its new channel begins at 0', async () => {
    const key = join(root, 'new.key')
    cpSync(join(demo, 'demo.pass'), join(root, 'pass'))
    const made = await tickpay(['keys', 'new', key, '--passphrase-file', join(root, 'pass')])
    expect(made.code, made.error).toBe(0)
    const words = ['device', 'replace', '--fleet', fleet, '--device', device, '--key', `${key}.pub`]
    const replaced = await tickpay([...words, '--meter', 'main', ...atGateway, '--json'])
    expect(replaced.code, replaced.error).toBe(0)
    const open = await json(['channels', 'list', '--fleet', fleet])
    const ours = open.filter((one: { device: string }) => one.device === device)
    expect(
      ours.map(({ state, paid }: { state: string; paid: string }) => [state, paid]),
    ).toContainEqual(['open', '0'])
  })

  test('the fleet withdraws: announced, too early, executed, and it comes to 0', async () => {
    const withdraw = ['fleet', 'withdraw', '--fleet', fleet]
    const [before] = await json(['ledger', 'allocations'])
    const left = BigInt(before.setAside) - BigInt(before.paid)
    const dry = await json([...withdraw, 'all', '--dry-run'])
    expect(dry).toMatchObject({ outcome: 'would_announce', amount: `${left}` })
    expect((await json(['ledger', 'allocations']))[0].withdrawing).toEqual([])
    const announced = await json([...withdraw, 'all'])
    expect(announced).toMatchObject({ outcome: 'announced', amount: `${left}` })
    later(30)
    const early = await tickpay([...withdraw, '--execute', ...atGateway])
    expect(early.code).toBe(4)
    expect(early.error).toMatch(/the notice of withdrawal-\w+ is not over: .* on, in [67] d/)
    const again = await tickpay([...withdraw, '1', ...atGateway])
    expect(again.error).toMatch(/at most 0 are left/)
    later(38)
    expect(await json([...withdraw, '--execute', '--dry-run'])).toMatchObject({
      outcome: 'would_execute',
    })
    const done = await json([...withdraw, '--execute'])
    expect(done).toMatchObject({ outcome: 'executed', amount: `${left}` })
    const [after] = await json(['ledger', 'allocations'])
    expect(after).toMatchObject({ setAside: before.paid, paid: before.paid, withdrawing: [] })
    expect((await json(['ledger', 'balance'])).sum).toBe('0')
  })
})

test('claims are kept up to date, until there is no gateway to ask', async () => {
  const file = join(root, 'claims.cbor')
  const follow = ['export', 'claims', file, '--follow', ...atGateway]
  await tickpay(['export', 'claims', file, ...atGateway])
  expect((await readClaims(file)).claims).toEqual([])
  await gateway?.close()
  gateway = undefined
  const { code, error } = await tickpay(follow)
  expect(code).toBe(3)
  expect(error).toMatch(/no gateway answers/)
})
