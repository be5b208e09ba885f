/**
 * Bugs to plant where only later seeds look: both ways to settle, what a device allows itself, what
 * its controller does alone, logins, and what one ledger's signature is worth at another.
 * @module
 */
import type { Mutant } from './mutants.ts'

/** The first seed with all that these bugs need. */
const from = 1_001

const check = 'fleet/statementCheck.ts'
const rules = 'ledger/rules/statementRules.ts'

export const settlingRules: readonly Mutant[] = [
  {
    name: 'statement-sequence',
    rule: '(!) a statement has a higher sequence than the one before',
    file: rules,
    find: "if (statement.sequence <= statementSequence) return { verdict: 'old_sequence' }",
    put: '',
    from,
  },
  {
    name: 'statement-evidence',
    rule: '(!) a statement names what evidence was paid',
    file: rules,
    find: "if (statement.evidencePaid !== evidencePaid) return 'evidence_differs'",
    put: '',
    from,
  },
  {
    name: 'statement-difference',
    rule: '(!) a statement pays only what is not paid yet',
    file: rules,
    find: "return { verdict: 'sound', digest, pays: paid - allocation.paid, paid }",
    put:
      'const all = statement.total + allocation.paid\n' +
      "  return { verdict: 'sound', digest, pays: statement.total, paid: paid > all ? paid : all }",
    from,
  },
  {
    name: 'statement-fleet',
    rule: '(!) the fleet signs what is paid by statement',
    file: rules,
    find: "return verify(signerKey, digest, fleetSignature) ? undefined : 'bad_fleet_signature'",
    put: 'return undefined',
    from,
  },
  {
    name: 'leaf-ignored',
    rule: '(!) evidence counts from the leaf of the statement in force',
    file: rules,
    find: 'return evidencePaid > leaf ? evidencePaid : leaf',
    put: 'return leaf < 0n ? leaf : evidencePaid',
    from,
  },
  {
    name: 'leaf-root',
    rule: '(!) a leaf is part of the statement in force',
    file: rules,
    find:
      'if (!equalBytes(rootFromPath(hash, position, leaf.path), statementRoot)) return ' +
      "'wrong_leaf'",
    put: '',
    from,
  },
  {
    name: 'leaf-foreign',
    rule: '(!) a leaf of another channel is a refusal, never 0',
    file: rules,
    find: "return equalBytes(leaf.channelId, channelId) ? leaf.amount : 'foreign_leaf'",
    put: 'return equalBytes(leaf.channelId, channelId) ? leaf.amount : 0n',
    from,
  },
  {
    name: 'cosign-report',
    rule: '(!) the fleet signs no more than its devices have shown',
    file: check,
    find: "if (amount > report.paid) add('over_report', amount, report.paid)",
    put: '',
    from,
  },
  {
    name: 'cosign-reading',
    rule: '(!) the fleet signs no more than its meters say',
    file: check,
    find: 'if (reached > said.reading + (toleranceUnits.get(report.unit) ?? 0n)) {',
    put: 'if (reached < 0n) {',
    from,
  },
  {
    name: 'cosign-fell',
    rule: '(!) neither side signs a lower leaf than before',
    file: check,
    find: 'if (amount < floor) {',
    put: 'if (amount < 0n) {',
    from,
  },
  {
    name: 'cosign-total',
    rule: '(!) the fleet signs a total that is the sum of its leaves',
    file: check,
    find: "if (sum !== total) add('wrong_total', total, sum)",
    put: '',
    from,
  },
  {
    name: 'statement-ahead',
    rule: '(!) nobody can sit on a statement: it ends soon',
    file: 'gateway/settle/statements.ts',
    find: 'return nowSeconds > expiry || issuedAt > nowSeconds + CLOCK_TOLERANCE_SECONDS',
    put: 'return nowSeconds > expiry',
    from,
    seeds: [1_048],
  },
  {
    name: 'withdrawal-notice',
    rule: '(!) money leaves after its notice',
    file: 'ledger/rules/allocationRules.ts',
    find: "if (nowSeconds < withdrawal.availableAtSeconds) return 'too_early'",
    put: '',
    from,
  },
]

export const deviceRules: readonly Mutant[] = [
  {
    name: 'domain',
    rule: '(!) a signature counts at one ledger',
    file: 'protocol/typedData.ts',
    find: 'sealed.set(domainSeparator(domain), 2)',
    put: '',
    from,
  },
  {
    name: 'shared-words',
    rule: '(!) two commitments never share a word',
    file: 'protocol/chain.ts',
    find: 'return termsHash(terms).slice(0, BIND_BYTES)',
    put: 'return termsHash(terms).slice(0, BIND_BYTES).fill(0)',
    from,
  },
  {
    name: 'stale-clock',
    rule: '(!) a login at a wrong time takes over nobody',
    file: 'protocol/connect.ts',
    find: "if (offSeconds > CLOCK_TOLERANCE_SECONDS) return { kind: 'stale_clock', connect }",
    put: '',
  },
  {
    name: 'nonce',
    rule: 'a login counts once',
    file: 'protocol/connect.ts',
    find: "if (context.isNonceUsed(connect.nonce)) return refused('nonce_reused')",
    put: '',
    from,
  },
  {
    name: 'own-limits',
    rule: "(!) a device's own limits survive a crash loop",
    file: 'agent/ownLimits.ts',
    find: 'hourBase: lower(record.hourBase, provenAmount),',
    put: 'hourBase: provenAmount,',
    from,
  },
  {
    name: 'own-hour',
    rule: "(!) a device's own limit in an hour",
    file: 'agent/ownLimits.ts',
    find:
      'if (amountPerHour !== undefined) consider(book.hourBase + amountPerHour, ' +
      "'own_hour_limit')",
    put: '',
    from,
  },
  {
    name: 'relay-register',
    rule: '(!) the relay opens at its register without the agent',
    file: 'firmware-sim/meter.ts',
    find: 'const most = limit === undefined || stuck ? undefined : remaining(state, limit)',
    put: 'const most = limit === undefined || !stuck ? undefined : remaining(state, limit)',
    from,
  },
  {
    name: 'relay-watchdog',
    rule: '(!) the relay opens after 5 s of silence',
    file: 'firmware-sim/meter.ts',
    find: 'const watchdogMs = Math.max(0, state.relay.watchdogMs - state.relay.silenceMs)',
    put: 'const watchdogMs = 1e9',
    from,
    seeds: [1_186],
  },
  {
    name: 'fence-answer',
    rule: '(!) a fence raised behind a commitment is answered',
    file: 'agent/payer.ts',
    find: 'fenceAnsweredMs: offer.answersFence ? now.monotonicMs : Number.NEGATIVE_INFINITY,',
    put: 'fenceAnsweredMs: Number.POSITIVE_INFINITY,',
    seeds: [158],
  },
  {
    name: 'replaced-channel',
    rule: '(!) a channel that was replaced is never gone back to',
    file: 'agent/channelPlace.ts',
    find: 'return channel.position < newest.position',
    put: 'return channel.position < 0',
    seeds: [494],
  },
  {
    name: 'left-channel',
    rule: '(!) no channel that was left at the same position is gone back to',
    file: 'agent/channelPlace.ts',
    find: 'const isLeft = last !== undefined && !equalBytes(last, channelId)',
    put: 'const isLeft = false',
    seeds: [2394],
  },
  {
    name: 'unseen-register',
    rule: '(!) no order names a place on a register that is not understood',
    file: 'agent/meters/reader.ts',
    find: ' || suspect !== undefined) return undefined',
    put: ') return undefined',
    seeds: [1577],
  },
  {
    name: 'offset-durable',
    rule: '(!) supply waits for an offset that is durable',
    file: 'agent/meters/supervisor.ts',
    find: 'if (running.until === undefined || awaitsDisk(running)) return',
    put: 'if (running.until === undefined) return',
    seeds: [11_326],
  },
]
