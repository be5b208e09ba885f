/**
 * Which planted bugs belong to which rule of docs/rules.md and to which row of both check tables,
 * and what lies outside the simulator, with the test that sees it.
 * @module
 */
import type { CommitmentReason, TickReason } from '../../protocol/reasons.ts'

/** A test elsewhere: its file and its name. */
export type Elsewhere = { readonly file: string; readonly test: string }

/** By how the first column of docs/rules.md begins, in its order. */
export const mutantsOfRule: Readonly<Record<string, readonly string[] | Elsewhere>> = {
  'A held word is always stored and told with its own commitment': ['own-commitment'],
  'What is reserved is the highest worst case of the live commitments': [
    'reserve-sum',
    'reserve-pending',
  ],
  'PUBACK says "dealt with", for refused ticks too; only an': ['credit-by-ack'],
  'Every signature is bound to one ledger by its domain': ['domain'],
  '`base + length * pricePerTick` fits in 64 bits': ['uint64'],
  'Two commitments never share a word, even for the same epoch': ['shared-words'],
  'An epoch is no longer than its mandate, its fair share and its ledger': [
    'length',
    'commitment-too-long',
  ],
  'A renewal is evidence of nothing before one of its own words, and the': [
    'renewal-evidence',
    'renewal-early',
    'renewal-moves',
  ],
  'A checkpoint continues in whole ticks at the old price, whatever the': ['gap-price'],
  'A checkpoint drops a pending renewal; until it is accepted the device': [
    'checkpoint-drops',
    'checkpoint-silence',
  ],
  'A new key or meter is a new channel from base 0; the old one settles': [
    'new-channel',
    'replaced-channel',
    'left-channel',
  ],
  'Pause, limits and fence act on supply, never on the acceptance of a': ['supply-words'],
  'Supply follows progress: what is stale never extends it, and a': ['clone'],
  'Words are payment until `claimUntil`, at the gateway and at the ledger': [
    'claim-until',
    'ledger-window',
  ],
  'A position is given once and never again': ['position'],
  'A good signature with a bad time takes over nobody and gets signed': ['stale-clock'],
  "A device's own limits survive a crash loop, and without proof they count as used": [
    'own-limits',
  ],
  'Supply fails safe without the agent': ['relay-register', 'relay-watchdog'],
  'A store that lost state raises the fence: older commitments settle,': [
    'fence-unknown-life',
    'fence-position',
    'fence-supply',
  ],
  'The reservations of an allocation are made by one process': {
    file: 'test/unit/cli/gateway.test.ts',
    test: 'a second gateway on the same store is refused in one line',
  },
  'A withdrawal counts as gone from its request, and its notice outlasts': [
    'ledger-withdrawal',
    'withdrawal-notice',
  ],
  'The fee is the floor of its share of the cumulative total; the payee': ['ledger-fee'],
  'Statements and evidence pay nothing twice: a statement names what': [
    'statement-evidence',
    'statement-sequence',
    'statement-difference',
    'leaf-ignored',
    'leaf-root',
    'leaf-foreign',
  ],
  'Neither side signs a statement with a lower leaf than before, and': [
    'cosign-fell',
    'cosign-missing',
    'cosign-foreign',
    'cosign-settled',
    'cosign-sequence',
  ],
  'Nobody can sit on a statement: it expires, and until then nothing': ['statement-ahead'],
}

export const mutantOfTickRow: Readonly<Record<TickReason, string>> = {
  malformed: 'tick-malformed',
  unknown_channel: 'tick-slot',
  stale: 'tick-stale',
  unknown_epoch: 'tick-epoch',
  expired: 'tick-expired',
  closed: 'tick-closed',
  out_of_range: 'tick-range',
  needs_checkpoint: 'tick-jump',
  slow_down: 'tick-budget',
  bad_word: 'tick-word',
}

export const mutantOfCommitmentRow: Readonly<Record<CommitmentReason, string>> = {
  malformed: 'commitment-malformed',
  unknown_channel: 'commitment-channel',
  epoch_taken: 'commitment-epoch',
  closed: 'commitment-closed',
  bad_signature: 'commitment-signature',
  tariff_not_in_force: 'commitment-tariff',
  wrong_price: 'commitment-price',
  no_mandate: 'commitment-no-mandate',
  expired: 'commitment-expired',
  expiry_too_late: 'commitment-late',
  over_mandate: 'commitment-over-mandate',
  too_long: 'commitment-too-long',
  no_funds: 'commitment-no-funds',
  not_continuous: 'commitment-continuity',
}

/**
 * What one run over the list did not see within its seeds, and the test that fails with it: nothing
 * at present. A seed that is named for a bug ages with the product; until another one is found the
 * bug comes here.
 */
export const seenElsewhere: Readonly<Record<string, Elsewhere>> = {}
