/**
 * A scripted device at a real gateway: logs in, commits, ticks, and waits for the answers.
 * @module
 */
import type { Clock } from '../../ports/index.ts'
import { mqttConnector } from '../../ports/io/mqttConnector.ts'
import { present } from '../../protocol/assert.ts'
import { encodeCommit } from '../../protocol/messages.ts'
import type { Commitment, Signed, Tariff } from '../../protocol/structures.ts'
import type {
  CommitmentStart,
  Committed,
  DeviceIdentity,
  Received,
  ScriptedDevice,
} from './scriptedDevice.ts'
import { commit, connectDevice, emptyHello, tickOf } from './scriptedDevice.ts'

export type Session = ScriptedDevice & {
  /** Resolves when `look` says so after something arrived; rejects when the connection ends. */
  readonly until: <T>(look: (received: Received) => T | undefined | false) => Promise<T>
  readonly closed: Promise<void>
  readonly commitment: (change?: Partial<CommitmentStart>, slot?: number) => Committed
  /** Sends a commitment and waits until it is accepted. */
  readonly commit: (change?: Partial<CommitmentStart>, slot?: number) => Promise<Committed>
  readonly sendCommitment: (signed: Signed<Commitment>, slot?: number) => void
  /** Shows a word and waits for its acknowledgement. */
  readonly tick: (committed: Committed, index: number, slot?: number) => Promise<void>
}

export type SessionOptions = {
  readonly identity: DeviceIdentity
  /** Channels of the device by slot. */
  readonly channelIds: readonly Uint8Array[]
  readonly port: number
  readonly tariff: Tariff
  readonly clock: Clock
  /** 32 bytes, new for each session. */
  readonly nonce: Uint8Array
}

/** Connects and is greeted. */
export async function loginSession(options: SessionOptions): Promise<Session> {
  const session = await connectSession(options)
  session.send('hello', emptyHello).catch(() => {})
  const { length } = options.channelIds
  await session.until(({ welcomes, slots }) => welcomes.length > 0 && slots.length >= length)
  return session
}

/** Connects and says nothing. */
export async function connectSession(options: SessionOptions): Promise<Session> {
  const { identity, channelIds, port, tariff, clock, nonce } = options
  const device = await connectDevice(
    identity,
    mqttConnector(`mqtt://127.0.0.1:${port}`),
    clock,
    nonce,
  )
  const { transport, received } = device
  const closed = new Promise<void>((resolve) => transport.onClose(resolve))
  const until = watcher(device)
  const commitment: Session['commitment'] = (change = {}, slot = 0) => {
    const channelId = present(channelIds[slot], 'a channel for this slot')
    const nowSeconds = Math.floor(clock.nowMs() / 1_000)
    return commit(identity, { channelId, tariff, nowSeconds, ...change })
  }
  const sendCommitment: Session['sendCommitment'] = (signed, slot = 0) => {
    const payload = encodeCommit({ slot, commitment: signed })
    device.send(signed.value.epoch === 1 ? 'open' : 'commit', payload).catch(() => {})
  }
  return {
    ...device,
    until,
    closed,
    commitment,
    sendCommitment,
    commit: async (change, slot) => {
      const committed = commitment(change, slot)
      const before = received.accepts.length
      sendCommitment(committed.commitment, slot)
      await until(({ accepts }) => accepts.length > before)
      return committed
    },
    tick: async (committed, index, slot = 0) => {
      const { epoch } = committed.commitment.value
      device.sendTicks(tickOf(committed, index, slot)).catch(() => {})
      await until(({ acks }) =>
        acks
          .at(-1)
          ?.entries.some((one) => one.slot === slot && one.epoch === epoch && one.index >= index),
      )
    },
  }
}

function watcher({ transport, received }: ScriptedDevice): Session['until'] {
  const asking = new Set<() => void>()
  const askAll = () => {
    for (const ask of asking) ask()
  }
  transport.onMessage(askAll)
  transport.onClose(askAll)
  return (look) =>
    new Promise((resolve, reject) => {
      const ask = () => {
        const seen = look(received)
        if (seen === undefined || seen === false) {
          if (received.closed) reject(new Error('the connection was closed'))
          return
        }
        asking.delete(ask)
        resolve(seen)
      }
      asking.add(ask)
      ask()
    })
}
