/**
 * The second implementation of the device's side as a process of its own.
 * @module
 */
import { spawn, spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'

/** Debian's own Python, whose packages `python3-*` are installed for it alone. */
export const python = '/usr/bin/python3'
const script = fileURLToPath(new URL('device.py', import.meta.url))
const packages = 'python3 python3-paho-mqtt python3-cryptography python3-pycryptodome'

/** A line that says what to install, or undefined when all that device.py imports is there. */
export function missingPython(): string | undefined {
  const modules = 'import paho.mqtt.client, cryptography, Cryptodome'
  const { status, error, stderr } = spawnSync(python, ['-c', modules], { encoding: 'utf8' })
  if (status === 0) return undefined
  const why = error?.message ?? stderr.trim().split('\n').at(-1)
  return `device.py cannot run (${why}): apt-get install ${packages}`
}

/** The outcome of `device.py vectors FOLDER`. */
export function runVectors(folder: string) {
  const { status, stdout, stderr } = spawnSync(python, [script, 'vectors', folder], {
    encoding: 'utf8',
  })
  return { status, lines: stdout.trimEnd().split('\n'), stderr }
}

/** Starts `device.py run`; it reads commands from stdin and prints events. */
export function spawnDevice(config: string) {
  return spawn(python, [script, 'run', '--config', config], { stdio: ['pipe', 'pipe', 'pipe'] })
}
