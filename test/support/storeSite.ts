/**
 * A gateway on real files with a fleet and a device, driven by commands, for tests of its store.
 */
import { createHash } from 'node:crypto'
import {
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { run } from '../../cli/run.ts'
import { createKeyFile } from '../../ports/io/keyFile.ts'
import { testTerminal } from './testTerminal.ts'

export type StoreSite = {
  readonly folder: string
  readonly at: (name: string) => string
  /** Writes gateway.yaml; `more` is YAML of further keys. */
  readonly configure: (more?: string, data?: string) => void
  /** Runs a command with this gateway's configuration. */
  readonly ran: (...words: string[]) => Promise<Ran>
  /** Makes a fleet with money, and a device with a mandate, in the store as configured. */
  readonly enrol: () => Promise<void>
  /** Takes the store away that the configuration names, for the next test. */
  readonly clear: () => void
  readonly remove: () => void
}

export type Ran = {
  readonly code: number
  readonly out: readonly string[]
  readonly error: readonly string[]
  /** The JSON answer. */
  readonly data: unknown
}

/** Words that nobody may find in an encrypted store. */
export const names = {
  fleet: 'northwind-power',
  device: 'wallbox-seventeen',
  meter: 'garage-left',
  reference: 'march-deposit',
} as const

const PASSPHRASE = 'a passphrase that no output may hold'

export async function createStoreSite(): Promise<StoreSite> {
  const folder = mkdtempSync(join(tmpdir(), 'tickpay-site-'))
  const at = (name: string) => join(folder, name)
  writeFileSync(at('pass'), PASSPHRASE, { mode: 0o600 })
  for (const name of ['gate', 'acme', 'ev-1']) {
    const { publicKey } = await createKeyFile(at(`${name}.key`), 'p256', PASSPHRASE)
    writeFileSync(at(`${name}.pub`), `p256:${Buffer.from(publicKey.bytes).toString('hex')}\n`)
  }
  writeFileSync(at('store.key'), '1f'.repeat(32), { mode: 0o600 })
  writeFileSync(at('other.key'), Buffer.alloc(32, 7).toString('base64'), { mode: 0o600 })
  let configured = { more: '', data: at('data') }
  const configure = (more = '', data = at('data')) => {
    configured = { more, data }
    writeFileSync(
      at('gateway.yaml'),
      `gateway: depot
data: ${data}
key: { file: ${at('gate.key')}, passphraseFile: ${at('pass')} }
payee: operator
asset: { code: EUR, scale: 6 }
listeners: [{ kind: tcp, port: 0 }]
tariffs: [{ unit: Wh, unitsPerTick: 10, pricePerTick: 3000 }]
${more}
`,
    )
  }
  configure()
  const templates = new Map<string, string>()
  const ran = async (...words: string[]): Promise<Ran> => {
    const terminal = testTerminal()
    const code = await run([...words, '--config', at('gateway.yaml'), '--json'], terminal)
    const { outLines: out, errorLines: error } = terminal
    return { code, out, error, data: out.length === 1 ? JSON.parse(out[0] ?? '') : undefined }
  }
  const enrolNew = async () => {
    const signer = ['--signer', at('acme.key'), '--passphrase-file', at('pass')]
    const limits = ['--limit', '50EUR', '--limit-per-day', '5EUR']
    const device = ['--fleet', names.fleet, '--device', names.device, '--key', at('ev-1.pub')]
    const steps = [
      ['enrol', 'fleet', '--fleet', names.fleet, '--signer', at('acme.pub')],
      ['ledger', 'fund', names.fleet, '100EUR', '--reference', names.reference],
      ['enrol', 'device', ...device, '--meter', `${names.meter}:Wh`, ...signer, ...limits],
    ]
    for (const words of steps) {
      const { code, error } = await ran(...words)
      if (code !== 0) throw new Error(`${words.join(' ')}: ${error.join(' ')}`)
    }
  }
  // The same steps always lead to the same store: it is made once and copied from then on.
  const enrol = async () => {
    const { more, data } = configured
    const known = templates.get(more)
    if (known !== undefined) return cpSync(known, data, { recursive: true })
    await enrolNew()
    const template = at(`template-${templates.size}`)
    cpSync(data, template, { recursive: true })
    templates.set(more, template)
  }
  const clear = () => {
    rmSync(configured.data, { recursive: true, force: true })
    configure()
    rmSync(configured.data, { recursive: true, force: true })
  }
  const remove = () => rmSync(folder, { recursive: true, force: true })
  return { folder, at, configure, ran, enrol, clear, remove }
}

/** Every file under `folder` by its path. */
export function filesUnder(folder: string): ReadonlyMap<string, Buffer> {
  mkdirSync(folder, { recursive: true })
  const files = new Map<string, Buffer>()
  for (const entry of readdirSync(folder, { recursive: true, withFileTypes: true })) {
    const path = join(entry.parentPath, entry.name)
    if (entry.isFile()) files.set(path, readFileSync(path))
  }
  return files
}

/** One hash over all files, without those that only say who reads. */
export function fingerprintOf(folder: string): string {
  const hash = createHash('sha256')
  for (const [path, bytes] of [...filesUnder(folder)].sort(([a], [b]) => (a < b ? -1 : 1))) {
    if (!path.endsWith('lock.mdb')) hash.update(path).update(bytes)
  }
  return hash.digest('hex')
}
