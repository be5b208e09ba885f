/**
 * Bugs to plant in the rules through which money was lost, doubled or stuck.
 * @module
 */
import type { Mutant } from './mutants.ts'

const commitment = 'protocol/commitmentRules.ts'
const claim = 'ledger/rules/claimRules.ts'
const state = 'gateway/state/state.ts'

export const payingRules: readonly Mutant[] = [
  {
    name: 'own-commitment',
    rule: '(!) a held word is stored with its own commitment',
    file: 'gateway/state/settled.ts',
    find: 'state.cold.dropCommitments(channel, state.hot.columns.epoch[channel] ?? 0)',
    put: 'state.cold.dropCommitments(channel, (state.hot.columns.epoch[channel] ?? 0) + 1)',
  },
  {
    name: 'reserve-sum',
    rule: '(!) reserved is the highest worst case, not the sum',
    file: 'gateway/state/hotChannels.ts',
    find: "return end + pendingLength * big(hot, 'pendingPrice', channel)",
    put: "return end + end + pendingLength * big(hot, 'pendingPrice', channel)",
  },
  {
    name: 'reserve-pending',
    rule: '(!) a pending renewal is reserved',
    file: 'gateway/state/hotChannels.ts',
    find: "return end + pendingLength * big(hot, 'pendingPrice', channel)",
    put: 'return end',
  },
  {
    name: 'credit-by-ack',
    rule: '(!) only an acknowledgement frees credit',
    file: 'agent/payerState.ts',
    find: 'return running && readingAt(running.terms, acked)',
    put: 'return running && readingAt(running.terms, running.shown + 0 * acked)',
  },
  {
    name: 'uint64',
    rule: '(!) amounts stay below 2^64',
    file: commitment,
    find: 'return isUint64(worstCase(commitment)) && isUint64(readingAt(commitment, length))',
    put: 'return true',
  },
  {
    name: 'length',
    rule: '(!) an epoch is no longer than the gateway has room for',
    file: 'agent/nextCommitment.ts',
    find: 'maxLength: roomAt(wanted.start.base, payer, facts, tariff),',
    put: 'maxLength: 4_000,',
  },
  {
    name: 'renewal-evidence',
    rule: '(!) a renewal alone is no evidence',
    file: claim,
    find: "if (commitment.kind === RENEWAL && index === 0) return 'not_evidence'",
    put: '',
    from: 1_001,
  },
  {
    name: 'renewal-early',
    rule: '(!) no word of a renewal is shown before the last of the epoch before',
    file: 'agent/payer.ts',
    find:
      'if (!next || moved.shown < length || ticks <= length) ' +
      'return { ...payer, running: moved }\n' +
      '  const beyond = Math.min(ticks - length, next.terms.length, JUMP_TICKS_MAX)',
    put:
      'if (!next) return { ...payer, running: moved }\n' +
      '  const beyond = Math.max(1, Math.min(ticks - length, next.terms.length, JUMP_TICKS_MAX))',
  },
  {
    name: 'checkpoint-silence',
    rule: '(!) until a checkpoint is accepted its device shows nothing more',
    file: 'agent/payer.ts',
    find: "if (!running || (offer && offer.purpose !== 'renewal')) return payer",
    put: 'if (!running || offer?.sentMs === -1) return payer',
  },
  {
    name: 'gap-price',
    rule: '(!) a gap is paid at the old price',
    file: commitment,
    find: '+ ticks * held.commitment.pricePerTick',
    put: '+ ticks * checkpoint.pricePerTick',
  },
  {
    name: 'checkpoint-drops',
    rule: '(!) a checkpoint drops the pending renewal',
    file: state,
    find:
      'columns.commitmentExpirySeconds[channel] = toSeconds32(value.expiry)\n' +
      '  columns.pendingEpoch[channel] = 0',
    put: 'columns.commitmentExpirySeconds[channel] = toSeconds32(value.expiry)',
    seeds: [235],
  },
  {
    name: 'renewal-moves',
    rule: '(!) a renewal moves nothing',
    file: state,
    find: 'else holdRenewal(state.hot, channel, value)',
    put: 'else moveToCheckpoint(state, channel, value, position)',
  },
  {
    name: 'new-channel',
    rule: '(!) a new key or meter is a new channel, and the old one is closed',
    file: 'gateway/enrolment.ts',
    find: 'for (const channel of concerned) closeChannel(core, channel)',
    put: '',
  },
  {
    name: 'position',
    rule: '(!) a position is never given twice',
    file: 'gateway/enrolment.ts',
    find: 'return Math.max(nextPosition, core.firstUnpaidPosition(allocation))',
    put: 'return nextPosition',
    seeds: [1594],
    from: 1_001,
  },
  {
    name: 'claim-until',
    rule: '(!) words count until the end of the claim window',
    file: state,
    find: 'hot.columns.claimUntilSeconds[channel] = mandate.claimUntil',
    put: 'hot.columns.claimUntilSeconds[channel] = mandate.expiry',
  },
  {
    name: 'lie',
    rule: 'a device recomputes what the gateway claims to hold',
    file: 'agent/epochs.ts',
    find:
      'if (!equalBytes(chainOf(entryOf(terms)).wordAt(held.index), ' +
      "held.word)) return 'gateway_lied'",
    put: '',
  },
]

export const supplyRules: readonly Mutant[] = [
  {
    name: 'supply-words',
    rule: '(!) supply never decides about words',
    file: 'gateway/intake/ticks.ts',
    find: 'const steps = stepsOf(register, tick)',
    put:
      'if (((core.state.hot.columns.flags[channel] ?? 0) & 2) !== 0) {\n' +
      "    return refuse(core, session, slot, 'tick', 'closed')\n  }\n" +
      '  const steps = stepsOf(register, tick)',
  },
  {
    name: 'pause',
    rule: 'a pause takes supply away',
    file: 'gateway/supply.ts',
    find:
      "if (facts.paused || facts.ordered === 'paused') return " +
      "{ level: 'off', reason: 'paused' }",
    put: '',
  },
  {
    name: 'mandate-end',
    rule: '(!) supply ends with the mandate',
    file: 'gateway/supply.ts',
    find: 'if (facts.nowSeconds >= facts.mandateExpirySeconds) {',
    put: 'if (facts.nowSeconds >= facts.mandateExpirySeconds + 1e9) {',
  },
  {
    name: 'clone',
    rule: '(!) stale words never extend supply',
    file: 'gateway/intake/ticks.ts',
    find: 'if (below) session.cloneSuspected.add(tick.slot)',
    put: 'if (below) return',
  },
  {
    name: 'fence-unknown-life',
    rule: '(!) a life that this store never had raises the fence',
    file: 'gateway/marks.ts',
    find: 'if (place < 0) return true',
    put: 'if (place < 0) return false',
  },
  {
    name: 'fence-position',
    rule: '(!) a position that was lost raises the fence',
    file: 'gateway/marks.ts',
    find: 'return next ? mark.position >= next.position : mark.position > head',
    put: 'return next === undefined && mark.position > head',
  },
  {
    name: 'fence-supply',
    rule: '(!) the fence takes supply away until a checkpoint',
    file: 'gateway/intake/sessionSupply.ts',
    find: 'fenced: committed && (columns.checkpointPosition[channel] ?? 0) < fencePosition,',
    put: 'fenced: committed && fencePosition < 0,',
  },
]

export const durableRules: readonly Mutant[] = [
  {
    name: 'ack-before-sync',
    rule: '(!) acknowledged means durable',
    file: 'gateway/store/groupCommit.ts',
    find: '  await journal.flush()\n',
    put: '  journal.flush().catch(() => undefined)\n',
  },
  {
    name: 'no-sync',
    rule: '(!) what is written is synced',
    file: 'gateway/store/journal.ts',
    find: 'await state.file.append(record.bytes)\n  await state.file.sync()',
    put: 'await state.file.append(record.bytes)',
  },
  {
    name: 'disk-error',
    rule: 'a failed write stops the gateway',
    file: 'gateway/store/groupCommit.ts',
    find: '        state.failed = true\n        state.options.onFatal(error)',
    put: '        state.busy = Boolean(error) && false',
  },
  {
    name: 'torn-tail',
    rule: 'a torn tail is cut off and no damage',
    file: 'gateway/store/recovery.ts',
    find: "(end.kind === 'torn' && isLast)) return",
    put: "(end.kind === 'torn' && isLast && end.offset < 0)) return",
  },
  {
    name: 'fold-order',
    rule: 'an event folds after the ticks before it',
    file: 'gateway/state/writer.ts',
    find: '// An event must fold after the moves that came before it.\n      appendMoves()',
    put: '',
    from: 1_001,
  },
]

export const ledgerRules: readonly Mutant[] = [
  {
    name: 'ledger-difference',
    rule: 'only the difference is paid',
    file: 'ledger/embedded/judge.ts',
    find: 'const difference = amount - settled',
    put: 'const difference = amount',
  },
  {
    name: 'ledger-withdrawal',
    rule: '(!) a withdrawal counts as gone from its request on',
    file: 'ledger/rules/allocationRules.ts',
    find: 'const available = balanceOf(book) - withdrawing',
    put: 'const available = balanceOf(book) - withdrawing * 0n',
  },
  {
    name: 'ledger-fee',
    rule: '(!) the fee is the floor of its share of the total',
    file: 'ledger/rules/allocationRules.ts',
    find: 'const fee = feeOf(book.paid, book.feeBasisPoints)',
    put: 'const fee = feeOf(book.paid, book.feeBasisPoints) + 1n',
  },
  {
    name: 'ledger-window',
    rule: '(!) the ledger pays until the end of the claim window',
    file: claim,
    find: "return nowSeconds > mandate.claimUntil ? 'mandate_expired' : undefined",
    put: 'return undefined',
  },
  {
    name: 'ledger-early',
    rule: 'a mandate that has not begun is no evidence',
    file: claim,
    find: "if (nowSeconds < mandate.notBefore) return 'mandate_early'",
    put: '',
  },
  {
    name: 'ledger-word',
    rule: 'the word of a claim',
    file: claim,
    find: "if (!bind) return { verdict: 'bad_word', channelId }",
    put: '',
  },
  {
    name: 'ledger-limit',
    rule: 'the mandate of a claim',
    file: claim,
    find: "return amountAt(commitment, index) > mandate.limit ? 'over_mandate' : undefined",
    put: 'return undefined',
    from: 1_001,
  },
  {
    name: 'ledger-commitment',
    rule: 'the signature of a claim',
    file: claim,
    find: "return 'bad_commitment_signature'",
    put: 'return undefined',
  },
  {
    name: 'ledger-mandate',
    rule: 'the mandate of a claim is signed by the fleet',
    file: claim,
    find: "return 'bad_mandate_signature'",
    put: 'return undefined',
  },
]
