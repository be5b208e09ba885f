/**
 * What an operator does about settlement: settle now, show again what was put aside, and see what
 * is.
 * @module
 */
import * as v from 'valibot'
import { textValue } from '../../ports/configTypes.ts'
import { OperatorError } from '../../ports/operatorError.ts'
import { bytesToHex, parseHex } from '../../protocol/bytes.ts'
import type { Verb } from '../control/verb.ts'
import { verb } from '../control/verb.ts'
import type { Core } from '../core.ts'
import { heldAmount } from '../state/hotChannels.ts'
import { adviceFor } from './policy.ts'
import type { Settle } from './settlement.ts'
import { wantedUsually } from './settler.ts'

/** Channels in quarantine that `status` names; all are counted. */
const QUARANTINE_SHOWN_MAX = 100
const EVERYTHING = 'all'

export function settleVerbs(core: Core, settle: Settle): Record<string, Verb> {
  const wanted = v.strictObject({ retry: v.optional(textValue) })
  return {
    settle: verb(wanted, async ({ retry }) => {
      const { channels, paid, refused } = await settle(
        retry === undefined ? wantedUsually.retry : toRetry(core, retry),
      )
      return { channels, paid: paid.toString(), refused }
    }),
  }
}

/** `text`: a channel's id in hex, `fleet/device/meter`, or "all" that is in quarantine. */
function toRetry({ state }: Core, text: string): ReadonlySet<number> {
  const { quarantine, cold } = state
  if (text === EVERYTHING) return new Set(quarantine.keys())
  const id = parseHex(text)
  const byId = id?.length === 32 ? cold.numberOf(id) : undefined
  const channels = [...quarantine.keys()].filter((channel) => {
    const { fleet, device, channel: terms } = cold.channel(channel)
    return channel === byId || `${fleet}/${device}/${terms.meter}` === text
  })
  if (channels.length > 0) return new Set(channels)
  throw new OperatorError(
    `${text.slice(0, 200)} is not in quarantine: "tickpay status" lists what is, by ` +
      'fleet/device/meter',
  )
}

/** What the ledger refused and why, with what the operator does about it. */
export function reportQuarantine({ state }: Core) {
  return [...state.quarantine].slice(0, QUARANTINE_SHOWN_MAX).map(([channel, reason]) => {
    const { fleet, device, channelId, channel: terms } = state.cold.channel(channel)
    const owed = heldAmount(state.hot, channel) - (state.hot.columns.paid[channel] ?? 0n)
    return {
      channel: `${fleet}/${device}/${terms.meter}`,
      channelId: bytesToHex(channelId),
      exposure: owed.toString(),
      reason,
      advice: adviceFor(reason),
    }
  })
}
