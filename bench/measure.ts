/**
 * What the kernel says of a process (CPU, anonymous memory, bytes written) and of this machine.
 * @module
 */
import { execFileSync, spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { arch, cpus, loadavg, release, totalmem } from 'node:os'

const MICROS_PER_SECOND = 1_000_000

/** Clock ticks a second of `/proc/PID/stat`. */
const ticksPerSecond = Number(execFileSync('getconf', ['CLK_TCK'], { encoding: 'utf8' }))

/** Microseconds of user and system time of all threads so far. */
export function cpuMicros(pid: number): number {
  const text = readFileSync(`/proc/${pid}/stat`, 'utf8')
  // The second field is the program's name in brackets and may hold anything.
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ')
  return ((Number(fields[11]) + Number(fields[12])) * MICROS_PER_SECOND) / ticksPerSecond
}

/** Bytes of memory that no file stands behind. */
export function anonymousBytes(pid: number): number {
  return lineOf(`/proc/${pid}/status`, 'RssAnon') * 1_024
}

/** Bytes of memory in all, and the most it ever was. */
export function residentBytes(pid: number): { readonly now: number; readonly peak: number } {
  const path = `/proc/${pid}/status`
  return { now: lineOf(path, 'VmRSS') * 1_024, peak: lineOf(path, 'VmHWM') * 1_024 }
}

/** Bytes that the process caused to be sent to the disk so far. */
export function writtenBytes(pid: number): number {
  return lineOf(`/proc/${pid}/io`, 'write_bytes')
}

function lineOf(path: string, name: string): number {
  const found = new RegExp(`^${name}:\\s+(\\d+)`, 'm').exec(readFileSync(path, 'utf8'))
  return Number(found?.[1] ?? 0)
}

export type Machine = {
  readonly processor: string
  readonly cores: number
  readonly memoryGiB: number
  readonly kernel: string
  readonly architecture: string
  readonly node: string
  readonly openssl: string
  readonly mosquitto: string
  readonly loadAtStart: number
}

export function describeMachine(): Machine {
  return {
    processor: cpus()[0]?.model ?? 'unknown',
    cores: cpus().length,
    memoryGiB: Math.round(totalmem() / 2 ** 30),
    kernel: release(),
    architecture: arch(),
    node: process.version,
    openssl: process.versions.openssl,
    mosquitto: mosquittoVersion(),
    loadAtStart: Math.round((loadavg()[0] ?? 0) * 100) / 100,
  }
}

function mosquittoVersion(): string {
  // It tells its version only together with how it is used, and calls that an error.
  const { stdout } = spawnSync('mosquitto', ['-h'], { encoding: 'utf8' })
  const version = /version (\S+)/.exec(stdout ?? '')?.[1]
  return version === undefined ? 'no Mosquitto' : `Mosquitto ${version}`
}
