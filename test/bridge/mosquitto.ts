/**
 * A real Mosquitto as a child process, configured by the example files of the project.
 */
import type { ChildProcess } from 'node:child_process'
import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { connect, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { projectRoot } from '../support/tidyFiles.ts'
import { until } from '../support/until.ts'

export const PASSWORD = 'correct horse'
const examples = join(projectRoot, 'deploy', 'mosquitto')

export type Mosquitto = {
  readonly port: number
  /** The file with `PASSWORD`, for whoever logs in. */
  readonly passwordFile: string
  /** PEM of the authority that signed its certificate, with `tls` only. */
  readonly caFile: string
  /** A certificate of that authority for clients, and its key. */
  readonly client: { readonly certificateFile: string; readonly certificateKeyFile: string }
  /** kill -9 */
  readonly kill: () => Promise<void>
  /** Again on the same port, with what it has kept. */
  readonly start: () => Promise<void>
  readonly close: () => Promise<void>
}

export type MosquittoOptions = {
  readonly users: readonly string[]
  /** Lines added to the access list of the example. */
  readonly acl?: readonly string[]
  /** mutual: clients show a certificate of its authority, such as `client.crt`. */
  readonly security?: Security
}

type Security = 'mutual' | 'tls' | 'clear'

export async function startMosquitto(options: MosquittoOptions): Promise<Mosquitto> {
  const folder = mkdtempSync(join(tmpdir(), 'tickpay-mosquitto-'))
  const port = await freePort()
  writeFiles(folder, port, options)
  let child: ChildProcess | undefined
  const start = async () => {
    child = spawn('mosquitto', ['-c', join(folder, 'mosquitto.conf')], { stdio: 'ignore' })
    await listens(port, child)
  }
  const kill = async () => {
    if (!child || child.exitCode !== null || child.signalCode !== null) return
    const ended = once(child, 'exit')
    child.kill('SIGKILL')
    await ended
  }
  await start()
  return {
    port,
    passwordFile: join(folder, 'password'),
    caFile: join(folder, 'ca.crt'),
    client: {
      certificateFile: join(folder, 'client.crt'),
      certificateKeyFile: join(folder, 'client.key'),
    },
    kill,
    start,
    close: async () => {
      await kill()
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

function writeFiles(folder: string, port: number, options: MosquittoOptions): void {
  const { users, acl = [], security = 'clear' } = options
  const at = (name: string) => join(folder, name)
  // Mosquitto gives up root for a user of its own.
  chmodSync(folder, 0o777)
  writeFileSync(at('password'), `${PASSWORD}\n`)
  writeFileSync(at('passwd'), '', { mode: 0o644 })
  for (const user of users) execFileSync('mosquitto_passwd', ['-b', at('passwd'), user, PASSWORD])
  chmodSync(at('passwd'), 0o644)
  const list = readFileSync(join(examples, 'acl'), 'utf8')
  writeFileSync(at('acl'), `${list}\n${acl.join('\n')}\n`, { mode: 0o644 })
  if (security !== 'clear') makeCertificates(folder)
  writeFileSync(at('mosquitto.conf'), configuration(folder, port, security), { mode: 0o644 })
}

/** The example with this machine's places; in the clear without the lines about certificates. */
function configuration(folder: string, port: number, security: Security): string {
  const mutual = `cafile ${folder}/ca.crt\nrequire_certificate true\n`
  return readFileSync(join(examples, 'mosquitto.conf'), 'utf8')
    .replace('/etc/mosquitto/certs/', `${folder}/`)
    .replace('/etc/mosquitto/certs/', `${folder}/`)
    .replace(/^password_file .*/m, `password_file ${folder}/passwd`)
    .replace(/^acl_file .*/m, `acl_file ${folder}/acl`)
    .replace(/^persistence_location .*/m, `persistence_location ${folder}/`)
    .replace('listener 8883', `listener ${port} 127.0.0.1`)
    .replace(security === 'clear' ? /^(cert|key)file .*\n/gm : /^$/, '')
    .replace(/^(?=keyfile )/m, security === 'mutual' ? mutual : '')
}

/** An authority, and a certificate of it for 127.0.0.1. */
function makeCertificates(folder: string): void {
  const openssl = (...words: string[]) =>
    execFileSync('openssl', words, { cwd: folder, stdio: 'ignore' })
  const fresh = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes']
  const days = ['-days', '2']
  openssl(
    'req',
    '-x509',
    ...fresh,
    ...days,
    '-keyout',
    'ca.key',
    '-out',
    'ca.crt',
    '-subj',
    '/CN=ca',
  )
  openssl('req', ...fresh, '-keyout', 'server.key', '-out', 'server.csr', '-subj', '/CN=broker')
  writeFileSync(join(folder, 'names'), 'subjectAltName=IP:127.0.0.1\n')
  const signer = ['-CA', 'ca.crt', '-CAkey', 'ca.key', '-CAcreateserial', '-extfile', 'names']
  openssl('x509', '-req', '-in', 'server.csr', '-out', 'server.crt', ...signer, ...days)
  openssl('req', ...fresh, '-keyout', 'client.key', '-out', 'client.csr', '-subj', '/CN=depot')
  openssl('x509', '-req', '-in', 'client.csr', '-out', 'client.crt', ...signer, ...days)
  for (const name of ['server.key', 'server.crt', 'ca.crt']) chmodSync(join(folder, name), 0o644)
}

async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  await new Promise((resolve) => server.close(resolve))
  if (typeof address !== 'object' || address === null) throw new Error('no free port')
  return address.port
}

async function listens(port: number, child: ChildProcess): Promise<void> {
  let open = false
  let failed: string | undefined
  child.once('error', ({ message }) => {
    failed = message
  })
  const knock = () => {
    const socket = connect({ port, host: '127.0.0.1' })
    socket.once('connect', () => {
      open = true
      socket.destroy()
    })
    socket.once('error', () => {})
  }
  await until('Mosquitto listens (apt install mosquitto)', () => {
    if (failed !== undefined || child.exitCode !== null) {
      throw new Error(`Mosquitto does not start: ${failed ?? child.exitCode}`)
    }
    if (!open) knock()
    return open
  })
}
