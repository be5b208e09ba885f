/**
 * The load generator: a process of its own that plays many devices over raw sockets and does what
 * the suite tells it, one command at a time.
 * @module
 */
import { forAll, LoadConnection } from './connection.ts'
import { type LoadDevice, loadDevice, logIn, prepare } from './device.ts'
import type { Answer, Command, ConnectCommand, Question, WindowResult } from './messages.ts'
import { runClosed, runOpen } from './runs.ts'

/** Well within the broker's limit for connections that have not logged in. */
const LOGINS_AT_ONCE = 64
/** Half of the longest keepalive that a gateway allows, and some. */
const PING_PERIOD_MS = 50_000

let devices: readonly LoadDevice[] = []

async function perform(command: Command): Promise<WindowResult | undefined> {
  switch (command.do) {
    case 'connect':
      await connect(command)
      return undefined
    case 'prepare':
      await forAll(devices, LOGINS_AT_ONCE, (one) => prepare(one, command.messages, command.jump))
      return undefined
    case 'closed':
      return { ...(await runClosed(connections(), command)), downs: downs() }
    case 'open':
      return { ...(await runOpen(connections(), command)), downs: downs() }
    case 'quit':
      process.exit(0)
  }
}

async function connect({ port, devices: plans, gateway, listen }: ConnectCommand): Promise<void> {
  const fresh = plans.map((plan) => ({ plan, device: undefined as LoadDevice | undefined }))
  await forAll(fresh, LOGINS_AT_ONCE, async (one) => {
    const connection = new LoadConnection(`${one.plan.fleet}/${one.plan.device}`, port)
    connection.onLost = ({ name }) => fail(new Error(`${name}: the server closed the connection`))
    one.device = loadDevice(connection, one.plan, gateway)
    await logIn(one.device, listen)
  })
  devices = fresh.map(({ device }) => device).filter((device) => device !== undefined)
  setInterval(() => {
    for (const { connection } of devices) connection.ping()
  }, PING_PERIOD_MS)
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
