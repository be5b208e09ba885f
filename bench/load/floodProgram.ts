/**
 * The process that floods a gateway. Beside the flood an honest device logs in twice a second, from
 * an address of its own, and the time until its CONNACK is kept.
 * @module
 */
import { connect } from 'node:net'
import { present } from '../../protocol/assert.ts'
import { KEEPALIVE_SECONDS_MAX } from '../../protocol/limits.ts'
import { passwordOf } from './device.ts'
import { nameOf } from './floodClient.ts'
import type { FloodCommand, FloodStatus } from './floodMessages.ts'
import { type Arms, type Flood, startFlood } from './floods.ts'
import { benchKey } from './keys.ts'
import { connectPacket } from './packets.ts'

const PROBE_PERIOD_MS = 500
const PROBE_TIMEOUT_MS = 10_000

let arms: Arms | undefined
let flood: Flood | undefined
let logins = { ms: [] as number[], refused: 0 }

async function perform(command: FloodCommand): Promise<FloodStatus | undefined> {
  switch (command.do) {
    case 'ready':
      arms = command
      setInterval(() => void probe(command), PROBE_PERIOD_MS)
      return undefined
    case 'flood':
      flood = await startFlood(present(arms, 'told before'), command.kind, command.size)
      logins = { ms: [], refused: 0 }
      return undefined
    case 'status':
      return status()
    case 'calm':
      flood?.stop()
      return status()
  }
}

function status(): FloodStatus {
  const { open, opened, packets, ended } = flood?.counts ?? noCounts
  const { user, system } = process.cpuUsage()
  const [loginsMs, loginsRefused] = [logins.ms, logins.refused]
  return { open, opened, packets, ended, loginsMs, loginsRefused, ownCpuMicros: user + system }
}

const noCounts = { open: 0, opened: 0, packets: 0, ended: 0 }

/** Time from the connection to the CONNACK; a code other than 0, or none, is a refusal. */
async function probe({ port, gateway, honest }: Arms): Promise<void> {
  const counted = logins
  const password = passwordOf({ plan: honest, key: benchKey(nameOf(honest)) }, gateway)
  const startMs = performance.now()
  const socket = connect({ port, host: '127.0.0.1', noDelay: true })
  socket.on('error', () => {})
  socket.write(connectPacket(nameOf(honest), password, KEEPALIVE_SECONDS_MAX))
  const code = await new Promise<number | undefined>((resolve) => {
    socket.once('data', (bytes) => resolve(bytes[3]))
    socket.once('close', () => resolve(undefined))
    setTimeout(() => resolve(undefined), PROBE_TIMEOUT_MS).unref()
  })
  if (code === 0) counted.ms.push(performance.now() - startMs)
  else counted.refused += 1
  socket.destroy()
}

process.on('message', ({ id, command }: { id: number; command: FloodCommand }) => {
  perform(command).then(
    (result) => process.send?.({ id, result }),
    (error: unknown) => process.send?.({ id, error: String(error) }),
  )
})
process.on('disconnect', () => process.exit(0))
