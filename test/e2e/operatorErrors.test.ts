/**
 * What an operator sees of the real programs when the machine is wrong: one line that says what,
 * where and what to do and an exit code, or a visible state and another try. Never a stack.
 */
import {
  chmodSync,
  cpSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { type AddressInfo, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { newKeyFiles } from '../../cli/io/keyFiles.ts'
import { bundleProgram, type Program, type Run, type StartOptions } from '../support/siteProgram.ts'
import { smallDisk, whySmallDiskIsMissing } from '../support/smallDisk.ts'
import { until } from '../support/until.ts'

const unusable = 4
/** Nobody, on every system. */
const otherUser = 65_534
const isRoot = process.getuid?.() === 0
if (!isRoot) process.stderr.write('SKIPPED: tests of permissions need another user (run as root)\n')

let program: Program
let folder = ''
let publicKey = ''

beforeAll(async () => {
  program = await bundleProgram()
  folder = mkdtempSync(join(tmpdir(), 'tickpay-operator-'))
  chmodSync(folder, 0o755)
  await newKeyFiles(at('good.key'), 'p256', at('pass'))
  publicKey = readFileSync(at('good.key.pub'), 'utf8').trim()
  writeFileSync(at('garbage.key'), 'this is no key')
  writeFileSync(at('other-pass'), 'something else')
  chmodSync(at('pass'), 0o644)
})

afterAll(async () => {
  await program?.remove()
  rmSync(folder, { recursive: true, force: true })
})

function at(name: string): string {
  return join(folder, name)
}

type Settings = Readonly<Record<string, unknown>>

const key = () => ({ file: at('good.key'), passphraseFile: at('pass') })
const ledger = { chainId: 0, contract: `0x${'07'.repeat(20)}` }
const url = 'mqtt://127.0.0.1:1'

const roles = {
  gateway: {
    words: ['gateway'],
    settings: (): Settings => ({
      gateway: 'gw-1',
      data: at('data'),
      key: key(),
      payee: 'operator',
      asset: { code: 'EUR', scale: 6 },
      listeners: [{ kind: 'tcp', port: 0 }],
      tariffs: [{ unit: 'Wh', unitsPerTick: 10, pricePerTick: 3_000 }],
    }),
  },
  agent: {
    words: ['agent'],
    settings: (): Settings => ({
      fleet: 'acme',
      device: 'ev-1',
      gateway: { id: 'gw-1', url, key: publicKey },
      ledger,
      key: key(),
      stateDirectory: at('agent-state'),
      meters: [{ name: 'main', unit: 'Wh', driver: 'sdm630', source: 'serial:///dev/tty-none' }],
    }),
  },
  'fleet serve': {
    words: ['fleet', 'serve'],
    settings: (): Settings => ({
      fleet: 'acme',
      gateway: { id: 'gw-1', url, key: publicKey },
      ledger,
      key: key(),
      policy: { default: { limit: '50EUR', limitPerDay: '5EUR' } },
    }),
  },
  'meter-sim': {
    words: ['meter-sim'],
    settings: (): Settings => ({ line: 'tcp-listen://127.0.0.1:0', profile: 'ev', kind: 'sdm630' }),
  },
} as const
type Role = keyof typeof roles
const allRoles = Object.keys(roles) as readonly Role[]
const withKeys = allRoles.filter((role) => role !== 'meter-sim')

let written = 0

/** The words that start `role` with its sound settings but for `change`; JSON is YAML. */
function wordsFor(role: Role, change: Settings): readonly string[] {
  const path = at(`${role.replace(' ', '-')}-${written++}.yaml`)
  writeFileSync(path, JSON.stringify({ ...roles[role].settings(), ...change }))
  return [...roles[role].words, '--config', path]
}

/** No line of a stack, and no talk of bugs, in anything it said. */
function expectNoStack({ out, errors }: Run): void {
  const text = [...out, ...errors].join('\n')
  expect(text).not.toMatch(/^\s+at /m)
  expect(text).not.toMatch(/internal error|unhandled|node:internal/i)
}

/** The one line of a program that must not start. */
async function refusal(
  words: readonly string[],
  options?: StartOptions,
  code: number | string = unusable,
): Promise<string> {
  const run = await program.finish(words, options)
  expectNoStack(run)
  expect(run.errors.filter((line) => line.startsWith('tickpay: '))).toHaveLength(1)
  expect(await run.ended, run.errors.join('\n')).toBe(code)
  expect(run.out).toEqual([])
  return run.errors.at(-1) ?? ''
}

describe.concurrent.each(allRoles)('configuration of %s', (role) => {
  test('a key that is not known', async () => {
    const words = wordsFor(role, { pollInterval: 5 })
    const line = await refusal(words)
    expect(line).toContain('pollInterval')
    expect(line).toMatch(/is not (a )?known/)
  })

  test('a value of a wrong type', async () => {
    const wrong = { gateway: { data: [5] }, 'meter-sim': { speed: 'fast' } }
    const change = { ...wrong[role as keyof typeof wrong] }
    const words = wordsFor(role, Object.keys(change).length > 0 ? change : { fleet: [5] })
    const line = await refusal(words)
    expect(line).toMatch(/data|speed|fleet/)
    expect(line).toMatch(/it must be|expected/)
  })

  test('no such file', async () => {
    const line = await refusal([...roles[role].words, '--config', at('none.yaml')])
    expect(line).toContain(`${at('none.yaml')}: there is no such file; check the path`)
  })

  test('no YAML', async () => {
    writeFileSync(at('broken.yaml'), 'gateway: [1, {')
    const line = await refusal([...roles[role].words, '--config', at('broken.yaml')])
    expect(line).toContain(at('broken.yaml'))
    expect(line).toContain('not valid YAML')
  })
})

describe.concurrent.each(withKeys)('key of %s', (role) => {
  test('missing, garbage and under another passphrase', async () => {
    const missing = { key: { ...key(), file: at('none.key') } }
    expect(await refusal(wordsFor(role, missing))).toContain(
      `cannot read the key file ${at('none.key')}: there is no such file; check the path`,
    )
    const garbage = { key: { ...key(), file: at('garbage.key') } }
    expect(await refusal(wordsFor(role, garbage))).toContain(`${at('garbage.key')} is not a key`)
    const other = { key: { ...key(), passphraseFile: at('other-pass') } }
    expect(await refusal(wordsFor(role, other))).toContain(
      `cannot open the key file ${at('good.key')}: wrong passphrase`,
    )
  })

  test.runIf(isRoot)('that this user may not read', async () => {
    const line = await refusal(wordsFor(role, {}), { uid: otherUser })
    expect(line).toContain(`cannot read the key file ${at('good.key')}: permission denied`)
  })
})

describe.concurrent('ports', () => {
  test('that another program has', async () => {
    const server = createServer()
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const { port } = server.address() as AddressInfo
    const busy = 'another program listens there: stop it or choose another port'
    const listeners = [{ kind: 'tcp', host: '127.0.0.1', port }]
    const gateway = refusal(wordsFor('gateway', { listeners, data: at('busy') }))
    const line = `tcp-listen://127.0.0.1:${port}`
    const meter = refusal(wordsFor('meter-sim', { line }))
    expect(await gateway).toContain(`cannot listen on 127.0.0.1 port ${port}: ${busy}`)
    expect(await meter).toContain(`cannot listen at 127.0.0.1:${port}: ${busy}`)
    await new Promise((resolve) => server.close(resolve))
  })

  test('that do not exist', async () => {
    const serial = refusal(wordsFor('meter-sim', { line: 'serial:///dev/tty-none?baud=9600' }))
    const beyond = refusal(wordsFor('meter-sim', { line: 'tcp-listen://127.0.0.1:81000' }))
    const plaintextOnNetwork = 'i-understand-that-anyone-can-read-and-change-this'
    const listeners = [{ kind: 'tcp', host: '192.0.2.1', port: 0, plaintextOnNetwork }]
    const foreign = refusal(wordsFor('gateway', { listeners, data: at('foreign') }))
    expect(await serial).toContain('/dev/tty-none: there is no such port: plug it in')
    expect(await beyond).toContain('is no line; expected')
    expect(await foreign).toContain('192.0.2.1 port 0: this machine has no such address')
  })

  test('an agent without its serial port and its gateway says so, and goes on trying', async () => {
    const words = wordsFor('agent', {})
    const agent = program.start(words)
    await until('it runs', () => agent.out.length > 0 || agent.ending() !== undefined)
    const tries = () => agent.errors.filter((line) => line.includes('not connected')).length
    await until('it tried twice', () => tries() >= 2)
    await until('it misses the meter', () => agent.errors.some((one) => one.includes('tty-none')))
    const status = await program.finish(['status', '--json', ...words.slice(1)])
    const [answer = '{}'] = status.out
    expect(JSON.parse(answer)).toMatchObject({
      connection: expect.stringMatching(/waiting|connecting/),
      connectionReason: expect.stringContaining('127.0.0.1:1: nothing listens there'),
      meters: [{ state: 'away', problem: expect.stringContaining('/dev/tty-none is not there') }],
    })
    expect(agent.ending()).toBeUndefined()
    const second = await refusal(words)
    expect(second).toContain(`${at('agent-state')}/agent.sock: stop it first`)
    expect(await agent.stop()).toBe(0)
    expectNoStack(agent)
  })

  test('a fleet whose gateway is away says so, and goes on trying', async () => {
    const fleet = program.start(wordsFor('fleet serve', {}))
    const tries = () => fleet.errors.filter((line) => line.includes('nothing listens')).length
    await until('it tried twice', () => tries() >= 2)
    expect(fleet.ending()).toBeUndefined()
    expect(await fleet.stop()).toBe(0)
    expectNoStack(fleet)
  })
})

describe.concurrent('the store of a gateway', () => {
  test('in use, then of a newer version', async () => {
    const data = at('store')
    const words = wordsFor('gateway', { data })
    const gateway = program.start(words)
    await until('it runs', () => gateway.out.length > 0)
    const line = await refusal(words)
    expect(line).toMatch(new RegExp(`the store ${data} is in use by process \\d+: stop that`))
    expect(await gateway.stop()).toBe(0)
    expectNoStack(gateway)

    const newer = at('newer')
    cpSync(data, newer, { recursive: true })
    const meta = readFileSync(join(newer, 'store.json'), 'utf8')
    writeFileSync(join(newer, 'store.json'), meta.replace('"format": 1', '"format": 2'))
    const refused = await refusal(wordsFor('gateway', { data: newer }))
    expect(refused).toContain(newer)
    expect(refused).toMatch(/newer version .*: upgrade this program/)

    const snapshots = at('newer-snapshot')
    cpSync(data, snapshots, { recursive: true })
    const path = join(snapshots, 'snapshot', '0000000000000001.snap')
    const bytes = readFileSync(path)
    bytes[4] = 9
    writeFileSync(path, bytes)
    const snapshot = await refusal(wordsFor('gateway', { data: snapshots }))
    expect(snapshot).toContain(snapshots)
    expect(snapshot).toMatch(/newer version .*: upgrade this program/)
  })

  test.each([
    ['ledger', 'garbage', 24, 'is no database: restore the store from a backup'],
    ['cold', 'of a newer format', 28, 'was written by a newer version (format 9): upgrade'],
  ])('whose %s database is %s', async (name, what, offset, message) => {
    const data = at(`database ${what}`)
    const words = wordsFor('gateway', { data })
    const gateway = program.start(words)
    await until('it runs', () => gateway.out.length > 0)
    expect(await gateway.stop()).toBe(0)
    const path = join(data, name, 'data.mdb')
    const bytes = readFileSync(path)
    bytes[offset] = 9
    writeFileSync(path, bytes)
    expect(await refusal(words)).toContain(`${path} ${message}`)
  })

  test('whose ledger, or whose database of channels, is not its own', async () => {
    const data = at('halves')
    const words = wordsFor('gateway', { data })
    const config = ['--config', words.at(-1) ?? '']
    const enrol = async (...rest: string[]) => {
      const run = await program.finish(['enrol', ...rest, ...config])
      expect(await run.ended, run.errors.join('\n')).toBe(0)
    }
    await enrol('fleet', '--fleet', 'acme', '--signer', at('good.key.pub'))
    const device = ['--fleet', 'acme', '--device', 'ev-1', '--meter', 'main:Wh']
    await enrol('device', ...device, '--key', at('good.key.pub'))
    for (const [half, message] of [
      ['ledger', 'the ledger is not the one'],
      ['cold', 'the database "cold" lacks'],
    ] as const) {
      renameSync(join(data, half), join(data, 'away'))
      const line = await refusal(words)
      expect(line).toContain(`store ${data}: ${message}`)
      expect(line).toMatch(/restore .* from (the same|a) backup$/)
      rmSync(join(data, half), { recursive: true })
      renameSync(join(data, 'away'), join(data, half))
    }
  })

  test('where no folder can be', async () => {
    const data = join(at('pass'), 'data')
    const line = await refusal(wordsFor('gateway', { data }))
    expect(line).toContain(`${data}: a part of that path is a file: choose another folder`)
    const long = at('x'.repeat(110))
    expect(await refusal(wordsFor('gateway', { data: long }))).toContain('too long')
  })

  test.runIf(isRoot)('that this user may not write', async () => {
    const own = { file: at('readable.key'), passphraseFile: at('pass') }
    writeFileSync(own.file, readFileSync(at('good.key')), { mode: 0o644 })
    mkdirSync(at('locked'), { mode: 0o700 })
    const user = { uid: otherUser }
    const line = await refusal(wordsFor('gateway', { key: own, data: at('locked') }), user)
    expect(line).toContain(at('locked'))
    expect(line).toContain('give this user read and write access')
    const state = { key: own, stateDirectory: at('locked') }
    expect(await refusal(wordsFor('agent', state), user)).toContain(at('locked'))
  })
})

if (whySmallDiskIsMissing) process.stderr.write(`SKIPPED: full disks: ${whySmallDiskIsMissing}\n`)

describe.runIf(whySmallDiskIsMissing === undefined)('a full disk', () => {
  test('no program starts on one, and all say why', async () => {
    const disk = smallDisk(at('full'), 1_024)
    try {
      disk.fill()
      const data = join(at('full'), 'data')
      const gateway = await refusal(wordsFor('gateway', { data }))
      expect(gateway).toContain(data)
      expect(gateway).toMatch(/the disk .*is full.*: free some space, then start again/)
    } finally {
      disk.remove()
    }
  })

  // T52
  test('a gateway that fills its disk ends with a line, and starts again with room', async () => {
    const disk = smallDisk(at('filling'), 16 * 1_024)
    try {
      const words = wordsFor('gateway', { data: join(at('filling'), 'data'), log: 'error' })
      const gateway = program.start(words)
      await until('it runs', () => gateway.out.length > 0)
      disk.fill()
      const enrol = ['enrol', 'fleet', '--fleet', 'acme', '--signer', at('good.key.pub')]
      await program.finish([...enrol, '--config', words.at(-1) ?? ''])
      await until('it ends', () => gateway.ending() !== undefined)
      expectNoStack(gateway)
      expect(await gateway.ended).toBe(unusable)
      expect(gateway.errors.at(-1)).toMatch(/tickpay: cannot .*filling.*(full|free space)/)
      disk.empty()
      const again = program.start(words)
      await until('it runs again', () => again.out.length > 0 || again.ending() !== undefined)
      expect(await again.stop()).toBe(0)
      expectNoStack(again)
    } finally {
      disk.remove()
    }
  })

  test('a meter says that it cannot keep its register, and goes on trying', async () => {
    const disk = smallDisk(at('meter-disk'), 64)
    try {
      disk.fill()
      const stateFile = join(at('meter-disk'), 'register.json')
      const meter = program.start(wordsFor('meter-sim', { stateFile }))
      await until('it complains twice', () => meter.errors.length >= 2)
      expect(meter.errors[0]).toContain(`${stateFile}: the disk is full: free some space`)
      disk.empty()
      const said = meter.errors.length
      expect(await meter.stop()).toBe(0)
      expect(meter.errors.length - said).toBeLessThan(2)
      expect(readFileSync(stateFile, 'utf8')).toContain('supplied')
      expectNoStack(meter)
    } finally {
      disk.remove()
    }
  })
})
