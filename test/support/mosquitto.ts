/**
 * A real broker of the person's own, for what talks to one.
 * @module
 */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Transport } from '../../ports/index.ts'
import { mqttConnector } from '../../ports/io/mqttConnector.ts'
import { freePort } from './freePort.ts'

export const hasMosquitto = spawnSync('mosquitto', ['-h']).error === undefined
if (!hasMosquitto) process.stderr.write('SKIPPED: tests with a broker need mosquitto\n')

const startTimeoutMs = 10_000

/** Starts it on a free port, anybody may do anything; `watcher` is connected. */
export async function startMosquitto(
  folder: string,
): Promise<{ readonly url: string; readonly broker: ChildProcess; readonly watcher: Transport }> {
  const port = await freePort()
  const file = join(folder, 'mosquitto.conf')
  writeFileSync(file, `listener ${port} 127.0.0.1\nallow_anonymous true\n`)
  const broker = spawn('mosquitto', ['-c', file], { stdio: 'ignore' })
  const url = `mqtt://127.0.0.1:${port}`
  const options = {
    clientId: 'watcher',
    username: '',
    password: new Uint8Array(0),
    keepaliveSeconds: 30,
  }
  const endMs = performance.now() + startTimeoutMs
  while (performance.now() < endMs) {
    const watcher = await mqttConnector(url)(options).catch(() => undefined)
    if (watcher) return { url, broker, watcher }
  }
  broker.kill()
  throw new Error('mosquitto did not start')
}
