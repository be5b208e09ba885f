/**
 * The systems that the gateway is compared with.
 * @module
 */
import { mkdir, writeFile } from 'node:fs/promises'
import { connect } from 'node:net'
import { join } from 'node:path'
import {
  createAsk,
  firstLine,
  freePort,
  programPath,
  type RunningChild,
  startProgram,
  startTold,
} from '../children.ts'
import type { DevicePlan, WindowResult } from '../load/messages.ts'
import { catchUp, type System } from './system.ts'

const START_TIMEOUT_MS = 10_000

/** For what acknowledges a message when it is dealt with. */
export const atPuback = {
  messagesOf: async ({ messages }: WindowResult) => messages,
  caughtUp: async () => {},
} as const

/** What the suite asks a subscriber. */
export type SubscriberQuestion =
  | { readonly ask: 'count' }
  | { readonly ask: 'between'; readonly fromMs: number; readonly toMs: number }

export async function startAedes(devices: readonly DevicePlan[]): Promise<System> {
  const child = startProgram(process.execPath, [programPath('systems/bareAedesProgram')])
  const port = Number(/:(\d+)$/.exec(await firstLine(child))?.[1])
  const stop = () => child.stop('SIGKILL')
  const processes = [{ name: 'aedes', pid: child.pid }]
  return { name: 'aedes', port, processes, devices, gateway: undefined, ...atPuback, stop }
}

export async function startMosquittoAlone(
  folder: string,
  devices: readonly DevicePlan[],
): Promise<System> {
  const { child, port } = await startMosquitto(folder, 'alone')
  const stop = () => child.stop('SIGKILL')
  const processes = [{ name: 'mosquitto', pid: child.pid }]
  return { name: 'mosquitto', port, processes, devices, gateway: undefined, ...atPuback, stop }
}

/** A message counts when the subscriber has it: what its broker has acknowledged may still wait. */
export async function startMosquittoSubscriber(
  folder: string,
  devices: readonly DevicePlan[],
): Promise<System> {
  const { child, port } = await startMosquitto(folder, 'subscriber')
  const subscriber = startTold('systems/subscriberProgram', [`mqtt://127.0.0.1:${port}`])
  await new Promise((resolve) => subscriber.process.once('message', resolve))
  const ask = createAsk<SubscriberQuestion, number>(subscriber)
  return {
    name: 'subscriber',
    port,
    processes: [
      { name: 'mosquitto', pid: child.pid },
      { name: 'subscriber', pid: subscriber.pid },
    ],
    devices,
    gateway: undefined,
    messagesOf: ({ beganAtMs, endedAtMs }) => {
      return ask({ ask: 'between', fromMs: beganAtMs, toMs: endedAtMs })
    },
    caughtUp: (messages) => catchUp(messages, () => ask({ ask: 'count' })),
    stop: async () => {
      await subscriber.stop('SIGKILL')
      await child.stop('SIGKILL')
    },
  }
}

export async function startMosquitto(
  folder: string,
  name: string,
): Promise<{ readonly child: RunningChild; readonly port: number }> {
  const port = await freePort()
  await mkdir(folder, { recursive: true })
  const file = join(folder, `mosquitto-${name}.conf`)
  const lines = [
    `listener ${port} 127.0.0.1`,
    'allow_anonymous true',
    'persistence false',
    'set_tcp_nodelay true',
    'max_inflight_messages 0',
    'max_queued_messages 0',
    'log_type error',
  ]
  await writeFile(file, `${lines.join('\n')}\n`)
  const child = startProgram('mosquitto', ['-c', file])
  await listens(port)
  return { child, port }
}

async function listens(port: number): Promise<void> {
  const deadlineMs = Date.now() + START_TIMEOUT_MS
  while (Date.now() < deadlineMs) {
    const isOpen = await new Promise<boolean>((resolve) => {
      const socket = connect({ port, host: '127.0.0.1' })
      socket.once('connect', () => {
        socket.destroy()
        resolve(true)
      })
      socket.once('error', () => resolve(false))
    })
    if (isOpen) return
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
  throw new Error('Mosquitto does not start: install it (apt install mosquitto)')
}
