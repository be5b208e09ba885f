/**
 * Evidence of unsettled channels for another machine, and evidence from one for the ledger here.
 * @module
 */
import * as v from 'valibot'
import type { ClaimResult } from '../../ledger/ledger.ts'
import { integerValue } from '../../ports/configTypes.ts'
import { OperatorError } from '../../ports/operatorError.ts'
import { bytesToHex, concatBytes, parseHex } from '../../protocol/bytes.ts'
import type { Verb } from '../control/verb.ts'
import { verb } from '../control/verb.ts'
import type { Core } from '../core.ts'
import { heldAmount } from '../state/hotChannels.ts'
import { decodeClaim, encodeClaim } from '../store/claimFile.ts'
import { claimOf, itemOf } from './evidence.ts'

/** Claims of one call: below what a line of the control socket may hold. */
export const CLAIMS_PER_CALL_MAX = 256
/** Channels that one call looks at, so that others are served in between. */
const CHANNELS_PER_CALL_MAX = 16_384

export function claimVerbs(core: Core): Record<string, Verb> {
  const page = v.strictObject({ from: v.optional(integerValue(0, 2 ** 32), 0) })
  const submission = v.strictObject({
    claims: v.pipe(v.array(v.string()), v.maxLength(CLAIMS_PER_CALL_MAX)),
  })
  return {
    export_claims: verb(page, ({ from }) => exportPage(core, from)),
    submit_claims: verb(submission, ({ claims }) => submitClaims(core, claims)),
  }
}

/** Claims of the channels from `from` on that owe something, and where the next page begins. */
async function exportPage(core: Core, from: number) {
  const { hot } = core.state
  const end = Math.min(hot.count(), from + CHANNELS_PER_CALL_MAX)
  const claims: string[] = []
  let channel = from
  for (; channel < end && claims.length < CLAIMS_PER_CALL_MAX; channel++) {
    if (heldAmount(hot, channel) <= (hot.columns.paid[channel] ?? 0n)) continue
    await core.leafProofs.prepare(channel, async () => {})
    claims.push(bytesToHex(encodeClaim(claimOf(core, itemOf(core, channel)))))
  }
  return { claims, next: channel < hot.count() ? channel : null }
}

/** The ledger judges each claim itself; its key is made of the claims, so a repeat is cheap. */
async function submitClaims(core: Core, texts: readonly string[]) {
  const bytes = texts.map((text) => parseHex(text) ?? new Uint8Array())
  const claims = bytes.map((one, place) => {
    const claim = decodeClaim(one)
    if (claim) return claim
    throw new OperatorError(`claim ${place + 1} is not well formed: export the claims again`)
  })
  const key = bytesToHex(core.sha256(concatBytes(...bytes))).slice(0, 32)
  const results = await core.ledger.submit(claims, key)
  return results.map(describeResult)
}

function describeResult({ channelId, status, reason, paid, cumulative }: ClaimResult) {
  return {
    channelId: bytesToHex(channelId),
    status,
    reason: reason ?? null,
    paid: paid.toString(),
    cumulative: cumulative.toString(),
  }
}
