/**
 * A bridge on virtual time, a broker of whom the test plays the other end, and a gateway that does
 * what the test says.
 */
import { createBridge } from '../../../../../gateway/bridge/bridge.ts'
import type { BridgeLimits } from '../../../../../gateway/bridge/limits.ts'
import { defaultBridgeLimits } from '../../../../../gateway/bridge/limits.ts'
import type { UnsignedRequest } from '../../../../../gateway/core.ts'
import { seededRandom } from '../../../../support/virtualGateway.ts'
import type { VirtualTime } from '../../../../support/virtualTime.ts'
import { virtualTime } from '../../../../support/virtualTime.ts'
import type { ModelBroker, ModelWire } from './modelBroker.ts'
import { connack, modelBroker, pingresp, suback } from './modelBroker.ts'

export const testLimits: BridgeLimits = {
  ...defaultBridgeLimits,
  messagesPerSecond: 50,
  messagesBurst: 200,
}

const PING_MS = 10_000

export type Taken = {
  readonly who: string
  readonly sessionId: string
  readonly topic: string
  readonly payload: string
  readonly done: () => void
}

export type BridgeScene = {
  readonly time: VirtualTime
  readonly broker: ModelBroker
  readonly bridge: ReturnType<typeof createBridge>
  /** Messages that reached the gateway. */
  readonly taken: Taken[]
  /** `+ id` and `- id` as sessions begin and end. */
  readonly sessions: string[]
  readonly logs: string[]
  /** `fleet/device` of those that are enrolled. */
  readonly enrolled: Set<string>
  /** Answers CONNECT and SUBSCRIBE of the connection that was opened last. */
  readonly goOnline: () => Promise<ModelWire>
  /** Lets time pass, in which the broker answers pings. */
  readonly pass: (ms: number) => Promise<void>
  readonly report: () => Record<string, unknown>
  /** When true, messages wait for their `done`. */
  hold: boolean
}

export type SceneOptions = {
  readonly limits?: Partial<BridgeLimits>
  readonly unsigned?: readonly UnsignedRequest[]
}

export async function openBridgeScene(options: SceneOptions = {}): Promise<BridgeScene> {
  const time = virtualTime(1_750_000_000_000)
  const broker = modelBroker()
  const logs: string[] = []
  const bridge = createBridge({
    ports: {
      clock: time.clock,
      timers: time.timers,
      random: seededRandom(5),
      log: (level, text, fields) => logs.push(`${level} ${text} ${JSON.stringify(fields ?? {})}`),
    },
    gateway: 'gw-1',
    place: 'mqtt://broker:1883',
    username: 'depot',
    password: new Uint8Array([1]),
    open: broker.open,
    limits: { ...testLimits, ...options.limits },
    unsigned: new Set(options.unsigned ?? []),
  })
  const scene: BridgeScene = {
    time,
    broker,
    bridge,
    taken: [],
    sessions: [],
    logs,
    enrolled: new Set(['acme/ev-1', 'acme/ev-2']),
    goOnline: async () => {
      await time.settle()
      const wire = broker.last()
      wire.send(connack())
      wire.send(suback(1, 1, 1))
      await time.settle()
      return wire
    },
    pass: async (ms) => {
      for (let left = ms; left > 0; left -= PING_MS) {
        await time.advance(Math.min(left, PING_MS))
        broker.last().send(pingresp)
      }
    },
    report: () => ({ ...bridge.link.report?.() }),
    hold: false,
  }
  serve(scene)
  return scene
}

function serve(scene: BridgeScene): void {
  const { bridge, enrolled, sessions, taken } = scene
  bridge.start({
    onMessage: (identity, sessionId, topic, payload, done) => {
      const who =
        identity.kind === 'device' ? `${identity.fleet}/${identity.device}` : identity.kind
      taken.push({ who, sessionId, topic, payload: Buffer.from(payload).toString(), done })
      if (!scene.hold) done()
    },
    onConnected: (_, sessionId) => sessions.push(`+ ${sessionId}`),
    onDisconnected: (_, sessionId) => sessions.push(`- ${sessionId}`),
    isEnrolled: (fleet, device) => enrolled.has(`${fleet}/${device}`),
    isFleet: (fleet) => fleet === 'acme',
  })
}

/** A scene whose bridge is online. */
export async function onlineScene(
  options: SceneOptions = {},
): Promise<BridgeScene & { readonly wire: ModelWire }> {
  const scene = await openBridgeScene(options)
  const wire = await scene.goOnline()
  return Object.assign(scene, { wire })
}
