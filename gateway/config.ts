/**
 * The gateway's configuration: what may be set, its defaults, and what is allowed.
 * @module
 */
import { keccak_256 } from '@noble/hashes/sha3.js'
import * as v from 'valibot'
import {
  idValue,
  integerValue,
  keyFileValue,
  storeKeyValue,
  textValue,
  uint64Value,
} from '../ports/configTypes.ts'
import { parseHex, utf8ToBytes } from '../protocol/bytes.ts'
import {
  ASSET_SCALE_MAX,
  CHANNELS_PER_DEVICE_DEFAULT,
  CHANNELS_PER_DEVICE_MAX,
  CREDIT_TICKS_DEFAULT,
  CREDIT_TICKS_MAX,
  FEE_BASIS_POINTS_MAX,
  HASH_BUDGET_BURST,
  HASH_BUDGET_PER_SECOND,
  IN_FLIGHT_MAX,
  MESSAGES_BURST,
  MESSAGES_PER_SECOND,
} from '../protocol/limits.ts'
import type { Tariff } from '../protocol/structures.ts'
import { brokerValue } from './bridge/config.ts'
import { type FraudConfig, fraudValue } from './fraud/config.ts'
import { httpValue } from './http/config.ts'
import { ledgerValue } from './ledgerConfig.ts'
import { logValue } from './logAreas.ts'
import { mayBePlain, PLAINTEXT_CONSENT, plaintextConsentValue } from './plaintext.ts'
import { RECEIPT_SECONDS_DEFAULT } from './receipts/limits.ts'

export { PLAINTEXT_CONSENT } from './plaintext.ts'

const dateAllowed = 'a date such as 2026-01-31 or 2026-01-31T06:00:00Z'
const dateValue = v.pipe(
  v.union([v.string(), v.date()], dateAllowed),
  v.transform((value) => Math.floor(new Date(value).getTime() / 1_000)),
  v.check((seconds) => Number.isSafeInteger(seconds) && seconds >= 0, dateAllowed),
)

const payeeAllowed = 'a name, or an address of 40 hex digits'
/** An account at the ledger: an address, or a name from which one is derived. */
const payeeValue = v.pipe(
  v.string(payeeAllowed),
  v.transform(payeeAddress),
  v.custom<Uint8Array>((value) => value instanceof Uint8Array, payeeAllowed),
)

/** The 20-byte address of a payee; a plain name gets one of its own. */
export function payeeAddress(text: string): Uint8Array | undefined {
  if (text.startsWith('0x')) {
    const bytes = parseHex(text)
    return bytes?.length === 20 ? bytes : undefined
  }
  if (text.length === 0) return undefined
  return keccak_256(utf8ToBytes(`tickpay payee ${text}`)).slice(12)
}

const tariffValue = v.strictObject({
  unit: v.picklist(['Wh', 'mL', 's', 'kB'], 'one of Wh, mL, s, kB'),
  unitsPerTick: uint64Value,
  pricePerTick: uint64Value,
  creditTicks: v.optional(integerValue(1, CREDIT_TICKS_MAX), CREDIT_TICKS_DEFAULT),
  validFrom: v.optional(dateValue, '1970-01-01'),
  validUntil: v.optional(dateValue, '2100-01-01'),
})

const placeEntries = {
  host: v.optional(textValue, '127.0.0.1'),
  port: integerValue(0, 65_535),
  roles: v.optional(
    v.array(v.picklist(['device', 'fleet', 'reader'], 'one of device, fleet, reader')),
    ['device', 'fleet', 'reader'],
  ),
}

const plainAllowed =
  'an address of this machine alone such as 127.0.0.1; for a network use kind: tls or wss ' +
  `(docs/certificates.md), or set plaintextOnNetwork: ${PLAINTEXT_CONSENT}`

const plainValue = v.pipe(
  v.strictObject({
    kind: v.picklist(['tcp', 'ws']),
    ...placeEntries,
    plaintextOnNetwork: plaintextConsentValue,
  }),
  v.forward(v.partialCheck([['host'], ['plaintextOnNetwork']], mayBePlain, plainAllowed), ['host']),
)

/** docs/certificates.md */
const tlsValue = v.strictObject({
  kind: v.picklist(['tls', 'wss']),
  ...placeEntries,
  certificate: textValue,
  key: textValue,
  clientAuthority: textValue,
  clientCertificate: v.optional(
    v.picklist(['required', 'optional'], 'required or optional'),
    'required',
  ),
  revocationList: v.optional(textValue),
})

const listenerValue = v.variant(
  'kind',
  [plainValue, tlsValue],
  'tcp or tls; for MQTT over WebSocket ws or wss',
)

const limitsValue = v.strictObject({
  messagesPerSecond: v.optional(integerValue(1, 1_000_000), MESSAGES_PER_SECOND),
  messagesBurst: v.optional(integerValue(1, 1_000_000), MESSAGES_BURST),
  inFlight: v.optional(integerValue(1, 1_024), IN_FLIGHT_MAX),
  hashesPerSecond: v.optional(integerValue(1, 10_000_000), HASH_BUDGET_PER_SECOND),
  hashesBurst: v.optional(integerValue(1, 10_000_000), HASH_BUDGET_BURST),
  channelsPerDevice: v.optional(
    integerValue(1, CHANNELS_PER_DEVICE_MAX),
    CHANNELS_PER_DEVICE_DEFAULT,
  ),
})

const settlementValue = v.pipe(
  v.strictObject({
    periodSeconds: v.optional(integerValue(1, 30 * 86_400), 3_600),
    /** A channel owing less waits for the next period or its expiry. */
    minimumAmount: v.optional(uint64Value, 0),
    /** How long a fleet has to co-sign a statement; 0: none is made, evidence settles. */
    cosignSeconds: v.optional(integerValue(0, 86_400), 0),
    /** Channels whose claim window ends sooner are settled whatever they owe. */
    expiryMarginSeconds: v.optional(integerValue(1, 30 * 86_400), 2 * 86_400),
    /** Whatever is owed for so long is settled, however little; 0: it waits for its minimum. */
    ageSeconds: v.optional(integerValue(0, 366 * 86_400), 0),
    /** All channels together; where they owe so much the period is not waited for. 0: never. */
    exposureMax: v.optional(uint64Value, 0),
  }),
  v.check(
    ({ periodSeconds, cosignSeconds, expiryMarginSeconds }) =>
      2 * (periodSeconds + cosignSeconds) <= expiryMarginSeconds,
    'an expiryMarginSeconds of at least two periods and twice cosignSeconds, ' +
      'so that no claim runs out in between',
  ),
)

const retentionValue = v.strictObject({
  /** Days for which the journal is kept beyond what a restart needs. */
  journalDays: v.optional(integerValue(0, 36_500), 0),
})

const doorAllowed = 'a list of at least one listener, or else an external broker under "broker"'

const gatewayEntries = v.strictObject({
  gateway: idValue,
  /** Folder of the store. */
  data: textValue,
  key: keyFileValue,
  /** Encrypts the store; docs/storage.md. */
  storeKey: v.optional(storeKeyValue),
  payee: payeeValue,
  asset: v.strictObject({
    code: v.pipe(v.string(), v.regex(/^[A-Z][A-Z0-9]{0,11}$/, 'a code such as EUR')),
    scale: integerValue(0, ASSET_SCALE_MAX),
  }),
  feeBasisPoints: v.optional(integerValue(0, FEE_BASIS_POINTS_MAX), 0),
  /** Where devices and people reach the embedded broker. */
  listeners: v.optional(v.array(listenerValue), []),
  /** An external broker in place of listeners; docs/attached.md. */
  broker: v.optional(brokerValue),
  tariffs: v.pipe(v.array(tariffValue), v.minLength(1, 'at least one tariff')),
  /** Which ledger to settle with; the embedded one by default. */
  ledger: v.optional(ledgerValue),
  settlement: v.optional(settlementValue, {}),
  limits: v.optional(limitsValue, {}),
  retention: v.optional(retentionValue, {}),
  /** Health and metrics over HTTP; nowhere when it is absent. docs/metrics.md */
  http: v.optional(httpValue),
  /** What watches for fraud and faults, and what it may do; or off. docs/fraud.md */
  fraud: v.optional(fraudValue, {}),
  /** How often a device's retained report may change. */
  reportSeconds: v.optional(integerValue(1, 3_600), 10),
  /** How often channels that moved get a receipt; 0: never. */
  receiptSeconds: v.optional(integerValue(0, 3_600), RECEIPT_SECONDS_DEFAULT),
  log: v.optional(logValue, 'info'),
})

export const gatewayConfigSchema = v.pipe(
  gatewayEntries,
  v.forward(
    v.partialCheck(
      [['listeners'], ['broker']],
      ({ listeners, broker }) => listeners.length > 0 !== (broker !== undefined),
      doorAllowed,
    ),
    ['listeners'],
  ),
)

export type GatewaySettings = v.InferOutput<typeof gatewayConfigSchema>
export type ListenerConfig = GatewaySettings['listeners'][number]

/** What the gateway's logic reads of the configuration. */
export type GatewayConfig = {
  readonly gateway: string
  readonly payee: Uint8Array
  readonly asset: { readonly code: string; readonly scale: number }
  readonly feeBasisPoints: number
  readonly tariffs: readonly Tariff[]
  readonly settlement: {
    readonly periodSeconds: number
    readonly minimumAmount: bigint
    readonly expiryMarginSeconds: number
    /** How long a fleet has to co-sign a statement; none is made where this is 0 or absent. */
    readonly cosignSeconds?: number
    readonly ageSeconds?: number
    readonly exposureMax?: bigint
  }
  readonly limits: {
    readonly hashRate: { readonly perSecond: number; readonly burst: number }
    readonly messagesPerSecond: number
    readonly messagesBurst: number
    readonly inFlight: number
    readonly channelsPerDevice: number
  }
  readonly reportSeconds: number
  /** Nothing watches when it is absent. */
  readonly fraud?: FraudConfig | undefined
  /** How often channels that moved get a receipt; never where this is 0 or absent. */
  readonly receiptSeconds?: number
  /** Days for which journal segments stay after they are settled; none when it is absent. */
  readonly journalDays?: number
}

export function toGatewayConfig(settings: GatewaySettings): GatewayConfig {
  const { gateway, payee, asset, feeBasisPoints, settlement, reportSeconds, limits } = settings
  const { receiptSeconds, retention } = settings
  const { journalDays } = retention
  const shared = { gateway, payee, assetCode: asset.code, assetScale: asset.scale }
  const { hashesPerSecond, hashesBurst, ...others } = limits
  return {
    gateway,
    payee,
    asset,
    feeBasisPoints,
    settlement,
    reportSeconds,
    fraud: settings.fraud,
    receiptSeconds,
    journalDays,
    tariffs: settings.tariffs.map((tariff) => ({ ...shared, ...tariff })),
    limits: { ...others, hashRate: { perSecond: hashesPerSecond, burst: hashesBurst } },
  }
}
