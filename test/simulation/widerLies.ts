/**
 * More that a gateway can claim at the ledger without a right to it: renewals of all its channels,
 * any mandate that was ever signed, leaves that are not those of the statement in force.
 * @module
 */
import type { Dice } from '../../firmware-sim/dice.ts'
import type { Gateway } from '../../gateway/gateway.ts'
import type { Claim } from '../../ledger/ledger.ts'
import { present } from '../../protocol/assert.ts'
import { bytesToHex } from '../../protocol/bytes.ts'
import type { Mandate, Signed } from '../../protocol/structures.ts'

/** Mandates that the fleet ever signed for a channel, by its id in hex. */
export type MandatesOf = (channelId: string) => readonly Signed<Mandate>[]

export function widerLies(
  { core: { state, leafProofs } }: Gateway,
  mandatesOf: MandatesOf,
): (claims: readonly Claim[], dice: Dice) => readonly Claim[] {
  const { cold, hot } = state
  const renewals = (): readonly Claim[] => {
    const channels = Array.from({ length: hot.count() }, (_, channel) => channel)
    return channels.flatMap((channel) => {
      const commitment = cold.commitment(channel, hot.columns.pendingEpoch[channel] ?? 0)
      const mandate = cold.mandate(channel)
      if (!commitment || !mandate) return []
      const leaf = leafProofs.leafOf(channel)
      const { channel: terms } = cold.channel(channel)
      const word = commitment.value.root
      return [{ channel: terms, mandate, commitment, index: 0, word, ...(leaf && { leaf }) }]
    })
  }
  return (claims, dice) => [
    ...renewals(),
    ...claims.flatMap((claim) => narrowed(claim, mandatesOf)),
    ...claims.map((claim) => otherLeaf(claim, claims, dice)),
  ]
}

/** Under each mandate that allows less. */
function narrowed(claim: Claim, mandatesOf: MandatesOf): readonly Claim[] {
  const id = bytesToHex(claim.commitment.value.channelId)
  const { limit } = claim.mandate.value
  return mandatesOf(id)
    .filter(({ value }) => value.limit < limit)
    .map((mandate) => ({ ...claim, mandate }))
}

function otherLeaf(claim: Claim, claims: readonly Claim[], dice: Dice): Claim {
  const { leaf, ...without } = claim
  if (!leaf) return claim
  switch (dice.between(0, 3)) {
    case 0:
      return without
    case 1:
      return { ...claim, leaf: { ...leaf, amount: leaf.amount / 2n } }
    case 2:
      return { ...claim, leaf: { amount: 0n, channelId: 'empty', path: leaf.path } }
    default: {
      const other = claims[dice.between(0, claims.length - 1)]?.leaf
      return { ...claim, leaf: present(other ?? leaf, 'a leaf') }
    }
  }
}
