/**
 * A scripted device behind a real broker, in as few words as a test can have: what it sends is
 * followed by waiting for the answer.
 */
import { randomBytes } from 'node:crypto'
import type { Connector } from '../../ports/index.ts'
import { nodeClock } from '../../ports/io/node.ts'
import { present } from '../../protocol/assert.ts'
import { parseHex } from '../../protocol/bytes.ts'
import type { AckEntry } from '../../protocol/messages.ts'
import { encodeCommit } from '../../protocol/messages.ts'
import type { Commitment } from '../../protocol/structures.ts'
import type { Committed, ScriptedDevice } from '../support/scriptedDevice.ts'
import { commit, connectDevice, emptyHello, tickOf } from '../support/scriptedDevice.ts'
import { until } from '../support/until.ts'
import type { Mosquitto } from './mosquitto.ts'
import type { Enrolled } from './site.ts'
import { loginAt } from './site.ts'

export type SiteDevice = {
  /** The connection; replaced by `reconnect`. */
  client: ScriptedDevice
  readonly reconnect: () => Promise<void>
  /** Says hello and waits for welcome and slot. */
  readonly hello: () => Promise<void>
  /** Commits and waits for the accept. */
  readonly commit: (change?: Partial<Commitment>) => Promise<Committed>
  /** Shows a word and waits until it is acknowledged; says hello when asked to. */
  readonly tick: (committed: Committed, index: number) => Promise<AckEntry>
  readonly close: () => Promise<void>
}

export async function connectSiteDevice(
  enrolled: Enrolled,
  place: Mosquitto | Connector,
): Promise<SiteDevice> {
  const connector = typeof place === 'function' ? place : await loginAt(place)
  const { identity } = enrolled
  const connect = () =>
    connectDevice(identity, connector, nodeClock, new Uint8Array(randomBytes(32)))
  const device: SiteDevice = {
    client: await connect(),
    reconnect: async () => {
      device.client = await connect()
      await device.hello()
    },
    hello: () => hello(device.client),
    commit: (change) => commitNow(device.client, enrolled, change),
    tick: (committed, index) => tickNow(device.client, committed, index),
    close: () => device.client.transport.close(),
  }
  await device.hello()
  return device
}

async function hello({ received, send }: ScriptedDevice): Promise<void> {
  const before = received.slots.length
  await send('hello', emptyHello)
  await until('a slot after hello', () => received.slots.length > before)
}

async function commitNow(
  { received, send, identity }: ScriptedDevice,
  { channelId }: Enrolled,
  change: Partial<Commitment> = {},
): Promise<Committed> {
  const tariff = present(received.welcomes.at(-1)?.tariffs[0], 'a tariff in the welcome').value
  const committed = commit(identity, {
    channelId: present(parseHex(channelId), 'hex'),
    tariff,
    nowSeconds: Math.floor(nodeClock.nowMs() / 1_000),
    ...change,
  })
  const { commitment } = committed
  const { epoch } = commitment.value
  await send(epoch === 1 ? 'open' : 'commit', encodeCommit({ slot: 0, commitment }))
  await until(`epoch ${epoch} accepted`, () => {
    return received.accepts.some((accept) => accept.epoch === epoch)
  })
  return committed
}

const REPEAT_MS = 500

async function tickNow(
  client: ScriptedDevice,
  committed: Committed,
  index: number,
): Promise<AckEntry> {
  const { received, sendTicks } = client
  const { epoch } = committed.commitment.value
  const acknowledged = () =>
    received.acks
      .flatMap(({ entries }) => entries)
      .findLast((entry) => entry.epoch === epoch && entry.index >= index)
  let answered = received.rejects.length
  let sentMs = Number.NEGATIVE_INFINITY
  return until(`index ${index} acknowledged`, () => {
    const unknown = received.rejects
      .slice(answered)
      .some(({ reason }) => reason === 'unknown_channel')
    answered = received.rejects.length
    if (unknown) void client.send('hello', emptyHello).catch(() => {})
    const nowMs = nodeClock.monotonicMs()
    if (nowMs - sentMs > REPEAT_MS) {
      sentMs = nowMs
      void sendTicks(tickOf(committed, index)).catch(() => {})
    }
    return acknowledged()
  })
}
