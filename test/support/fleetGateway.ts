/**
 * The gateway as a fleet's service meets it: logins, device reports, mandates. It judges with the
 * same rules as the real one and can go away, be slow, lose answers and insist on the time.
 */

import type { Clock, ConnectOptions, Connector, Timers, Transport } from '../../ports/index.ts'
import { present } from '../../protocol/assert.ts'
import { bytesToHex, parseHex } from '../../protocol/bytes.ts'
import { decodeCbor } from '../../protocol/cbor.ts'
import { checkConnect } from '../../protocol/connect.ts'
import {
  type PublicKey,
  privateKeyFrom,
  publicKeyOf,
  signDigest,
  verifyDigest,
} from '../../protocol/keys.ts'
import { checkMandate } from '../../protocol/mandateRules.ts'
import { encodeTime } from '../../protocol/messages.ts'
import {
  digestOf,
  type Mandate,
  mandateStructure,
  signedFromWire,
  timeStructure,
} from '../../protocol/structures.ts'

export const testDomain = { chainId: 0n, verifyingContract: new Uint8Array(20).fill(7) }
export const signerKey = present(privateKeyFrom('p256', new Uint8Array(32).fill(3)), 'key')
export const gatewayKey = present(privateKeyFrom('p256', new Uint8Array(32).fill(4)), 'key')

export type FakeChannel = {
  readonly device: string
  readonly channelId: string
  paid: bigint
  closed: boolean
  mandate: Mandate | undefined
  asset: { code: string; scale: number }
}

export type FleetGateway = {
  readonly connector: Connector
  readonly channels: Map<string, FakeChannel>
  /** Every mandate that arrived, in order, repetitions included. */
  readonly received: Mandate[]
  readonly logins: string[]
  isAway: boolean
  losesAnswers: boolean
  refuses: string | undefined
  /** Publishes the report of a channel's device again. */
  readonly report: (channel: FakeChannel) => void
  readonly drop: () => void
  readonly send: (topic: string, payload: Uint8Array) => void
}

export function fakeChannel(device: string): FakeChannel {
  const channelId = bytesToHex(new TextEncoder().encode(device.padEnd(32, '.')))
  const asset = { code: 'EUR', scale: 6 }
  return { device, channelId, paid: 0n, closed: false, mandate: undefined, asset }
}

/** What the gateway publishes, retained, about the device of `channel`. */
export function reportOf(channel: FakeChannel): Uint8Array {
  const { mandate } = channel
  const figures = { startReading: '0', unitsPaid: '0', register: null, reserved: '0' }
  const one = {
    fleet: 'acme',
    device: channel.device,
    slot: 0,
    channelId: channel.channelId,
    meter: 'main',
    unit: 'Wh',
    asset: channel.asset,
    epoch: 1,
    index: 0,
    ...figures,
    paid: `${channel.paid}`,
    settled: '0',
    exposure: `${channel.paid}`,
    creditUnits: '16',
    supply: 'on',
    reason: 'ok',
    mandate: mandate
      ? {
          sequence: mandate.sequence,
          limit: `${mandate.limit}`,
          limitPerDay: `${mandate.limitPerDay}`,
          expiry: mandate.expiry,
          claimUntil: mandate.claimUntil,
        }
      : null,
    state: channel.closed ? 'closed' : 'open',
  }
  return json({ device: channel.device, online: true, channels: [one] })
}

function json(value: unknown): Uint8Array {
  return new TextEncoder().encode(JSON.stringify(value))
}

type Session = {
  readonly listener: ((topic: string, payload: Uint8Array) => void)[]
  readonly closers: (() => void)[]
  readonly filters: string[]
  stale: { readonly nonce: Uint8Array } | undefined
  open: boolean
}

export function fleetGateway(
  clock: Clock,
  timers: Timers,
  channels: readonly FakeChannel[],
): FleetGateway {
  const used = new Set<string>()
  let session: Session | undefined
  const nowSeconds = () => Math.floor(clock.nowMs() / 1_000)
  const send = (topic: string, payload: Uint8Array) => {
    for (const listener of session?.listener ?? []) listener(topic, payload)
  }
  const report = (channel: FakeChannel) => {
    if (session?.filters.includes('tickpay/1/acme/_/devices/+')) {
      send(`tickpay/1/acme/_/devices/${channel.device}`, reportOf(channel))
    }
  }
  const drop = () => {
    const ending = session
    session = undefined
    if (ending === undefined) return
    ending.open = false
    for (const closer of ending.closers) closer()
  }
  const gateway: FleetGateway = {
    channels: new Map(channels.map((one) => [one.channelId, one])),
    received: [],
    logins: [],
    isAway: false,
    losesAnswers: false,
    refuses: undefined,
    report,
    drop,
    send,
    connector: async (options) => {
      if (gateway.isAway) throw new Error('connection refused')
      const stale = judgeLogin(gateway, options, used, nowSeconds())
      drop()
      const own: Session = { listener: [], closers: [], filters: [], stale, open: true }
      session = own
      return transportOf(gateway, own, timers, nowSeconds)
    },
  }
  return gateway
}

function judgeLogin(
  gateway: FleetGateway,
  options: ConnectOptions,
  used: Set<string>,
  nowSeconds: number,
): Session['stale'] {
  const keyOf = (fleet: string, device: string): PublicKey | undefined =>
    fleet === 'acme' && device === '_' ? publicKeyOf(signerKey) : undefined
  const verdict = checkConnect(
    {
      domain: testDomain,
      gateway: 'gate',
      clientId: options.clientId,
      username: options.username,
      keyOf,
      isNonceUsed: (nonce) => used.has(bytesToHex(nonce)),
      nowSeconds,
    },
    options.password,
    verifyDigest,
  )
  gateway.logins.push(verdict.kind === 'refused' ? verdict.reason : verdict.kind)
  if (verdict.kind === 'refused') throw new Error(verdict.reason)
  used.add(bytesToHex(verdict.connect.nonce))
  return verdict.kind === 'stale_clock' ? { nonce: verdict.connect.nonce } : undefined
}

function transportOf(
  gateway: FleetGateway,
  own: Session,
  timers: Timers,
  nowSeconds: () => number,
): Transport {
  return {
    publish: async (topic, payload) => {
      if (!own.open) throw new Error('closed')
      if (own.stale !== undefined) {
        if (topic === 'tickpay/1/acme/_/up/hello') tellTime(gateway, own.stale.nonce, nowSeconds())
        else gateway.drop()
        return
      }
      if (topic !== 'tickpay/1/acme/_/request/mandate') {
        gateway.drop()
        return
      }
      timers.after(20, () => takeMandates(gateway, own, payload, nowSeconds()))
    },
    subscribe: async (topics) => {
      const { stale } = own
      if (stale !== undefined) {
        if (topics.some((topic) => topic !== 'tickpay/1/acme/_/down/welcome')) {
          throw new Error('not allowed')
        }
        return
      }
      own.filters.push(...topics)
      for (const channel of gateway.channels.values()) gateway.report(channel)
    },
    onMessage: (listener) => own.listener.push(listener),
    onClose: (listener) => own.closers.push(listener),
    close: async () => {
      if (own.open) gateway.drop()
    },
  }
}

function tellTime(gateway: FleetGateway, nonce: Uint8Array, time: number): void {
  const value = { gateway: 'gate', nonce, time }
  const signature = signDigest(gatewayKey, digestOf(testDomain, timeStructure, value))
  gateway.send('tickpay/1/acme/_/down/welcome', encodeTime({ value, signature }))
}

function takeMandates(gateway: FleetGateway, own: Session, payload: Uint8Array, now: number): void {
  const { transaction, mandates } = JSON.parse(new TextDecoder().decode(payload)) as {
    transaction: string
    mandates: string[]
  }
  const data = mandates.map((hex) => takeMandate(gateway, hex, now))
  if (!own.open || gateway.losesAnswers) return
  gateway.send('tickpay/1/acme/_/response/mandate', json({ transaction, status: 'ok', data }))
  for (const { channelId } of data) {
    const channel = gateway.channels.get(channelId)
    if (channel) gateway.report(channel)
  }
}

function takeMandate(gateway: FleetGateway, hex: string, nowSeconds: number) {
  const bytes = present(parseHex(hex), 'hex')
  const wire = present(decodeCbor(bytes), 'cbor')
  const signed = present(signedFromWire(mandateStructure, wire), 'mandate')
  const channelId = bytesToHex(signed.value.channelId)
  const channel = present(gateway.channels.get(channelId), 'a channel that was reported')
  gateway.received.push(signed.value)
  if (gateway.refuses !== undefined) return { channelId, status: gateway.refuses }
  const context = {
    domain: testDomain,
    channelId: signed.value.channelId,
    signerKey: publicKeyOf(signerKey),
    inForce: channel.mandate,
    nowSeconds,
  }
  const status = checkMandate(context, signed, verifyDigest)
  if (status === 'accepted') channel.mandate = signed.value
  return { channelId, status }
}
