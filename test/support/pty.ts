/**
 * Real serial lines without hardware: a pair of ptys joined by socat.
 * @module
 */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** Whether this machine can make ptys; tests that need them say loudly that they were skipped. */
export const hasSocat = spawnSync('socat', ['-V']).error === undefined
export const hasMbpoll = spawnSync('mbpoll', ['-V']).error === undefined

if (!hasSocat) process.stderr.write('SKIPPED: tests on real ptys need socat (apt install socat)\n')
if (!hasMbpoll) process.stderr.write('SKIPPED: tests with mbpoll need it (apt install mbpoll)\n')

export type Pty = {
  /** Path for the meter's side. */
  readonly meterPath: string
  /** Path for the agent's side. */
  readonly agentPath: string
  /** Pulls the cable: both ends go away. */
  readonly unplug: () => Promise<void>
  /** Plugs it in again under the same names. */
  readonly plug: () => Promise<void>
  /** Unplugs and removes everything. */
  readonly remove: () => Promise<void>
}

/** A plugged-in cable. */
export async function openPty(): Promise<Pty> {
  const folder = mkdtempSync(join(tmpdir(), 'tickpay-pty-'))
  const meterPath = join(folder, 'meter')
  const agentPath = join(folder, 'agent')
  let socat: ChildProcess | undefined

  const plug = async () => {
    const end = (path: string) => `pty,raw,echo=0,link=${path}`
    const started = spawn('socat', ['-d', '-d', end(meterPath), end(agentPath)])
    socat = started
    // socat says so when both ends exist and bytes can flow.
    await new Promise<void>((done, fail) => {
      let said = ''
      started.stderr.on('data', (chunk) => {
        said += String(chunk)
        if (said.includes('starting data transfer loop')) done()
      })
      started.on('exit', () => fail(new Error(`socat ended: ${said}`)))
    })
  }
  const unplug = async () => {
    const running = socat
    socat = undefined
    if (running === undefined || running.exitCode !== null) return
    const ended = new Promise((done) => running.on('exit', done))
    running.kill('SIGTERM')
    await ended
  }
  await plug()
  const remove = async () => {
    await unplug()
    if (existsSync(folder)) rmSync(folder, { recursive: true })
  }
  return { meterPath, agentPath, plug, unplug, remove }
}
