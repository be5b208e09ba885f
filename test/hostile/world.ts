/**
 * A real gateway on real sockets, an honest device that ticks steadily beside, and a hostile
 * one that sends whatever a test makes of it.
 * @module
 */

import { setTimeout } from 'node:timers/promises'
import { nodeClock } from '../../ports/io/node.ts'
import { formatPublicKey } from '../../ports/keyText.ts'
import { present } from '../../protocol/assert.ts'
import { parseHex } from '../../protocol/bytes.ts'
import type { PrivateKey } from '../../protocol/keys.ts'
import { publicKeyOf } from '../../protocol/keys.ts'
import { HASH_BUDGET_PER_SECOND } from '../../protocol/limits.ts'
import type { Mandate } from '../../protocol/structures.ts'
import type { Session, SessionOptions } from '../support/deviceSession.ts'
import { connectSession, loginSession } from '../support/deviceSession.ts'
import type { GatewayProcess } from '../support/gatewayProcess.ts'
import { startGatewayProcess } from '../support/gatewayProcess.ts'
import { mandateHex } from '../support/mandateHex.ts'
import type { DeviceIdentity, Received } from '../support/scriptedDevice.ts'
import { connectToken } from '../support/scriptedDevice.ts'
import { signerKey, testKey, testTariff } from '../support/virtualGateway.ts'

const daySeconds = 86_400

export type HostileWorld = {
  readonly gateway: GatewayProcess
  readonly honest: Honest
  readonly nowSeconds: () => number
  /** Moves the wall clock of everybody; the honest device rests until it is right again. */
  readonly skew: (ms: number) => Promise<void>
  /** Enrols a device; its channels get mandates unless `mandate` is null. */
  readonly enrol: (name: string, options?: EnrolOptions) => Promise<Enrolled>
  /** Connects and is greeted. */
  readonly login: (enrolled: Enrolled) => Promise<Session>
  /** Connects and says nothing. */
  readonly connect: (enrolled: Enrolled) => Promise<Session>
  /** A fresh password of a device. */
  readonly token: (enrolled: Enrolled) => Uint8Array
  /** One that was signed an hour ago. */
  readonly staleToken: (enrolled: Enrolled) => Uint8Array
  readonly stop: () => Promise<void>
}

export type EnrolOptions = {
  readonly fleet?: string
  readonly meters?: number
  readonly mandate?: Partial<Mandate> | null
}

export type Enrolled = {
  readonly identity: DeviceIdentity
  readonly channelIds: readonly Uint8Array[]
  /** Numbers of the channels at the gateway. */
  readonly numbers: readonly number[]
}

const config = {
  payee: 'acme-energy',
  asset: { code: 'EUR', scale: 6 },
  tariffs: [{ unit: 'Wh', unitsPerTick: '10', pricePerTick: '300' }],
  limits: { messagesPerSecond: 1_000, messagesBurst: 2_000 },
  settlement: { periodSeconds: 3_600 },
}

/** The tariff of `config` as it is signed. */
export const tariff = testTariff({ validUntil: Date.UTC(2100, 0, 1) / 1_000 })

type State = {
  readonly gateway: GatewayProcess
  skewMs: number
  devices: number
  nonces: number
}

export async function startHostileWorld(): Promise<HostileWorld> {
  const gateway = await startGatewayProcess(config)
  const state: State = { gateway, skewMs: 0, devices: 0, nonces: 0 }
  await addFleet(gateway, 'acme', 10n ** 15n)
  await addFleet(gateway, 'poor', 100n * 300n)
  const honest = await startHonest(state)
  return {
    gateway,
    honest,
    nowSeconds: () => nowSeconds(state),
    skew: async (ms) => {
      if (ms !== 0) await honest.pause()
      await gateway.skew(ms)
      state.skewMs = ms
      if (ms === 0) honest.resume()
    },
    enrol: (name, options) => enrol(state, name, options),
    login: (enrolled) => loginSession(sessionOptions(state, enrolled)),
    connect: (enrolled) => connectSession(sessionOptions(state, enrolled)),
    token: ({ identity }) => connectToken(identity, nowSeconds(state), nextNonce(state)),
    staleToken: ({ identity }) =>
      connectToken(identity, nowSeconds(state) - 3_600, nextNonce(state)),
    stop: async () => {
      await honest.stop()
      await gateway.stop()
    },
  }
}

function nowSeconds(state: State): number {
  return Math.floor((nodeClock.nowMs() + state.skewMs) / 1_000)
}

function nextNonce(state: State): Uint8Array {
  const nonce = new Uint8Array(32)
  new DataView(nonce.buffer).setUint32(0, ++state.nonces)
  return nonce
}

async function addFleet(gateway: GatewayProcess, fleet: string, amount: bigint): Promise<void> {
  const key = formatPublicKey(publicKeyOf(signerKey))
  await gateway.call('enrol_fleet', { fleet, signerKey: key })
  await gateway.call('ledger_fund', { fleet, amount: amount.toString() })
}

async function enrol(state: State, device: string, options: EnrolOptions = {}): Promise<Enrolled> {
  const { fleet = 'acme', meters = 1, mandate = {} } = options
  const { gateway } = state
  const key: PrivateKey = testKey('p256', 30 + state.devices++)
  const publicKey = formatPublicKey(publicKeyOf(key))
  const list = Array.from({ length: meters }, (_, at) => ({ meter: `m-${at}`, unit: 'Wh' }))
  const answer = await gateway.call('enrol_device', { fleet, device, publicKey, meters: list })
  const { channels } = answer as { channels: { channelId: string }[] }
  const channelIds = channels.map(({ channelId }) => present(parseHex(channelId), 'hex'))
  if (mandate !== null) {
    const mandates = channelIds.map((id) => signMandate(state, id, mandate))
    await gateway.call('mandate_put', { mandates })
  }
  const all = (await gateway.call('channels')) as { channelId: string }[]
  const numbers = channels.map(({ channelId }) =>
    all.findIndex((one) => one.channelId === channelId),
  )
  const { domain } = gateway
  const rootSecret = new Uint8Array(32).fill(state.devices)
  const identity = { fleet, device, gateway: 'gw-1', domain, key, rootSecret }
  return { identity, channelIds, numbers }
}

function signMandate(state: State, channelId: Uint8Array, change: Partial<Mandate>): string {
  const { domain } = state.gateway
  const signer = { domain, key: signerKey, nowSeconds: nowSeconds(state) }
  return mandateHex(signer, { channelId, limit: 10n ** 12n, ...change })
}

function sessionOptions(state: State, { identity, channelIds }: Enrolled): SessionOptions {
  const { port } = state.gateway
  const clock = { ...nodeClock, nowMs: () => nodeClock.nowMs() + state.skewMs }
  return { identity, channelIds, port, tariff, clock, nonce: nextNonce(state) }
}

export type Honest = {
  /** Ticks that were acknowledged. */
  readonly ticks: () => number
  /** From a tick to its acknowledgement, at worst. */
  readonly slowestMs: () => number
  readonly received: Received
  /** Resolves when what was under way is acknowledged. */
  readonly pause: () => Promise<void>
  readonly resume: () => void
  /** Throws what went wrong, if something did. */
  readonly stop: () => Promise<void>
}

/** Half of what the hash budget of a channel sustains, so that a fast machine refuses nothing. */
const HONEST_TICK_EVERY_MS = 2_000 / HASH_BUDGET_PER_SECOND

/** Ticks at the pace of a busy meter, each after the one before is acknowledged. */
async function startHonest(state: State): Promise<Honest> {
  const expiry = nowSeconds(state) + 25 * daySeconds
  const enrolled = await enrol(state, 'honest', { mandate: { expiry } })
  const session = await loginSession(sessionOptions(state, enrolled))
  const committed = await session.commit({ length: 65_536, expiry })
  let ticks = 0
  let slowestMs = 0
  let resting = false
  const run = async () => {
    while (!resting && ticks < 65_536) {
      const startMs = performance.now()
      await session.tick(committed, ticks + 1)
      ticks += 1
      slowestMs = Math.max(slowestMs, performance.now() - startMs)
      await setTimeout(HONEST_TICK_EVERY_MS)
    }
  }
  let running = Promise.resolve()
  const resume = () => {
    resting = false
    running = run()
    running.catch(() => {})
  }
  const pause = () => {
    resting = true
    return running
  }
  resume()
  return {
    ticks: () => ticks,
    slowestMs: () => slowestMs,
    received: session.received,
    pause,
    resume,
    stop: async () => {
      await pause()
      await session.transport.close()
    },
  }
}
