/**
 * Looks at the machine: its clock, its disk, its ports, and who may read which file.
 * @module
 */
import { execFile } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { existsSync } from 'node:fs'
import { open, rm, stat, statfs } from 'node:fs/promises'
import { createConnection, createServer } from 'node:net'
import { dirname, join } from 'node:path'
import { type Finding, fail, ok, warn } from './finding.ts'

/** No machine that runs this is older. */
const OLDEST_YEAR = 2025
const ANSWER_MS = 3_000
const FREE_SHARE_FAIL = 0.05
const FREE_SHARE_WARN = 0.15
const SYNCS = 10
const SYNC_BYTES = 64 * 1024
const SYNC_WARN_MS = 50
const SYNC_FAIL_MS = 500
const syncedMark = '/run/systemd/timesync/synchronized'

/** The clock against what the system says of its synchronisation. */
export async function lookAtClock(): Promise<readonly Finding[]> {
  const now = new Date()
  const time = now.toISOString()
  if (now.getFullYear() < OLDEST_YEAR) {
    return [fail('clock', `says ${time}`, 'set it, for instance with NTP')]
  }
  if (existsSync(syncedMark)) return [ok('clock', `${time}, synchronised`)]
  const said = await said1('timedatectl', ['show', '-p', 'NTPSynchronized', '--value'])
  if (said === 'yes') return [ok('clock', `${time}, synchronised`)]
  const found = said === 'no' ? 'is not synchronised' : 'cannot be seen to be synchronised'
  const advice = 'set up NTP: a login may be off by two minutes at most'
  return [warn('clock', `${time} ${found}`, advice)]
}

function said1(program: string, words: readonly string[]): Promise<string | undefined> {
  return new Promise((resolve) => {
    execFile(program, [...words], { timeout: ANSWER_MS }, (error, stdout) =>
      resolve(error ? undefined : stdout.trim()),
    )
  })
}

/** Free space, and how long it takes to make something durable where the store is or will be. */
export async function lookAtDisk(folder: string): Promise<readonly Finding[]> {
  let there = folder
  while (!existsSync(there) && dirname(there) !== there) there = dirname(there)
  const { bavail, blocks } = await statfs(there)
  return [freeSpace(there, blocks === 0 ? 1 : bavail / blocks), await syncSpeed(there)]
}

function freeSpace(folder: string, share: number): Finding {
  const found = `${Math.round(share * 100)} % of ${folder} is free`
  const advice = 'free some space; under 5 % no new service is given'
  if (share < FREE_SHARE_FAIL) return fail('disk space', found, advice)
  return share < FREE_SHARE_WARN ? warn('disk space', found, advice) : ok('disk space', found)
}

async function syncSpeed(folder: string): Promise<Finding> {
  const path = join(folder, `.tickpay-doctor-${randomBytes(6).toString('hex')}`)
  try {
    const file = await open(path, 'wx', 0o600)
    try {
      const takenMs: number[] = []
      for (let round = 0; round < SYNCS; round++) {
        const startMs = performance.now()
        await file.write(randomBytes(SYNC_BYTES))
        await file.datasync()
        takenMs.push(performance.now() - startMs)
      }
      return speedOf(takenMs.sort((a, b) => a - b))
    } finally {
      await file.close()
      await rm(path, { force: true })
    }
  } catch (error) {
    const code = codeOf(error)
    return fail('disk writes', `${folder} cannot be written (${code})`, 'give this user the right')
  }
}

function speedOf(sortedMs: readonly number[]): Finding {
  const median = sortedMs[Math.floor(sortedMs.length / 2)] ?? 0
  const worst = sortedMs.at(-1) ?? 0
  const found = `a sync takes ${median.toFixed(1)} ms, the slowest ${worst.toFixed(1)} ms`
  const advice = 'devices wait for it: use a faster disk, or one with less to do'
  if (median > SYNC_FAIL_MS) return fail('disk writes', found, advice)
  return median > SYNC_WARN_MS ? warn('disk writes', found, advice) : ok('disk writes', found)
}

/** A port that a gateway will listen on; `isOurs` when the gateway that runs listens there. */
export async function lookAtPort(
  host: string,
  port: number,
  isOurs: boolean,
): Promise<readonly Finding[]> {
  const check = `port ${port}`
  if (port === 0) return [ok(check, 'any free one')]
  if (isOurs) {
    if (await answers(host, port)) return [ok(check, `the running gateway serves ${host}`)]
    const advice = 'restart the gateway: it runs with another configuration'
    return [fail(check, `nobody listens on ${host}`, advice)]
  }
  const code = await bindError(host, port)
  if (code === undefined) return [ok(check, `free on ${host}`)]
  const advice =
    code === 'EADDRINUSE'
      ? `another program listens there; see "ss -ltnp sport = :${port}", or choose another port`
      : 'choose a port above 1023 and an address of this machine'
  return [fail(check, `cannot be opened on ${host} (${code})`, advice)]
}

function bindError(host: string, port: number): Promise<string | undefined> {
  return new Promise((resolve) => {
    const server = createServer()
    server.once('error', (error) => resolve(codeOf(error)))
    server.listen(port, host, () => server.close(() => resolve(undefined)))
  })
}

/** True when something takes a connection there. */
export function answers(host: string, port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = createConnection({ host, port, timeout: ANSWER_MS })
    const end = (answer: boolean) => {
      socket.destroy()
      resolve(answer)
    }
    socket.once('connect', () => end(true))
    socket.once('error', () => end(false))
    socket.once('timeout', () => end(false))
  })
}

/** A file that only its owner may read. */
export async function lookAtSecret(path: string | undefined): Promise<readonly Finding[]> {
  if (path === undefined) return []
  const check = `file ${path}`
  try {
    const { mode } = await stat(path)
    if ((mode & 0o077) === 0) return [ok(check, 'only its owner may read it')]
    return [fail(check, 'others may read it', `chmod 600 ${path}`)]
  } catch (error) {
    return [fail(check, `cannot be looked at (${codeOf(error)})`, 'check the path')]
  }
}

export function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : String(error)
}
