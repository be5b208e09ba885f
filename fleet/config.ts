/**
 * The configuration of a fleet's own service, fleet.yaml.
 * @module
 */
import * as v from 'valibot'
import {
  brokerLoginValue,
  idValue,
  integerValue,
  ledgerDomainValue,
  publicKeyValue,
  signerKeyValue,
  textValue,
  tlsFilesValue,
  uint64Value,
} from '../ports/configTypes.ts'
import { type AmountText, readAmountText } from './amountText.ts'
import type { Allowance, Policy } from './policy.ts'
import type { Tolerances } from './statementCheck.ts'

const amountAllowed = 'an amount such as 50EUR, or minor units'

const amountValue = v.pipe(
  v.union([v.string(), v.number()], amountAllowed),
  v.transform((value) => readAmountText(String(value))),
  v.custom<AmountText>((value) => value !== undefined, amountAllowed),
)

const allowanceValue = v.strictObject({
  /** What may be owed beyond what was accepted when a mandate is signed. */
  limit: amountValue,
  limitPerDay: amountValue,
})

const deviceAllowed = 'limit and limitPerDay, or "none"'
const deviceValue = v.union(
  [
    v.pipe(
      v.literal('none'),
      v.transform((): undefined => undefined),
    ),
    allowanceValue,
  ],
  deviceAllowed,
)

/** Mandates end soon when the service is gone for good, and not because it was updated. */
const lifeHoursUsual = 24
const lifeHoursMin = 1
const lifeHoursMax = 31 * 24

export const fleetConfigSchema = v.strictObject({
  fleet: idValue,
  gateway: v.strictObject({
    id: idValue,
    url: textValue,
    key: publicKeyValue,
    /** At an external broker; absent where the gateway itself checks who logs in. */
    login: v.optional(brokerLoginValue),
    /** For mqtts://. */
    tls: v.optional(tlsFilesValue),
  }),
  ledger: ledgerDomainValue,
  key: signerKeyValue,
  policy: v.strictObject({
    /** For devices that are not listed; without it they get no mandate. */
    default: v.optional(allowanceValue),
    devices: v.optional(v.record(idValue, deviceValue), {}),
    lifeHours: v.optional(integerValue(lifeHoursMin, lifeHoursMax), lifeHoursUsual),
  }),
  /** Co-signing of statements; without it none is signed, and evidence settles. */
  statements: v.optional(
    v.strictObject({
      /** Folder for what was signed. */
      data: textValue,
      /** By unit: how far a device's own reading may be behind what is stated, in units. */
      toleranceUnits: v.optional(v.record(textValue, uint64Value), {}),
      /** Minor units by which a channel may grow that no device tells a reading of. */
      toleranceAmount: v.optional(uint64Value, 0),
      unreadAmountMax: v.optional(uint64Value, 0),
    }),
  ),
  /** The person's own broker, where Home Assistant finds the devices. */
  homeAssistant: v.optional(
    v.strictObject({
      url: textValue,
      login: v.optional(brokerLoginValue),
      tls: v.optional(tlsFilesValue),
      prefix: v.optional(textValue, 'homeassistant'),
    }),
  ),
  log: v.optional(v.picklist(['debug', 'info', 'warn', 'error'], 'a level'), 'info'),
})

export type FleetConfig = v.InferOutput<typeof fleetConfigSchema>

/** The policy that the configuration describes. */
export function policyOf({ policy }: FleetConfig): Policy {
  const devices = new Map<string, Allowance | undefined>(Object.entries(policy.devices))
  return { default: policy.default, devices, lifeSeconds: policy.lifeHours * 3_600 }
}

/** What statements may differ by; undefined where none is to be co-signed. */
export function tolerancesOf({ statements }: FleetConfig): Tolerances | undefined {
  if (!statements) return undefined
  const { toleranceUnits, toleranceAmount, unreadAmountMax } = statements
  const byUnit = new Map(Object.entries(toleranceUnits))
  return { toleranceUnits: byUnit, toleranceAmount, unreadAmountMax }
}
