/**
 * The second implementation as a running device: its events, and commands to it.
 * @module
 */
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { isDeepStrictEqual } from 'node:util'
import { until } from '../support/until.ts'
import { spawnDevice } from './python.ts'

/** A line that device.py printed. */
export type DeviceEvent = { readonly event: string; readonly [field: string]: unknown }

export type DeviceProcess = {
  /** Everything it said, in order. */
  readonly events: readonly DeviceEvent[]
  /** What it wrote to standard error. */
  readonly errors: () => string
  /** The first event of that name with these fields that nobody waited for yet. */
  readonly see: (name: string, fields?: Readonly<Record<string, unknown>>) => Promise<DeviceEvent>
  readonly command: (command: Readonly<Record<string, unknown>>) => void
  /** Ends it without a word, as a loss of power does. */
  readonly kill: () => Promise<void>
}

/** Starts a device from its configuration file. */
export function startDevice(config: string): DeviceProcess {
  const child = spawnDevice(config)
  const events: DeviceEvent[] = []
  let errors = ''
  let from = 0
  createInterface({ input: child.stdout }).on('line', (line) => events.push(JSON.parse(line)))
  child.stderr.on('data', (chunk) => {
    errors += chunk
  })
  let ended = false
  child.on('exit', () => {
    ended = true
  })
  const find = (name: string, fields: Readonly<Record<string, unknown>>) => {
    const matches = (one: DeviceEvent) =>
      one.event === name &&
      Object.keys(fields).every((field) => isDeepStrictEqual(one[field], fields[field]))
    const place = events.findIndex((one, index) => index >= from && matches(one))
    if (place < 0 && ended) throw new Error('it has ended')
    if (place < 0) return undefined
    from = place + 1
    return events[place]
  }
  return {
    events,
    errors: () => errors,
    see: async (name, fields = {}) => {
      const wanted = `the device says ${name} ${JSON.stringify(fields)}`
      try {
        return await until(wanted, () => find(name, fields))
      } catch (error) {
        throw new Error(`${error}; it said ${JSON.stringify(events.slice(from))} ${errors}`)
      }
    },
    command: (command) => child.stdin.write(`${JSON.stringify(command)}\n`),
    kill: async () => {
      if (child.exitCode !== null || child.signalCode !== null) return
      const gone = once(child, 'exit')
      child.kill('SIGKILL')
      await gone
    },
  }
}
