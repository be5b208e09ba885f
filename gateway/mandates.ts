/**
 * Mandates as the gateway takes, keeps and shows them. The highest sequence is in force; a fleet
 * that issues a narrower one does not take back what it has allowed: as long as the former is
 * needed as evidence, it is kept beside it.
 * @module
 */
import { present } from '../protocol/assert.ts'
import { parsePublicKey } from '../protocol/keys.ts'
import type { MandateReason } from '../protocol/mandateRules.ts'
import { checkMandate } from '../protocol/mandateRules.ts'
import type { Mandate, Signed } from '../protocol/structures.ts'
import type { Core } from './core.ts'
import { worstAmount } from './state/hotChannels.ts'
import { allocationOf } from './state/state.ts'

/** Judges a mandate by its signature alone, whoever brings it, and journals what it accepts. */
export function takeMandate(
  core: Core,
  mandate: Signed<Mandate>,
): MandateReason | 'accepted' | 'repeated' {
  const channel = core.state.cold.numberOf(mandate.value.channelId)
  if (channel === undefined) return 'unknown_channel'
  const { fleet } = core.state.cold.channel(channel)
  const signerKey = core.state.fleets.get(fleet)?.signerKey
  const verdict = checkMandate(
    {
      domain: core.state.domain,
      channelId: mandate.value.channelId,
      signerKey: present(signerKey && parsePublicKey(signerKey), 'a channel has a fleet'),
      inForce: core.state.cold.mandate(channel)?.value,
      nowSeconds: core.writer.seconds(),
    },
    mandate,
    core.verify,
  )
  if (verdict !== 'accepted') return verdict
  const { id } = allocationOf(core.state, channel)
  if (!isSettleable(core, id, mandate.value)) return 'bad_window'
  const cover = coverBeside(core, channel, mandate.value)
  core.writer.record({ kind: 'mandate', channel, mandate, cover })
  return verdict
}

/**
 * A deposit must not be withdrawn while a mandate on it can still be claimed, and what was supplied
 * until the mandate's expiry must be settled before its claims end.
 */
export function isSettleable(core: Core, allocation: Uint8Array, mandate: Mandate): boolean {
  const noticeSeconds = core.funds.state(allocation)?.withdrawalNoticeSeconds ?? 0
  const { expiryMarginSeconds } = core.config.settlement
  return (
    mandate.claimUntil <= core.writer.seconds() + noticeSeconds &&
    mandate.claimUntil - mandate.expiry >= expiryMarginSeconds
  )
}

/** The former mandate that is still needed beside `next`, if one is. */
function coverBeside(core: Core, channel: number, next: Mandate): Signed<Mandate> | undefined {
  const { hot } = core.state
  const worst = worstAmount(hot, channel)
  if (worst <= (hot.columns.paid[channel] ?? 0n)) return undefined
  const best = latest(core.state.cold.mandates(channel).filter(({ value }) => value.limit >= worst))
  if (!best) return undefined
  const proves = next.limit >= worst && next.notBefore <= core.writer.seconds()
  return proves && next.claimUntil >= best.value.claimUntil ? undefined : best
}

/** The mandate that proves `amount` for the longest; the one in force where none does. */
export function evidenceFor(core: Core, channel: number, amount: bigint): Signed<Mandate> {
  const now = core.writer.seconds()
  const proving = core.state.cold
    .mandates(channel)
    .filter(
      ({ value }) => value.limit >= amount && value.notBefore <= now && now <= value.claimUntil,
    )
  const best = latest(proving) ?? core.state.cold.mandate(channel)
  return present(best, 'an open channel has a mandate')
}

/** Ends of equal claim windows go to the first. */
function latest(mandates: readonly Signed<Mandate>[]): Signed<Mandate> | undefined {
  return mandates.reduce<Signed<Mandate> | undefined>(
    (best, one) => (best && best.value.claimUntil >= one.value.claimUntil ? best : one),
    undefined,
  )
}
