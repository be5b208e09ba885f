/**
 * Enrols a device and signs the mandates of its channels: the steps behind `enrol device`.
 * @module
 */
import { makeMandate } from '../fleet/policy.ts'
import { mandateHex } from '../fleet/renewals.ts'
import type { ChannelReport } from '../fleet/reports.ts'
import { OperatorError } from '../ports/operatorError.ts'
import { parseHex } from '../protocol/bytes.ts'
import { isId } from '../protocol/ids.ts'
import type { PrivateKey } from '../protocol/keys.ts'
import { MANDATE_SECONDS_DEFAULT, MANDATE_UNATTENDED_SECONDS } from '../protocol/limits.ts'
import type { Mandate } from '../protocol/structures.ts'
import type { Domain } from '../protocol/typedData.ts'
import { typedAmount } from './amounts.ts'
import {
  channelsAnswer,
  type DeviceAnswer,
  deviceAnswer,
  mandatesAnswer,
  readAnswer,
} from './answers.ts'
import { RefusedError, UsageError } from './exitCodes.ts'
import type { Calls } from './io/controlClient.ts'

export type MeterSpec = { readonly meter: string; readonly unit: string }

/** What was done; `mandates` is empty when none was to be signed. */
export type Enrolment = {
  readonly answer: DeviceAnswer
  readonly mandates: readonly SignedMandate[]
}

export type SignedMandate = {
  readonly meter: string
  readonly sequence: number
  readonly limit: bigint
  readonly limitPerDay: bigint
  /** Seconds since 1970. */
  readonly expiry: number
  readonly life: MandateLife
  readonly asset: ChannelReport['asset']
}

/** How long mandates last: until the fleet's service renews them, or until a person does. */
export type MandateLife = 'with_service' | 'unattended'

const lifeSeconds: Readonly<Record<MandateLife, number>> = {
  with_service: MANDATE_SECONDS_DEFAULT,
  unattended: MANDATE_UNATTENDED_SECONDS,
}

/** Reads `main:Wh`. */
export function readMeters(typed: readonly string[]): readonly MeterSpec[] {
  if (typed.length === 0) throw new UsageError('--meter METER:UNIT is missing')
  return typed.map((one) => {
    const [meter = '', unit = '', ...rest] = one.split(':')
    if (isId(meter) && unit !== '' && rest.length === 0) return { meter, unit }
    throw new UsageError(`--meter is a name and a unit such as main:Wh, not "${one}"`)
  })
}

export async function enrol(
  calls: Calls,
  device: {
    readonly fleet: string
    readonly device: string
    readonly publicKey: string
    readonly meters: readonly MeterSpec[]
  },
): Promise<DeviceAnswer> {
  return readAnswer(deviceAnswer, await calls.call('enrol_device', device))
}

/**
 * Signs a mandate for every open channel of the device and hands them to the gateway.
 * @throws RefusedError when the gateway refuses one
 */
export async function signFirstMandates(
  calls: Calls,
  answer: DeviceAnswer,
  fleet: string,
  signerKey: PrivateKey,
  terms: { readonly limit: string; readonly limitPerDay: string; readonly life: MandateLife },
): Promise<readonly SignedMandate[]> {
  const known = await calls.call('channels', { fleet, device: answer.device })
  const channels = readAnswer(channelsAnswer, known).filter(({ state }) => state === 'open')
  const domain = domainOf(answer)
  const nowSeconds = Math.floor(Date.now() / 1_000)
  const mandates = channels.map((channel) => {
    const limits = {
      limit: channel.paid + typedAmount(terms.limit, channel.asset),
      limitPerDay: typedAmount(terms.limitPerDay, channel.asset),
    }
    const sequence = (channel.mandate?.sequence ?? 0) + 1
    const life = lifeSeconds[terms.life]
    return { channel, value: makeMandate(channel.channelId, sequence, limits, life, nowSeconds) }
  })
  const signed = await Promise.all(
    mandates.map(({ value }) => mandateHex(domain, signerKey, value)),
  )
  const outcomes = readAnswer(mandatesAnswer, await calls.call('mandate_put', { mandates: signed }))
  const refused = outcomes.find(({ status }) => status !== 'accepted' && status !== 'repeated')
  if (refused !== undefined) {
    const advice = refused.status === 'bad_signature' ? '; is that the signer of the fleet?' : ''
    throw new RefusedError(`the gateway refused the mandate: ${refused.status}${advice}`)
  }
  return mandates.map(({ channel, value }) => summary(channel, value, terms.life))
}

function summary(channel: ChannelReport, value: Mandate, life: MandateLife): SignedMandate {
  const { sequence, limit, limitPerDay, expiry } = value
  return { meter: channel.meter, sequence, limit, limitPerDay, expiry, life, asset: channel.asset }
}

function domainOf({ ledger }: DeviceAnswer): Domain {
  const verifyingContract = parseHex(ledger.contract)
  if (verifyingContract?.length === 20 && /^\d{1,20}$/.test(ledger.chainId)) {
    return { chainId: BigInt(ledger.chainId), verifyingContract }
  }
  throw new OperatorError('the gateway answered no usable ledger id; is it another version?')
}
