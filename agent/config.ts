/**
 * The configuration of an agent; docs/agent.md explains every key.
 * @module
 */
import * as v from 'valibot'
import {
  brokerLoginValue,
  deviceKeyValue,
  idValue,
  integerValue,
  ledgerDomainValue,
  publicKeyValue,
  textValue,
  tlsFilesValue,
  uint64Value,
} from '../ports/configTypes.ts'
import {
  CHANNELS_PER_DEVICE_MAX,
  KEEPALIVE_SECONDS_MAX,
  KEEPALIVE_SECONDS_MIN,
} from '../protocol/limits.ts'
import type { Domain } from '../protocol/typedData.ts'
import { meterDefaults, usualUnitsPerSecondMax } from './meters/drivers.ts'
import { defaultReaderRules } from './meters/reader.ts'
import { parseSource } from './meters/source.ts'
import type { MeterConfig } from './meters/supervisor.ts'
import type { OwnLimits } from './ownLimits.ts'
import { relayValue } from './relays/config.ts'

export const AGENT_PREFIX = 'TICKPAY_AGENT'

const sourceAllowed = 'serial:///dev/...?baud=9600 or tcp://host:port'
const urlAllowed = 'an address of an MQTT broker such as mqtt://10.0.0.2:1883 or mqtts://HOST:8883'

const limitsValue = v.strictObject({
  pricePerTickMax: v.optional(uint64Value),
  amountPerHour: v.optional(uint64Value),
  amountPerDay: v.optional(uint64Value),
})

const meterValue = v.strictObject({
  name: idValue,
  unit: v.picklist(['Wh', 'mL', 's', 'kB']),
  driver: v.picklist(['firmware-link', 'sdm120', 'sdm630']),
  source: v.pipe(v.string(sourceAllowed), v.check(isSource, sourceAllowed)),
  pollMs: v.optional(integerValue(50, 10_000)),
  timeoutMs: v.optional(integerValue(50, 10_000)),
  unitId: v.optional(integerValue(1, 247)),
  /** null: there is no relay board. */
  relayUnitId: v.optional(v.nullable(integerValue(1, 247))),
  /** Instead of the relay of the link or on the meter's bus. */
  relay: v.optional(relayValue),
  unitsPerSecondMax: v.optional(uint64Value),
  limits: v.optional(limitsValue, {}),
})

export const agentSchema = v.strictObject({
  fleet: idValue,
  device: idValue,
  gateway: v.strictObject({
    id: idValue,
    url: v.pipe(v.string(urlAllowed), v.check(isBrokerUrl, urlAllowed)),
    key: publicKeyValue,
    /** At an external broker; absent where the gateway itself checks who logs in. */
    login: v.optional(brokerLoginValue),
    /** For mqtts://. */
    tls: v.optional(tlsFilesValue),
  }),
  ledger: ledgerDomainValue,
  fleetSigner: v.optional(publicKeyValue),
  key: deviceKeyValue,
  stateDirectory: v.optional(textValue, '/var/lib/tickpay-agent'),
  keepaliveSeconds: v.optional(integerValue(KEEPALIVE_SECONDS_MIN, KEEPALIVE_SECONDS_MAX), 30),
  logLevel: v.optional(v.picklist(['debug', 'info', 'warn', 'error']), 'info'),
  meters: v.pipe(
    v.array(meterValue),
    v.minLength(1, 'a list of at least one meter'),
    v.maxLength(CHANNELS_PER_DEVICE_MAX, `a list of at most ${CHANNELS_PER_DEVICE_MAX} meters`),
    v.check(
      (meters) => hasUniqueNames(meters),
      'a list in which every meter has a name of its own',
    ),
  ),
})

export type AgentConfig = v.InferOutput<typeof agentSchema>
export type AgentMeterConfig = AgentConfig['meters'][number]

function isSource(text: string): boolean {
  try {
    parseSource(text)
    return true
  } catch {
    return false
  }
}

function isBrokerUrl(text: string): boolean {
  const url = URL.canParse(text) ? new URL(text) : undefined
  return (url?.protocol === 'mqtt:' || url?.protocol === 'mqtts:') && url.hostname !== ''
}

function hasUniqueNames(meters: readonly { readonly name: string }[]): boolean {
  return new Set(meters.map(({ name }) => name)).size === meters.length
}

/** The ledger's identity inside every signature. */
export function domainOf({ ledger }: Pick<AgentConfig, 'ledger'>): Domain {
  return { chainId: ledger.chainId, verifyingContract: ledger.contract }
}

/** What the meter's supervisor needs, with the defaults of its kind. */
export function meterConfigOf(meter: AgentMeterConfig): MeterConfig {
  const usual = meterDefaults[meter.driver]
  // With a relay elsewhere there is none on the bus unless it is named.
  const relayUnitId = meter.relayUnitId ?? (meter.relay ? null : meter.relayUnitId)
  return {
    source: meter.source,
    kind: meter.driver,
    pollMs: meter.pollMs ?? usual.pollMs,
    timeoutMs: meter.timeoutMs ?? usual.timeoutMs,
    unitId: meter.unitId ?? usual.unitId,
    relayUnitId: relayUnitId === undefined ? usual.relayUnitId : (relayUnitId ?? undefined),
    rules: {
      ...defaultReaderRules,
      unitsPerSecondMax: meter.unitsPerSecondMax ?? usualUnitsPerSecondMax[meter.unit],
    },
  }
}

export function ownLimitsOf({ limits }: AgentMeterConfig): OwnLimits {
  return {
    pricePerTickMax: limits.pricePerTickMax,
    amountPerHour: limits.amountPerHour,
    amountPerDay: limits.amountPerDay,
  }
}
