/**
 * How clients reach a gateway: through the broker inside it, or through an external one.
 * @module
 */
import type { Ports } from '../../ports/index.ts'
import { mayAccess } from '../../protocol/access.ts'
import { openBridge } from '../bridge/io/openBridge.ts'
import type { Broker } from '../broker/broker.ts'
import { createBroker } from '../broker/io/embeddedBroker.ts'
import type { GatewaySettings } from '../config.ts'
import type { ClientLink } from '../core.ts'
import { isRevoked } from '../enrolment.ts'
import type { Gateway } from '../gateway.ts'
import type { DoorFigures } from '../http/readiness.ts'

export type ClientDoor = {
  /** Usable at once: what is published before the door opens is not lost. */
  readonly link: ClientLink
  /** Prepares for clients of `gateway`. */
  readonly prepare: (gateway: Gateway) => Promise<void>
  /**
   * Lets clients in; returns the ports that are listened on.
   * @throws OperatorError when a listener cannot be opened
   */
  readonly open: () => Promise<readonly number[]>
  readonly figures: () => DoorFigures
  /** Sends what was published, and lets nobody in any more. */
  readonly close: () => Promise<void>
}

/** @throws OperatorError when a file that the configuration names cannot be read */
export async function createDoor(settings: GatewaySettings, ports: Ports): Promise<ClientDoor> {
  return settings.broker ? attachedDoor(settings, settings.broker, ports) : ownDoor(settings, ports)
}

function ownDoor(settings: GatewaySettings, ports: Ports): ClientDoor {
  let broker: Broker | undefined
  let isOpen = false
  // What the gateway says before its broker is there: mostly what is retained about itself.
  const early: ((broker: Broker) => void)[] = []
  const tell = (act: (broker: Broker) => void) => {
    if (broker) act(broker)
    else early.push(act)
  }
  const link: ClientLink = {
    publish: (...message) => tell((one) => one.publish(...message)),
    offer: (...message) => tell((one) => one.offer(...message)),
    disconnect: (sessionId, reason) => broker?.disconnect(sessionId, reason),
    disconnectReader: (fleet, name) => {
      for (const { id, identity } of broker?.sessions() ?? []) {
        const same = identity.kind === 'reader' && identity.fleet === fleet
        if (same && identity.name === name) broker?.disconnect(id, 'the credential was removed')
      }
    },
  }
  return {
    link,
    prepare: async (gateway) => {
      const handlers = { ...gateway, mayAccess }
      const { messagesPerSecond, messagesBurst, inFlight: inFlightMax } = settings.limits
      const limits = { messagesPerSecond, messagesBurst, inFlightMax }
      broker = await createBroker({ ports, handlers, limits })
      for (const act of early.splice(0)) act(broker)
    },
    open: async () => {
      const listening = (await broker?.listen(settings.listeners)) ?? []
      isOpen = true
      return listening
    },
    figures: () => ownFigures(broker, isOpen),
    close: async () => {
      isOpen = false
      await broker?.close()
    },
  }
}

function ownFigures(broker: Broker | undefined, open: boolean): DoorFigures {
  const reason = open ? 'listening' : 'not listening yet'
  const counters = broker?.counters()
  if (!counters) return { open, reason, connections: 0 }
  const { connections, connectsAccepted: accepted, refused, closed } = counters
  return { open, reason, connections, logins: { accepted, refused, closed } }
}

/** What the connection to an external broker says of itself. */
function attachedFigures({ report }: ClientLink): DoorFigures {
  const { state, reason, connections } = report?.() ?? {}
  const open = state === 'online'
  const why = typeof reason === 'string' ? `: ${reason}` : ''
  const text = open ? 'connected to the broker' : `not connected to the broker${why}`
  return { open, reason: text, connections: typeof connections === 'number' ? connections : 0 }
}

async function attachedDoor(
  settings: GatewaySettings,
  broker: NonNullable<GatewaySettings['broker']>,
  ports: Ports,
): Promise<ClientDoor> {
  const { messagesPerSecond, messagesBurst } = settings.limits
  const rates = { messagesPerSecond, messagesBurst }
  const bridge = await openBridge(broker, settings.gateway, rates, ports)
  let start = () => {}
  return {
    link: bridge.link,
    prepare: async (gateway) => {
      const { state } = gateway.core
      start = () =>
        bridge.start({
          ...gateway,
          isEnrolled: (fleet, device) =>
            state.cold.device(fleet, device) !== undefined &&
            !isRevoked(gateway.core, fleet, device),
          isFleet: (fleet) => state.fleets.has(fleet),
        })
    },
    open: async () => {
      start()
      return []
    },
    figures: () => attachedFigures(bridge.link),
    close: bridge.close,
  }
}
