/**
 * Bugs to plant in each row of both check tables.
 * @module
 */
import type { Mutant } from './mutants.ts'

const tick = 'protocol/channel.ts'
const commitment = 'protocol/commitmentRules.ts'

export const tickRows: readonly Mutant[] = [
  {
    name: 'tick-malformed',
    rule: 'size and version of a tick',
    file: 'protocol/tick.ts',
    find: 'if (bytes[offset] !== WIRE_VERSION) return undefined',
    put: '',
  },
  {
    name: 'tick-slot',
    rule: 'a tick of a slot that the device does not have',
    file: 'gateway/intake/session.ts',
    find: 'return session.greeted ? session.channels[slot] : undefined',
    put: 'return session.channels[slot] ?? session.channels[0]',
  },
  {
    name: 'tick-stale',
    rule: 'a tick that is not further along',
    file: tick,
    find: "if (!isFurther(register, tick)) return 'stale'",
    put: '',
  },
  {
    name: 'tick-epoch',
    rule: 'a tick of an epoch that is not committed',
    file: tick,
    find:
      'if (tick.epoch === 0 || (tick.epoch !== register.epoch && ' +
      "!renews)) return 'unknown_epoch'",
    put: '',
  },
  {
    name: 'tick-expired',
    rule: 'a tick past the claim window',
    file: tick,
    find: "if (nowSeconds > register.claimUntilSeconds) return 'expired'",
    put: '',
  },
  {
    name: 'tick-closed',
    rule: 'a tick of a closed channel',
    file: tick,
    find: "if (register.closed) return 'closed'",
    put: '',
  },
  {
    name: 'tick-range',
    rule: 'a tick beyond the epoch',
    file: tick,
    find:
      'if (tick.index > (renews ? register.pendingLength : ' +
      "register.length)) return 'out_of_range'",
    put: '',
  },
  {
    name: 'tick-jump',
    rule: 'a tick that jumps too far',
    file: tick,
    find: "if (steps > JUMP_TICKS_MAX) return 'needs_checkpoint'",
    put: '',
  },
  {
    name: 'tick-budget',
    rule: 'the hash budget of a channel',
    file: tick,
    find: "if (steps > hashBudget) return 'slow_down'",
    put: '',
  },
  {
    name: 'tick-word',
    rule: 'a word that does not meet the held one',
    file: tick,
    find: "if (!meetsWord(register, tick, renews)) return 'bad_word'",
    put: '',
  },
]

export const commitmentRows: readonly Mutant[] = [
  {
    name: 'commitment-malformed',
    rule: 'form of a commitment',
    file: commitment,
    find: "if (!isWellFormed(commitment)) return 'malformed'",
    put: '',
  },
  {
    name: 'commitment-channel',
    rule: 'a commitment for another channel',
    file: commitment,
    find: "if (!equalBytes(commitment.channelId, context.channelId)) return 'unknown_channel'",
    put: '',
  },
  {
    name: 'commitment-epoch',
    rule: 'an epoch that is taken',
    file: commitment,
    find: "if (epoch !== 'new') return epoch",
    put: "if (epoch === 'repeated') return epoch",
  },
  {
    name: 'commitment-repeated',
    rule: 'the same commitment again',
    file: commitment,
    find: "return 'repeated'\n",
    put: "return 'epoch_taken'\n",
  },
  {
    name: 'commitment-closed',
    rule: 'a commitment for a closed channel',
    file: commitment,
    find: "if (context.closed) return 'closed'",
    put: '',
  },
  {
    name: 'commitment-signature',
    rule: 'signature of a commitment',
    file: commitment,
    find: "if (!verify(context.payerKey, digest, signed.signature)) return 'bad_signature'",
    put: '',
  },
  {
    name: 'commitment-tariff',
    rule: 'a tariff that is not in force',
    file: commitment,
    find: 'if (nowSeconds < tariff.validFrom || nowSeconds >= tariff.validUntil) return',
    put: 'if (nowSeconds < tariff.validFrom - 5) return',
  },
  {
    name: 'commitment-price',
    rule: 'the price of the tariff',
    file: commitment,
    find: "if (commitment.pricePerTick !== tariff.pricePerTick) return 'wrong_price'",
    put: '',
  },
  {
    name: 'commitment-units',
    rule: 'the step of the tariff',
    file: commitment,
    find: "if (commitment.unitsPerTick !== tariff.unitsPerTick) return 'wrong_price'",
    put: '',
  },
  {
    name: 'commitment-no-mandate',
    rule: 'a mandate that has not begun',
    file: commitment,
    find: 'if (!mandate || nowSeconds < mandate.notBefore) return',
    put: 'if (!mandate) return',
    from: 1_001,
  },
  {
    name: 'commitment-expired',
    rule: 'a mandate that has ended',
    file: commitment,
    find: "if (nowSeconds >= mandate.expiry) return 'expired'",
    put: '',
  },
  {
    name: 'commitment-late',
    rule: 'a commitment that outlives its mandate',
    file: commitment,
    find: "if (commitment.expiry > mandate.expiry) return 'expiry_too_late'",
    put: '',
  },
  {
    name: 'commitment-over-mandate',
    rule: 'the limit of the mandate',
    file: commitment,
    find: "return worstCase(commitment) > mandate.limit ? 'over_mandate' : undefined",
    put: 'return undefined',
  },
  {
    name: 'commitment-too-long',
    rule: 'the fair share of the allocation',
    file: commitment,
    find: "if (commitment.length > context.maxLength) return 'too_long'",
    put: '',
  },
  {
    name: 'commitment-no-funds',
    rule: 'the reservation',
    file: commitment,
    find: "return after - worstCaseOf(context) > context.free ? 'no_funds' : undefined",
    put: 'return undefined',
  },
  {
    name: 'commitment-opening',
    rule: 'an opening begins at 0',
    file: commitment,
    find: 'if (!held) return commitment.base === 0n && commitment.kind === CHECKPOINT ?',
    put: 'if (!held) return true ?',
  },
  {
    name: 'commitment-renewal',
    rule: 'a renewal continues at the end of the running epoch',
    file: commitment,
    find: 'renewal.base === amountAt(running, length) &&',
    put: '',
    seeds: [82],
  },
  {
    name: 'commitment-tariff-end',
    rule: 'a commitment that outlives its tariff',
    file: commitment,
    find: "if (tariff && commitment.expiry > tariff.validUntil) return 'expiry_too_late'",
    put: '',
    seeds: [1331],
  },
  {
    name: 'commitment-past',
    rule: 'a commitment that has expired',
    file: commitment,
    find: "if (commitment.expiry <= nowSeconds) return 'expired'",
    put: '',
  },
  {
    name: 'commitment-continuity',
    rule: 'continuity',
    file: commitment,
    find: 'return continues ? undefined : broken',
    put: 'return undefined',
  },
]
