/**
 * The configuration of a watcher, watch.yaml.
 * @module
 */
import * as v from 'valibot'
import { hexValue, integerValue, textValue } from '../../ports/configTypes.ts'
import { evmValue } from '../evm/config.ts'
import { postgresValue } from '../postgres/config.ts'
import type { WatchPolicy } from './decide.ts'

/** Understood, so that it can be said why it is not watched. */
const embeddedValue = v.strictObject({ kind: v.literal('embedded') })

/** Withdrawals wait for 8 days at least: the gateway has five of them for itself. */
const MARGIN_HOURS = 72
/** Longer than any period of settlement is usual. */
const STALE_HOURS = 24
const RETRY_SECONDS = 900

export const watchConfigSchema = v.strictObject({
  /** File that `tickpay export claims --follow` keeps. */
  claims: textValue,
  ledger: v.variant('kind', [embeddedValue, postgresValue, evmValue], 'kind postgres or evm'),
  /** 20 bytes: whom the evidence pays. Needed with a contract, where it is compared. */
  payee: v.optional(hexValue(20)),
  marginHours: v.optional(integerValue(1, 8_784), MARGIN_HOURS),
  staleHours: v.optional(integerValue(1, 8_784), STALE_HOURS),
  pollSeconds: v.optional(integerValue(1, 86_400), 60),
  log: v.optional(v.picklist(['debug', 'info', 'warn', 'error'], 'a level'), 'info'),
})
export type WatchConfig = v.InferOutput<typeof watchConfigSchema>

export function watchPolicyOf({ marginHours, staleHours }: WatchConfig): WatchPolicy {
  return {
    marginSeconds: marginHours * 3_600,
    staleSeconds: staleHours * 3_600,
    retrySeconds: RETRY_SECONDS,
  }
}
