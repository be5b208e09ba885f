/**
 * A gateway, a funded fleet and scripted devices on virtual ports, in as few words as a test can
 * have: everything a client does is followed by enough time for the answer.
 */
import type { GatewayConfig } from '../../gateway/config.ts'
import { present } from '../../protocol/assert.ts'
import { clientIdOf } from '../../protocol/connect.ts'
import type { PrivateKey } from '../../protocol/keys.ts'
import type { AckEntry, Mark, Reject } from '../../protocol/messages.ts'
import { encodeCommit, encodeHello } from '../../protocol/messages.ts'
import type { Commitment, Mandate, Signed } from '../../protocol/structures.ts'
import { CHECKPOINT, RENEWAL } from '../../protocol/structures.ts'
import type { Tick } from '../../protocol/tick.ts'
import type {
  CommitmentStart,
  Committed,
  DeviceIdentity,
  ScriptedDevice,
} from './scriptedDevice.ts'
import { commit, connectDevice, tickOf } from './scriptedDevice.ts'
import type { World, WorldOptions } from './virtualGateway.ts'
import {
  enrolTestDevice,
  enrolTestFleet,
  signedMandate,
  testConfig,
  testKey,
  testTariff,
  virtualWorld,
} from './virtualGateway.ts'

/** Longer than a message, its flush and the answer take. */
const ROUND_MS = 50

export type Scene = {
  readonly world: World
  readonly nowSeconds: () => number
  /** Lets messages arrive, be dealt with and be answered. */
  readonly round: () => Promise<void>
  /** Runs something that needs virtual time to finish. */
  readonly during: <T>(work: Promise<T>, ms?: number) => Promise<T>
  readonly call: (verb: string, args?: unknown) => Promise<unknown>
  /** Enrols and connects a device with one channel for each of `units`. */
  readonly device: (name: string, options?: DeviceOptions) => Promise<SceneDevice>
}

export type DeviceOptions = {
  readonly key?: PrivateKey
  readonly units?: readonly string[]
  readonly mandate?: Partial<Mandate>
}

export type SceneDevice = {
  readonly name: string
  readonly identity: DeviceIdentity
  readonly channelIds: readonly Uint8Array[]
  /** The session; replaced by `reconnect`. */
  client: ScriptedDevice
  /** Logs in again, with hello. */
  readonly reconnect: (mark?: Mark) => Promise<void>
  /** A commitment for a slot; a first checkpoint of 100 ticks unless told otherwise. */
  readonly commitment: (change?: Partial<CommitmentStart>, slot?: number) => Committed
  /** Sends a commitment and expects it to be accepted. */
  readonly commit: (change?: Partial<CommitmentStart>, slot?: number) => Promise<Committed>
  readonly sendCommitment: (commitment: Signed<Commitment>, slot?: number) => Promise<void>
  readonly sendTicks: (...ticks: readonly Tick[]) => Promise<void>
  /** Shows the word at `index`. */
  readonly tick: (committed: Committed, index: number, slot?: number) => Promise<void>
  readonly lastAck: (slot?: number) => AckEntry | undefined
  readonly lastReject: () => Reject | undefined
}

export async function openScene(
  config: GatewayConfig = testConfig(),
  options: WorldOptions & { readonly funds?: bigint } = {},
): Promise<Scene> {
  const world = await virtualWorld(config, options)
  await enrolTestFleet(world, options.funds)
  const during: Scene['during'] = async (work, ms = ROUND_MS) => {
    // A rejection is the caller's business, also when it comes while time passes.
    work.catch(() => {})
    await world.time.advance(ms)
    return work
  }
  const scene: Scene = {
    world,
    nowSeconds: () => Math.floor(world.time.clock.nowMs() / 1_000),
    round: () => world.time.advance(ROUND_MS),
    during,
    call: (verb, args = {}) => during(world.gateway.call(verb, args)),
    device: (name, about) => addDevice(scene, name, about),
  }
  return scene
}

let devices = 0

async function addDevice(
  scene: Scene,
  name: string,
  { key = testKey('p256', 30 + (devices++ % 200)), units = ['Wh'], mandate }: DeviceOptions = {},
): Promise<SceneDevice> {
  const { world } = scene
  const meters = units.map((unit, place) => ({ meter: `meter-${place}`, unit }))
  const channelIds = await scene.during(enrolTestDevice(world, name, key, meters, mandate))
  const identity: DeviceIdentity = {
    fleet: 'acme',
    device: name,
    gateway: 'gw-1',
    domain: world.ledger.domain,
    key,
    rootSecret: new Uint8Array(32).fill(9),
  }
  const client = await login(scene, identity)
  const device = sceneDevice(scene, { name, identity, channelIds, client })
  await hello(scene, client, undefined)
  return device
}

let nonces = 0

/** A connection without hello. */
export async function login(scene: Scene, identity: DeviceIdentity): Promise<ScriptedDevice> {
  const nonce = new Uint8Array(32)
  new DataView(nonce.buffer).setUint32(0, ++nonces)
  const { broker, time } = scene.world
  return scene.during(connectDevice(identity, broker.connect, time.clock, nonce))
}

async function hello(scene: Scene, client: ScriptedDevice, mark: Mark | undefined): Promise<void> {
  void client.send('hello', encodeHello({ mark, meters: [] })).catch(() => {})
  await scene.round()
}

function sceneDevice(
  scene: Scene,
  about: Pick<SceneDevice, 'name' | 'identity' | 'channelIds' | 'client'>,
): SceneDevice {
  const { identity, channelIds } = about
  const publish = async (sending: Promise<void>) => {
    sending.catch(() => {})
    await scene.round()
  }
  const device: SceneDevice = {
    ...about,
    reconnect: async (mark) => {
      device.client = await login(scene, identity)
      await hello(scene, device.client, mark)
    },
    commitment: (change = {}, slot = 0) =>
      commit(identity, {
        channelId: present(channelIds[slot], 'a channel for this slot'),
        tariff: testTariff(),
        nowSeconds: scene.nowSeconds(),
        ...change,
      }),
    commit: async (change, slot = 0) => {
      const committed = device.commitment(change, slot)
      const before = device.client.received.accepts.length
      await device.sendCommitment(committed.commitment, slot)
      const { accepts } = device.client.received
      if (accepts.length === before) {
        throw new Error(`not accepted: ${device.lastReject()?.reason ?? 'no answer'}`)
      }
      return committed
    },
    sendCommitment: (commitment, slot = 0) => {
      const name = commitment.value.epoch === 1 ? 'open' : 'commit'
      return publish(device.client.send(name, encodeCommit({ slot, commitment })))
    },
    sendTicks: (...ticks) => publish(device.client.sendTicks(...ticks)),
    tick: (committed, index, slot = 0) =>
      publish(device.client.sendTicks(tickOf(committed, index, slot))),
    lastAck: (slot = 0) =>
      device.client.received.acks
        .flatMap(({ entries }) => entries)
        .findLast((entry) => entry.slot === slot),
    lastReject: () => device.client.received.rejects.at(-1),
  }
  return device
}

/** The renewal that follows a commitment. */
export function renewalOf({ commitment }: Committed, change: Partial<Commitment> = {}) {
  const { epoch, base, startReading, length, pricePerTick, unitsPerTick } = commitment.value
  return {
    kind: RENEWAL,
    epoch: epoch + 1,
    base: base + BigInt(length) * pricePerTick,
    startReading: startReading + BigInt(length) * unitsPerTick,
    ...change,
  }
}

/** The checkpoint after `ticks` ticks of a commitment. */
export function checkpointOf({ commitment }: Committed, ticks: number, epoch?: number) {
  const { value } = commitment
  return {
    kind: CHECKPOINT,
    epoch: epoch ?? value.epoch + 1,
    base: value.base + BigInt(ticks) * value.pricePerTick,
    startReading: value.startReading + BigInt(ticks) * value.unitsPerTick,
  }
}

/** A later mandate for a channel. */
export async function putMandate(scene: Scene, channelId: Uint8Array, change: Partial<Mandate>) {
  const mandates = [signedMandate(scene.world, channelId, change)]
  return scene.call('mandate_put', { mandates })
}

/** The session that the gateway has of a device. */
export function sessionOf({ world }: Scene, device: SceneDevice) {
  const { sessions } = world.gateway.core
  return sessions.get(clientIdOf('acme', device.name))
}
