/**
 * What a gateway says on its topics, read into what the pages show. It comes from another machine:
 * what does not fit is left out.
 * @module
 */
import type { Asset } from '../../protocol/amount.ts'
import { isAsset, parseUint64 } from '../../protocol/amount.ts'

export type Channel = {
  readonly slot: number
  readonly channelId: string
  readonly meter: string
  readonly unit: string
  readonly asset: Asset
  readonly epoch: number
  readonly index: number
  readonly units: bigint
  readonly register: bigint | undefined
  readonly paid: bigint
  readonly reserved: bigint
  readonly settled: bigint
  readonly exposure: bigint
  readonly supply: string
  readonly reason: string
  /** Undefined without a mandate. */
  readonly limit: bigint | undefined
  /** Seconds since 1970; undefined without a mandate. */
  readonly mandateExpiry: number | undefined
  readonly isClosed: boolean
}

export type DeviceReport = {
  readonly device: string
  readonly isOnline: boolean
  readonly timeSeconds: number
  readonly channels: readonly Channel[]
}

/** The gateway's own figures, over all fleets. */
export type Health = {
  readonly gateway: string
  readonly sessions: number
  readonly channels: number
  readonly accepted: number
  readonly acceptedAmount: bigint
  readonly settled: bigint
  readonly unsettled: bigint
  readonly refused: readonly (readonly [string, number])[]
  readonly settlements: number
  readonly lastSettlementSeconds: number | undefined
  readonly quarantined: number
  readonly isSpaceLow: boolean
  readonly position: number
  readonly head: string
}

type Fields = Readonly<Record<string, unknown>>

export function readDevice(text: string): DeviceReport | undefined {
  const fields = parseObject(text)
  if (!fields || typeof fields['device'] !== 'string') return undefined
  const channels = Array.isArray(fields['channels']) ? fields['channels'] : []
  return {
    device: fields['device'],
    isOnline: fields['online'] === true,
    timeSeconds: numberOf(fields['timeSeconds']),
    channels: channels.flatMap((one) => readChannel(one) ?? []),
  }
}

function readChannel(value: unknown): Channel | undefined {
  const fields = objectOf(value)
  const asset = objectOf(fields?.['asset'])
  if (!fields || !asset) return undefined
  const paidIn = { code: String(asset['code']), scale: numberOf(asset['scale']) }
  if (!isAsset(paidIn)) return undefined
  const mandate = objectOf(fields['mandate'])
  return {
    slot: numberOf(fields['slot']),
    channelId: String(fields['channelId']),
    meter: String(fields['meter']),
    unit: String(fields['unit']),
    asset: paidIn,
    epoch: numberOf(fields['epoch']),
    index: numberOf(fields['index']),
    units: bigintOf(fields['unitsPaid']),
    register: fields['register'] === null ? undefined : bigintOf(fields['register']),
    paid: bigintOf(fields['paid']),
    reserved: bigintOf(fields['reserved']),
    settled: bigintOf(fields['settled']),
    exposure: bigintOf(fields['exposure']),
    supply: String(fields['supply']),
    reason: String(fields['reason']),
    limit: mandate ? bigintOf(mandate['limit']) : undefined,
    mandateExpiry: mandate ? numberOf(mandate['expiry']) : undefined,
    isClosed: fields['state'] === 'closed',
  }
}

export function readHealth(text: string): Health | undefined {
  const fields = parseObject(text)
  if (!fields || typeof fields['gateway'] !== 'string') return undefined
  const refused = Object.entries(objectOf(fields['refused']) ?? {})
  const last = numberOf(fields['lastSettlementAtSeconds'])
  return {
    gateway: fields['gateway'],
    sessions: numberOf(fields['sessions']),
    channels: numberOf(fields['channels']),
    accepted: numberOf(fields['accepted']),
    acceptedAmount: bigintOf(fields['acceptedAmount']),
    settled: bigintOf(fields['settled']),
    unsettled: bigintOf(fields['unsettled']),
    refused: refused.map(([reason, count]) => [reason, numberOf(count)] as const),
    settlements: numberOf(fields['settlements']),
    lastSettlementSeconds: last === 0 ? undefined : last,
    quarantined: numberOf(fields['quarantined']),
    isSpaceLow: fields['spaceLow'] === true,
    position: numberOf(fields['position']),
    head: String(objectOf(fields['journal'])?.['hash'] ?? ''),
  }
}

/** An object of JSON; undefined for anything else. */
export function parseObject(text: string): Fields | undefined {
  try {
    return objectOf(JSON.parse(text))
  } catch {
    return undefined
  }
}

function objectOf(value: unknown): Fields | undefined {
  const isObject = typeof value === 'object' && value !== null && !Array.isArray(value)
  return isObject ? (value as Fields) : undefined
}

function numberOf(value: unknown): number {
  return typeof value === 'number' && Number.isFinite(value) ? value : 0
}

function bigintOf(value: unknown): bigint {
  return (typeof value === 'string' ? parseUint64(value) : undefined) ?? 0n
}
