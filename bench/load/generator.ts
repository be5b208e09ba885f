/**
 * The load generator: a process of its own that plays many devices over raw sockets and does what
 * the suite tells it, one command at a time.
 * @module
 */
import { createSecureContext } from 'node:tls'
import { present } from '../../protocol/assert.ts'
import { type Attack, startAttack } from './attack.ts'
import { type Comeback, startComeback } from './comeback.ts'
import { forAll, LoadConnection } from './connection.ts'
import { type LoadDevice, loadDevice, logIn, prepare } from './device.ts'
import { benchKey, keyPem } from './keys.ts'
import type { Answer, Command, ConnectCommand, Question, Result } from './messages.ts'
import { runClosed, runOpen, runRotating } from './runs.ts'

/** Well within the broker's limit for connections that have not logged in. */
const LOGINS_AT_ONCE = 64
const PREPARED_AT_ONCE_MIN = 4
/** Half of the longest keepalive that a gateway allows, and some. */
const PING_PERIOD_MS = 50_000

let devices: readonly LoadDevice[] = []
let port = 0
/** What runs until `calm`. */
let background: Attack | Comeback | undefined

async function perform(command: Command): Promise<Result> {
  switch (command.do) {
    case 'connect':
      await connect(command)
      return undefined
    case 'prepare':
      await forAll(devices, preparedAtOnce(), (one) => prepare(one, command))
      return undefined
    case 'closed':
      return { ...(await runClosed(connections(), command)), downs: downs() }
    case 'rotating':
      return { ...(await runRotating(connections(), command)), downs: downs() }
    case 'open':
      return { ...(await runOpen(connections(), command)), downs: downs() }
    case 'comeback':
      background = startComeback(devices, port, command.messagesPerSecond)
      return background.status()
    case 'attack':
      background = startAttack(devices, port, command)
      return background.status()
    case 'status':
      return running().status()
    case 'calm':
      await running().stop()
      return running().status()
  }
}

/**
 * Signing for many channels at a time would keep this process from reading for so long that the
 * gateway takes its devices for stuck.
 */
function preparedAtOnce(): number {
  const channels = devices[0]?.channels.length ?? 1
  return Math.max(PREPARED_AT_ONCE_MIN, Math.floor(LOGINS_AT_ONCE / channels))
}

function running(): Attack | Comeback {
  return present(background, 'something was started before')
}

async function connect(command: ConnectCommand): Promise<void> {
  port = command.port
  devices = command.devices.map((plan, place) => {
    const name = `${plan.fleet}/${plan.device}`
    const connection = new LoadConnection(name, contextOf(command, place, name))
    return loadDevice(connection, plan, command.gateway)
  })
  // From the start: the first must not be taken for gone before the last has logged in.
  setInterval(() => {
    for (const { connection } of devices) connection.ping()
  }, PING_PERIOD_MS)
  await forAll(devices, LOGINS_AT_ONCE, async (device) => {
    device.connection.open(port)
    device.connection.onLost = ({ name }) => {
      fail(new Error(`${name}: the server closed the connection`))
    }
    await logIn(device, command.listen)
  })
}

/** Made before the clock starts: a real device has made its own long ago. */
function contextOf({ tls }: ConnectCommand, place: number, name: string) {
  if (!tls) return undefined
  const cert = tls.certificates[place]
  return createSecureContext({
    ca: tls.authority,
    key: keyPem(benchKey(name)),
    ...(cert && { cert }),
  })
}

function connections(): readonly LoadConnection[] {
  return devices.map(({ connection }) => connection)
}

function downs(): Record<string, number> {
  const sums: Record<string, number> = {}
  for (const device of devices) {
    for (const [name, count] of Object.entries(device.downs)) sums[name] = (sums[name] ?? 0) + count
  }
  return sums
}

let asked = 0

function answer(message: Answer): void {
  process.send?.(message)
}

function fail(error: unknown): void {
  answer({ id: asked, error: error instanceof Error ? error.message : String(error) })
}

process.on('message', ({ id, command }: Question) => {
  asked = id
  perform(command).then((result) => answer({ id, result }), fail)
})
process.on('disconnect', () => process.exit(0))
