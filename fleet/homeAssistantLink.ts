/**
 * Keeps Home Assistant told: a connection to the person's own broker, beside the one to the
 * gateway, whose access rule stays as closed as it is. What is missed is told after a reconnect.
 * @module
 */
import type { Cancel, Connector, Ports, Transport } from '../ports/index.ts'
import { utf8ToBytes } from '../protocol/bytes.ts'
import {
  availabilityTopic,
  bridgeTopic,
  discoveryOf,
  discoveryTopic,
  stateTopic,
  switchedDevice,
  switchTopic,
  valuesOf,
} from './homeAssistant.ts'
import type { DeviceReport } from './reports.ts'

const RETRY_MS = 5_000
const KEEPALIVE_SECONDS = 30
const RETAINED = { retain: true } as const

export type HomeAssistantOptions = {
  readonly fleet: string
  /** Where Home Assistant looks for devices: `homeassistant`. */
  readonly prefix: string
  readonly version: string
  readonly connector: Connector
  /** Somebody has moved a switch. */
  readonly onSwitch: (device: string, verb: 'pause' | 'resume') => void
}

export type HomeAssistantLink = {
  /** undefined: the device is gone, and so is all that was told of it. */
  readonly take: (device: string, report: DeviceReport | undefined) => void
  readonly stop: () => Promise<void>
}

type Link = {
  readonly options: HomeAssistantOptions
  readonly ports: Ports
  readonly devices: Map<string, DeviceReport>
  /** What was told last on each topic; said again only when it differs. */
  readonly told: Map<string, string>
  transport: Transport | undefined
  cancelRetry: Cancel
  isStopped: boolean
}

/** Starts at once; never throws and never gives up. */
export function startHomeAssistant(options: HomeAssistantOptions, ports: Ports): HomeAssistantLink {
  const link: Link = {
    options,
    ports,
    devices: new Map(),
    told: new Map(),
    transport: undefined,
    cancelRetry: () => {},
    isStopped: false,
  }
  void connect(link)
  return {
    take: (device, report) => {
      if (report) link.devices.set(device, report)
      else link.devices.delete(device)
      tellDevice(link, device, report)
    },
    stop: async () => {
      link.isStopped = true
      link.cancelRetry()
      const farewell = link.transport?.publish(
        bridgeTopic(options.fleet),
        utf8ToBytes('offline'),
        RETAINED,
      )
      await farewell?.catch(() => undefined)
      await link.transport?.close()
    },
  }
}

async function connect(link: Link): Promise<void> {
  const { options, ports } = link
  const topic = bridgeTopic(options.fleet)
  try {
    const transport = await options.connector({
      clientId: `tickpay-home-${options.fleet}`,
      username: '',
      password: new Uint8Array(0),
      keepaliveSeconds: KEEPALIVE_SECONDS,
      will: { topic, payload: utf8ToBytes('offline'), retain: true },
    })
    if (link.isStopped) return await transport.close()
    link.transport = transport
    transport.onClose(() => retry(link, 'the connection ended'))
    transport.onMessage((at, payload) => receive(link, at, payload))
    await transport.subscribe([switchTopic(options.fleet, '+'), `${options.prefix}/status`])
    tellAll(link)
    ports.log('info', 'Home Assistant is told', { fleet: options.fleet })
  } catch (error) {
    retry(link, error instanceof Error ? error.message : String(error))
  }
}

function retry(link: Link, reason: string): void {
  link.transport = undefined
  if (link.isStopped) return
  link.ports.log('warn', `Home Assistant cannot be told: ${reason}`, { retryInMs: RETRY_MS })
  link.cancelRetry()
  link.cancelRetry = link.ports.timers.after(RETRY_MS, () => void connect(link))
}

function receive(link: Link, topic: string, payload: Uint8Array): void {
  const text = new TextDecoder().decode(payload)
  if (topic === `${link.options.prefix}/status`) {
    if (text === 'online') tellAll(link)
    return
  }
  const device = switchedDevice(link.options.fleet, topic)
  if (device === undefined || !link.devices.has(device)) return
  if (text === 'ON' || text === 'OFF') {
    link.options.onSwitch(device, text === 'ON' ? 'resume' : 'pause')
  }
}

function tellAll(link: Link): void {
  link.told.clear()
  tell(link, bridgeTopic(link.options.fleet), 'online')
  for (const [device, report] of link.devices) tellDevice(link, device, report)
}

function tellDevice(link: Link, device: string, report: DeviceReport | undefined): void {
  const { fleet, prefix, version } = link.options
  const config = report ? JSON.stringify(discoveryOf(fleet, report, version)) : ''
  tell(link, discoveryTopic(prefix, fleet, device), config)
  tell(link, stateTopic(fleet, device), report ? JSON.stringify(valuesOf(report)) : '')
  const available = report?.online ? 'online' : 'offline'
  tell(link, availabilityTopic(fleet, device), report ? available : '')
}

function tell(link: Link, topic: string, text: string): void {
  if (!link.transport || link.told.get(topic) === text) return
  link.told.set(topic, text)
  // What was not taken is told again by the next connection.
  link.transport.publish(topic, utf8ToBytes(text), RETAINED).catch(() => undefined)
}
