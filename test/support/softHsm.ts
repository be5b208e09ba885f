/**
 * A PKCS#11 token of our own: SoftHSM2 with a P-256 key that nobody can take out.
 * @module
 */
import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const modules = ['/usr/lib/softhsm/libsofthsm2.so', '/usr/lib64/softhsm/libsofthsm2.so']
const module = modules.find((path) => existsSync(path))

/** Undefined when the programs are here; else what to install. */
export const softHsmMissing = whatIsMissing()

export type SoftHsm = {
  /** For the configuration of a device. */
  readonly command: readonly string[]
  /** The public key in DER, as pkcs11-tool writes it. */
  readonly publicKeyFile: string
  /** What the token says of who may have the private key. */
  readonly access: () => string
  readonly close: () => void
}

/** A fresh token with a fresh key; its configuration is in this process's environment. */
export function openSoftHsm(): SoftHsm {
  const folder = mkdtempSync(join(tmpdir(), 'tickpay-softhsm-'))
  const tokens = join(folder, 'tokens')
  mkdirSync(tokens)
  const settings = join(folder, 'softhsm2.conf')
  writeFileSync(settings, `directories.tokendir = ${tokens}\nlog.level = ERROR\n`)
  process.env['SOFTHSM2_CONF'] = settings
  process.env['TICKPAY_TEST_PIN'] = '4711'
  const run = (program: string, ...words: readonly string[]) =>
    execFileSync(program, words, { stdio: 'pipe' })
  run(
    'softhsm2-util',
    '--init-token',
    '--free',
    '--label',
    'tickpay',
    '--pin',
    '4711',
    '--so-pin',
    '0815',
  )
  const token = ['--module', module ?? '', '--token-label', 'tickpay']
  const login = [...token, '--login', '--pin', 'env:TICKPAY_TEST_PIN']
  run('pkcs11-tool', ...login, '--keypairgen', '--key-type', 'EC:prime256v1', '--id', '01')
  const publicKeyFile = join(folder, 'public.der')
  run(
    'pkcs11-tool',
    ...token,
    '--read-object',
    '--type',
    'pubkey',
    '--id',
    '01',
    '-o',
    publicKeyFile,
  )
  return {
    command: ['pkcs11-tool', ...login, '--sign', '--mechanism', 'ECDSA', '--id', '01'],
    publicKeyFile,
    access: () => run('pkcs11-tool', ...login, '--list-objects', '--type', 'privkey').toString(),
    close: () => rmSync(folder, { recursive: true }),
  }
}

function whatIsMissing(): string | undefined {
  if (module === undefined) return 'softhsm2 is not installed'
  const found = (process.env['PATH'] ?? '').split(':').map((path) => join(path, 'pkcs11-tool'))
  return found.some((path) => existsSync(path)) ? undefined : 'opensc is not installed'
}
