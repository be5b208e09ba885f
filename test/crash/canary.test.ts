/**
 * (!) T74: no secret in anything that real programs write: a gateway and an agent with secrets that
 * are known here run with the most talkative logs through starts, payments, mistakes, a backup, a
 * restore and new keys; then everything they said and stored is searched.
 */
import { randomBytes } from 'node:crypto'
import { readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { run } from '../../cli/run.ts'
import { readKeyFile } from '../../ports/io/keyFile.ts'
import { siteLife, waterMeter } from '../support/siteLife.ts'
import type { RealSite } from '../support/siteReal.ts'
import { allWell, cleanStop, recoverySeconds, stopAll } from '../support/siteWell.ts'
import { filesUnder } from '../support/storeSite.ts'
import { testTerminal } from '../support/testTerminal.ts'

const device = waterMeter
const life = siteLife()
let site: RealSite
const said: string[] = []

const at = (name: string) => join(site.folder, name)

/** Runs a command as a person would who asks for every detail; keeps all that it says. */
async function ran(...words: string[]): Promise<string> {
  const terminal = testTerminal()
  await run([...words, '--config', at('gateway.yaml'), '--debug'], terminal)
  const text = [...terminal.outLines, ...terminal.errorLines].join('\n')
  said.push(text)
  return text
}

function change(file: string, changes: object): void {
  const before = JSON.parse(readFileSync(at(file), 'utf8')) as object
  writeFileSync(at(file), JSON.stringify({ ...before, ...changes }))
}

/** All forms in which a secret could show up, by name. */
async function secrets(password: string): Promise<ReadonlyMap<string, readonly Buffer[]>> {
  const passphrase = readFileSync(at('pass'), 'utf8').trim()
  const raw = new Map<string, Uint8Array>()
  for (const name of ['gateway', 'fleet', `${device.device}/device`]) {
    const { privateKey, rootSecret } = await readKeyFile(at(`${name}.key`), passphrase)
    raw.set(`private key of ${name}`, privateKey.bytes)
    raw.set(`root secret of ${name}`, rootSecret)
  }
  for (const name of ['store.key', 'next.key', 'backup.key']) raw.set(name, readFileSync(at(name)))
  const forms = (bytes: Buffer) => [
    bytes,
    ...(['hex', 'base64', 'base64url'] as const).map((form) =>
      Buffer.from(bytes.toString(form).replace(/=+$/, '')),
    ),
    Buffer.from(bytes.toString('hex').toUpperCase()),
    Buffer.from([...bytes].join(',')),
  ]
  const all = new Map([...raw].map(([name, bytes]) => [name, forms(Buffer.from(bytes))]))
  all.set('passphrase', [Buffer.from(passphrase)])
  all.set('password', [
    Buffer.from(password),
    Buffer.from(Buffer.from(password).toString('base64')),
  ])
  return all
}

/** Names of the secrets that are readable in `text`. */
function leaks(all: ReadonlyMap<string, readonly Buffer[]>, text: Buffer): readonly string[] {
  const found = [...all].filter(([, forms]) => forms.some((form) => text.includes(form)))
  return found.map(([name]) => name)
}

/** Where secrets belong. */
const isKept = (path: string) => /(\.key|pass)$/.test(path)

async function mistakes(): Promise<void> {
  change('gateway.yaml', { storeKey: { file: at('backup.key') } })
  await ran('channels', 'list')
  change('gateway.yaml', {
    storeKey: { command: ['sh', '-c', `cat ${at('store.key')} >&2; false`] },
  })
  await ran('channels', 'list')
  change('gateway.yaml', { storeKey: { file: at('gateway.yaml') } })
  await ran('channels', 'list')
  change('gateway.yaml', { key: { file: at('store.key'), passphraseFile: at('pass') } })
  await ran('channels', 'list')
  change('gateway.yaml', { key: { file: at('gateway.key'), passphraseFile: at('store.key') } })
  await ran('channels', 'list')
  change('gateway.yaml', {
    key: { file: at('gateway.key'), passphraseFile: at('pass') },
    storeKey: { file: at('store.key') },
  })
  await ran('restore', at('sealed.backup'), '--key-file', at('next.key'))
}

test(
  'everything that was said and stored holds no secret',
  async () => {
    site = await life.start([device])
    for (const name of ['store.key', 'next.key', 'backup.key']) {
      writeFileSync(at(name), randomBytes(32), { mode: 0o600 })
    }
    await allWell(site)
    expect(await stopAll(site)).toEqual(cleanStop)
    change('gateway.yaml', { log: 'debug', storeKey: { file: at('store.key') } })
    change(`${device.device}/agent.yaml`, { logLevel: 'debug' })
    await ran('store', 'encrypt', at('sealed'))
    rmSync(at('data'), { recursive: true })
    renameSync(at('sealed'), at('data'))
    for (const { start } of [site.gateway, ...site.meters, ...site.agents]) await start()
    await allWell(site)
    const added = await ran('credential', 'add', '--fleet', 'acme', '--name', 'lisa')
    said.pop()
    const password = /password\s+(\S+)/.exec(added)?.[1] ?? ''
    expect(password.length).toBeGreaterThan(10)
    for (const words of [['status'], ['channels', 'list'], ['credential', 'list'], ['settle']]) {
      expect((await ran(...words)).length).toBeGreaterThan(0)
    }
    await ran('backup', at('sealed.backup'))
    await ran('backup', at('other.backup'), '--key-file', at('backup.key'))
    await ran('export', 'claims', at('claims.cbor'))
    await site.gateway.kill()
    await site.gateway.start()
    await allWell(site)
    expect(await stopAll(site)).toEqual(cleanStop)
    await mistakes()
    expect(await ran('store', 'verify')).toMatch(/records, 1 channels/)
    expect(await ran('store', 'rotate-key', '--new-key-file', at('next.key'))).toMatch(/key 2/)
    const all = await secrets(password)
    const logs = [site.gateway, ...site.agents, ...site.meters].flatMap((one) => one.said())
    expect(logs.length).toBeGreaterThan(1)
    expect(leaks(all, Buffer.from([...said, ...logs].join('\n')))).toEqual([])
    const files = [...filesUnder(site.folder)].filter(([path]) => !isKept(path))
    expect(files.length).toBeGreaterThan(10)
    for (const [path, bytes] of files)
      expect({ path, leaks: leaks(all, bytes) }).toMatchObject({ leaks: [] })
    // The search itself finds what is there.
    expect(leaks(all, readFileSync(at('store.key')))).toEqual(['store.key'])
    expect(leaks(all, Buffer.from(`x${password}x`))).toEqual(['password'])
  },
  (3 * recoverySeconds + 60) * 1_000,
)
