/**
 * The mandates that a fleet keeps alive: what its gateway reported, what was signed and not
 * answered yet, what was refused. One request is under way at a time; it is repeated byte for byte
 * until it is answered, which the gateway takes for the same one.
 * @module
 */
import * as v from 'valibot'
import type { Log } from '../ports/index.ts'
import { bytesToHex } from '../protocol/bytes.ts'
import { encodeCbor } from '../protocol/cbor.ts'
import { digestOf, type Mandate, mandateStructure, signedToWire } from '../protocol/structures.ts'
import type { Domain } from '../protocol/typedData.ts'
import { type Decision, decide, type Policy } from './policy.ts'
import { type DeviceReport, readJson } from './reports.ts'
import { type FleetSigner, signFor } from './signer.ts'

/** Hex of 100 signed mandates stays below half of the packet limit of fleet roles. */
export const MANDATES_PER_REQUEST_MAX = 100
/** Devices of one fleet at one gateway; more belong to a second fleet. */
export const FLEET_DEVICES_MAX = 100_000
/** A refused mandate is tried again after this long: somebody may have put it right. */
export const REFUSED_PAUSE_SECONDS = 600

export type Renewals = {
  readonly policy: Policy
  readonly signerKey: FleetSigner
  readonly domain: Domain
  readonly log: Log
  readonly reports: Map<string, DeviceReport>
  /** The newest mandate that the gateway took from us, by channel. */
  readonly taken: Map<string, Mandate>
  /** Channels that are left alone until then (seconds since 1970). */
  readonly pausedUntil: Map<string, number>
  /** Channels whose trouble has been logged, so that it is said once. */
  readonly complained: Map<string, Decision['kind']>
  underWay: MandateRequest | undefined
  requests: number
}

export type MandateRequest = {
  readonly transaction: string
  readonly mandates: readonly Mandate[]
  readonly payload: Uint8Array
}

export function newRenewals(
  policy: Policy,
  signerKey: FleetSigner,
  domain: Domain,
  log: Log,
): Renewals {
  return {
    policy,
    signerKey,
    domain,
    log,
    reports: new Map(),
    taken: new Map(),
    pausedUntil: new Map(),
    complained: new Map(),
    underWay: undefined,
    requests: 0,
  }
}

/** Takes in what the gateway says of a device; an empty payload means that it is gone. */
export function learn(renewals: Renewals, device: string, report: DeviceReport | undefined): void {
  const { reports, log } = renewals
  if (report === undefined) {
    reports.delete(device)
  } else if (reports.has(device) || reports.size < FLEET_DEVICES_MAX) {
    reports.set(device, report)
  } else {
    log('error', 'too many devices in one fleet, this one is not served', { device })
  }
}

/**
 * The request that should be under way now; the same one until it is answered. Not to be called
 * again before it has ended: a token may take seconds for its signatures.
 */
export async function nextRequest(
  renewals: Renewals,
  nowSeconds: number,
): Promise<MandateRequest | undefined> {
  if (renewals.underWay !== undefined) return renewals.underWay
  const mandates = dueMandates(renewals, nowSeconds)
  if (mandates.length === 0) return undefined
  const transaction = `mandates-${nowSeconds}-${++renewals.requests}`
  const signed: string[] = []
  // One after the other: more than a few at a time would be too many for a token.
  for (const mandate of mandates) signed.push(await signedMandateHex(renewals, mandate))
  const payload = new TextEncoder().encode(JSON.stringify({ transaction, mandates: signed }))
  renewals.underWay = { transaction, mandates, payload }
  return renewals.underWay
}

function signedMandateHex(renewals: Renewals, value: Mandate): Promise<string> {
  return mandateHex(renewals.domain, renewals.signerKey, value)
}

/** Signs a mandate; hex of its CBOR as the verb `mandate_put` takes it. */
export async function mandateHex(
  domain: Domain,
  signerKey: FleetSigner,
  value: Mandate,
): Promise<string> {
  const signature = await signFor(signerKey, digestOf(domain, mandateStructure, value))
  return bytesToHex(encodeCbor(signedToWire(mandateStructure, { value, signature })))
}

function dueMandates(renewals: Renewals, nowSeconds: number): Mandate[] {
  const due: Mandate[] = []
  for (const report of renewals.reports.values()) {
    for (const channel of report.channels) {
      if ((renewals.pausedUntil.get(channel.channelId) ?? 0) > nowSeconds) continue
      const known = renewals.taken.get(channel.channelId)
      const decision = decide(renewals.policy, channel, known, nowSeconds)
      if (decision.kind === 'sign') due.push(decision.mandate)
      complain(renewals, channel.device, channel.channelId, decision.kind)
      if (due.length === MANDATES_PER_REQUEST_MAX) return due
    }
  }
  return due
}

function complain(
  renewals: Renewals,
  device: string,
  channelId: string,
  kind: Decision['kind'],
): void {
  const { complained, log } = renewals
  if (complained.get(channelId) === kind) return
  complained.set(channelId, kind)
  if (kind === 'not_allowed') log('warn', 'the policy allows this device nothing', { device })
  if (kind === 'wrong_asset') {
    log('warn', 'the limits of the policy do not fit the asset of this channel', { device })
  }
}

const answerSchema = v.object({
  transaction: v.string(),
  status: v.string(),
  data: v.optional(v.array(v.object({ channelId: v.string(), status: v.string() }))),
  error: v.optional(v.string()),
})

/** Takes in an answer; true when it is the one that was waited for. */
export function answered(renewals: Renewals, payload: Uint8Array, nowSeconds: number): boolean {
  const parsed = v.safeParse(answerSchema, readJson(payload))
  const { underWay, log } = renewals
  if (!parsed.success || underWay === undefined) return false
  const { transaction, status, data = [], error = status } = parsed.output
  if (transaction !== underWay.transaction) return false
  renewals.underWay = undefined
  const outcomes = new Map(data.map((one) => [one.channelId.replace(/^0x/, ''), one.status]))
  for (const mandate of underWay.mandates) {
    const channelId = bytesToHex(mandate.channelId)
    settle(renewals, channelId, mandate, outcomes.get(channelId) ?? error, nowSeconds)
  }
  log('info', 'mandates answered', { count: underWay.mandates.length, status })
  return true
}

function settle(
  renewals: Renewals,
  channelId: string,
  mandate: Mandate,
  outcome: string,
  nowSeconds: number,
): void {
  if (outcome === 'accepted' || outcome === 'repeated') {
    renewals.taken.set(channelId, mandate)
    renewals.pausedUntil.delete(channelId)
    return
  }
  renewals.pausedUntil.set(channelId, nowSeconds + REFUSED_PAUSE_SECONDS)
  renewals.log('warn', 'the gateway refused a mandate', { channelId, reason: outcome })
}
