/**
 * Enrols a fleet and its devices at a running gateway through its control socket, as an operator
 * would, and signs a mandate for every channel.
 * @module
 */
import { type DeviceAnswer, deviceAnswer, mandatesAnswer, readAnswer } from '../../cli/answers.ts'
import type { Calls } from '../../cli/io/controlClient.ts'
import { makeMandate } from '../../fleet/policy.ts'
import { payeeAddress } from '../../gateway/config.ts'
import { formatPublicKey } from '../../ports/keyText.ts'
import { present } from '../../protocol/assert.ts'
import { bytesToHex, parseHex } from '../../protocol/bytes.ts'
import { encodeCbor } from '../../protocol/cbor.ts'
import { clientIdOf } from '../../protocol/connect.ts'
import { CREDIT_TICKS_DEFAULT, MANDATE_UNATTENDED_SECONDS } from '../../protocol/limits.ts'
import {
  digestOf,
  mandateStructure,
  signedToWire,
  tariffStructure,
} from '../../protocol/structures.ts'
import type { Domain } from '../../protocol/typedData.ts'
import { forAll } from '../load/connection.ts'
import { fleetKeyName, mandateLimit } from '../load/importPart.ts'
import { benchKey } from '../load/keys.ts'
import type { DevicePlan, GatewayPlan } from '../load/messages.ts'
import { benchAsset, benchGateway, benchTariff } from './gateway.ts'
import { benchFleet, deviceId } from './system.ts'

/** Enough for every epoch that a benchmark commits to. */
const DEPOSIT = 10n ** 15n
/** A request to the control socket is at most 1 MiB; a mandate takes about 400 characters. */
const MANDATES_AT_ONCE = 1_000
/** Requests on their way: while one batch is signed here the gateway checks another. */
const CALLS_AT_ONCE = 4

export type Enrolled = { readonly devices: readonly DevicePlan[]; readonly plan: GatewayPlan }

const fleetKey = benchKey(fleetKeyName)

/** Enrols `devices` devices with `channels` meters each. */
export async function enrol(
  lanes: readonly Calls[],
  devices: number,
  channels: number,
): Promise<Enrolled> {
  const calls = present(lanes[0], 'a gateway is talked to')
  await enrolFleet(calls)
  const answers: DeviceAnswer[] = []
  await forAll([...Array(devices).keys()], lanes.length, async (number) => {
    const lane = lanes[number % lanes.length] ?? calls
    answers[number] = await enrolDevice(lane, deviceId(number), channels)
  })
  await putMandates(calls, answers)
  const domain = domainOf(present(answers[0], 'a benchmark has a device'))
  return { devices: answers.map(planOf), plan: planAt(domain) }
}

/** Enrols the fleet of all benchmarks and gives it a deposit. */
export async function enrolFleet(calls: Calls): Promise<void> {
  const signerKey = formatPublicKey(fleetKey.publicKey)
  await calls.call('enrol_fleet', { fleet: benchFleet, signerKey })
  await calls.call('ledger_fund', { fleet: benchFleet, amount: `${DEPOSIT}` })
}

function enrolDevice(calls: Calls, device: string, channels: number): Promise<DeviceAnswer> {
  const { publicKey } = benchKey(clientIdOf(benchFleet, device))
  const meters = Array.from({ length: channels }, (_, slot) => {
    return { meter: `m-${slot}`, unit: benchTariff.unit }
  })
  return enrolKey(calls, device, formatPublicKey(publicKey), meters)
}

/** Enrols one device under a key of its own. */
export async function enrolKey(
  calls: Calls,
  device: string,
  publicKey: string,
  meters: readonly { readonly meter: string; readonly unit: string }[],
): Promise<DeviceAnswer> {
  const answer = await calls.call('enrol_device', { fleet: benchFleet, device, publicKey, meters })
  return readAnswer(deviceAnswer, answer)
}

function planOf({ device, channels }: DeviceAnswer): DevicePlan {
  const channelIds = channels.map(({ channelId }) => {
    return present(parseHex(channelId), 'a channel id is hex')
  })
  return { fleet: benchFleet, device, channelIds }
}

function domainOf({ ledger }: DeviceAnswer): Domain {
  const verifyingContract = present(parseHex(ledger.contract), 'a contract is hex')
  return { chainId: BigInt(ledger.chainId), verifyingContract }
}

function planAt(domain: Domain): GatewayPlan {
  const { unit, unitsPerTick, pricePerTick } = benchTariff
  const tariff = {
    gateway: benchGateway,
    payee: present(payeeAddress('bench-operator'), 'a payee has an address'),
    unit,
    unitsPerTick,
    pricePerTick,
    assetCode: benchAsset.code,
    assetScale: benchAsset.scale,
    creditTicks: CREDIT_TICKS_DEFAULT,
    validFrom: 0,
    validUntil: Date.UTC(2100, 0, 1) / 1_000,
  }
  const tariffHash = digestOf(domain, tariffStructure, tariff)
  const door = 'embedded' as const
  return { gateway: benchGateway, domain, tariffHash, unitsPerTick, pricePerTick, door }
}

/** Signs and hands in a mandate for every channel of these devices. */
export async function putMandates(calls: Calls, answers: readonly DeviceAnswer[]): Promise<void> {
  const domain = domainOf(present(answers[0], 'a benchmark has a device'))
  const channelIds = answers.flatMap(({ channels }) => channels.map(({ channelId }) => channelId))
  const count = Math.ceil(channelIds.length / MANDATES_AT_ONCE)
  await forAll([...Array(count).keys()], CALLS_AT_ONCE, async (part) => {
    const some = channelIds.slice(part * MANDATES_AT_ONCE, (part + 1) * MANDATES_AT_ONCE)
    const mandates = some.map((channelId) => mandateHex(domain, channelId))
    const outcomes = readAnswer(mandatesAnswer, await calls.call('mandate_put', { mandates }))
    const refused = outcomes.find(({ status }) => status !== 'accepted')
    if (refused) throw new Error(`the gateway refused a mandate: ${refused.status}`)
  })
}

function mandateHex(domain: Domain, channelId: string): string {
  const limits = { limit: mandateLimit, limitPerDay: mandateLimit }
  const nowSeconds = Math.floor(Date.now() / 1_000)
  const value = makeMandate(channelId, 1, limits, MANDATE_UNATTENDED_SECONDS, nowSeconds)
  const signature = fleetKey.sign(digestOf(domain, mandateStructure, value))
  return bytesToHex(encodeCbor(signedToWire(mandateStructure, { value, signature })))
}
