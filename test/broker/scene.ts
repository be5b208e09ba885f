/**
 * A broker for each test of a file, closed after it, and clients that subscribe or wait, in as few
 * words as a test can have.
 */
import { afterEach } from 'vitest'
import { present } from '../../protocol/assert.ts'
import type { RawClient } from './rawClient.ts'
import { packet, readPublish, subscribePacket, types } from './rawClient.ts'
import type { World, WorldOptions } from './world.ts'
import { startWorld } from './world.ts'

/** How a message goes out that nobody keeps and none replaces. */
export const plain = { retain: false }

/** To be called once, at the top of a test file. */
export function brokerScene() {
  let started: World | undefined
  afterEach(() => started?.close())

  /** The world that the test has started. */
  const world = () => present(started, 'a started world')

  async function start(options: WorldOptions = {}): Promise<World> {
    started = await startWorld(options)
    return started
  }

  async function subscribed(username: string, filters: readonly string[], qos = 1) {
    const client = await world().login({ username, clientId: username })
    client.send(subscribePacket(1, filters, qos))
    const suback = await client.next(types.suback)
    return { client, granted: [...suback.body.subarray(2)] }
  }

  const device = () => subscribed('solar/pi1', ['tickpay/1/solar/pi1/down/+'])

  /** Another client's login and ping: the broker had time for whatever it was about to do. */
  async function roundTrip(): Promise<void> {
    const other = await world().login({ username: 'other/round-trip' })
    other.socket.destroy()
  }

  return { start, world, subscribed, device, roundTrip }
}

/** The id of the message that the next PUBACK acknowledges. */
export async function messageId(client: RawClient): Promise<number> {
  return (await client.next(types.puback)).body.readUInt16BE(0)
}

/** Everything the broker had to say until now has arrived when the answer to a ping has. */
export async function drainedBy(client: RawClient) {
  client.send(packet(0xc0))
  await client.next(types.pingresp)
  return client
    .waiting()
    .filter(({ type }) => type === types.publish)
    .map(readPublish)
}
