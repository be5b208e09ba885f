/**
 * Decides a dispute about one channel from bundles alone: what is proved, by whose signature, and
 * what contradicts what. The same bundles give the same verdict, whoever asks, in whatever order.
 * @module
 */
import { bytesToHex, equalBytes } from '../../protocol/bytes.ts'
import { bindOf, leadsTo, type Sha256 } from '../../protocol/chain.ts'
import { amountAt } from '../../protocol/channel.ts'
import type { PublicKey, Verify } from '../../protocol/keys.ts'
import { algorithms } from '../../protocol/keys.ts'
import { type ReceiptProof, receiptFault } from '../../protocol/receipts.ts'
import type { Commitment, Signed } from '../../protocol/structures.ts'
import {
  CHECKPOINT,
  channelStructure,
  commitmentStructure,
  digestOf,
  mandateStructure,
  receiptRootStructure,
  tariffStructure,
} from '../../protocol/structures.ts'
import type { EvidenceBundle, StatedLeaf } from './evidenceBundle.ts'
import { isSameKey, mergeBundles } from './evidenceMerge.ts'
import { mergeSigned, type SignedStatement, signedStatement } from './evidenceStatements.ts'

/** What can be found, and who has to answer for it. Appended to, never changed. */
export const findings = {
  /** Two bundles are about different channels, ledgers or keys. */
  bundles_differ: 'nobody',
  missing_channel: 'nobody',
  missing_tariff: 'nobody',
  missing_mandate: 'nobody',
  missing_commitment: 'nobody',
  missing_word: 'nobody',
  missing_receipt: 'nobody',
  missing_statement: 'nobody',
  /** A part is about another channel. */
  wrong_channel: 'nobody',
  wrong_gateway_key: 'nobody',
  wrong_signer_key: 'nobody',
  bad_tariff_signature: 'nobody',
  bad_mandate_signature: 'nobody',
  bad_commitment_signature: 'nobody',
  /** A word does not lead to the root of its commitment. */
  bad_word: 'nobody',
  bad_receipt: 'nobody',
  bad_statement: 'nobody',
  /** No mandate here covers what is owed. */
  over_mandate: 'nobody',
  /** A commitment has another price or step than the tariff that it names. */
  wrong_price: 'device',
  epoch_signed_twice: 'device',
  /** More than words here prove. */
  receipt_above_word: 'gateway',
  statement_above_word: 'gateway',
  /** Stated later and less than receipted. */
  statement_below_receipt: 'gateway',
  receipts_contradict: 'gateway',
  /** Two roots follow the same one. */
  roots_fork: 'gateway',
  statements_contradict: 'gateway',
  /** Both have to sign before a statement binds the fleet. */
  missing_fleet_signature: 'nobody',
  bad_fleet_signature: 'nobody',
} as const
export type FindingName = keyof typeof findings
export type Finding = { readonly finding: FindingName; readonly detail: string }

/** Amounts are cumulative since the channel was opened; undefined where nothing proves any. */
export type Verdict = {
  readonly channelId: Uint8Array | undefined
  /** Signed by the device: the highest word or checkpoint. */
  readonly owed: bigint | undefined
  /** The most of it that a mandate of the fleet covers. */
  readonly covered: bigint | undefined
  /** Signed by the gateway, in a receipt. */
  readonly receipted: bigint | undefined
  /** Signed by the gateway, in a statement. */
  readonly stated: bigint | undefined
  /** Signed by gateway and fleet. */
  readonly cosigned: bigint | undefined
  /** Statements about the channel, and whose signatures of them are here. */
  readonly statements: readonly SignedStatement[]
  readonly findings: readonly Finding[]
}

export type EvidenceTools = { readonly verify: Verify; readonly sha256: Sha256 }

/** Keys that the reader knows from elsewhere; those in a bundle are only claimed there. */
export type PinnedKeys = {
  readonly gatewayKey: PublicKey | undefined
  readonly signerKey: PublicKey | undefined
}

type Note = (finding: FindingName, detail: string) => void
type Case = {
  readonly bundle: EvidenceBundle
  readonly channelId: Uint8Array | undefined
  readonly note: Note
  readonly tools: EvidenceTools
}

/** Judges what one or more bundles about one channel prove together. */
export function judgeEvidence(
  bundles: readonly EvidenceBundle[],
  pinned: PinnedKeys,
  tools: EvidenceTools,
): Verdict {
  const found = new Map<string, Finding>()
  const note: Note = (finding, detail) => found.set(`${finding} ${detail}`, { finding, detail })
  const bundle = mergeBundles(bundles)
  if (!bundle) {
    note('bundles_differ', 'ledger, gateway key, signer key or channel')
    return { ...nothing, findings: sorted(found) }
  }
  const channelId = bundle.channel && digestOf(bundle.domain, channelStructure, bundle.channel)
  const one: Case = { bundle, channelId, note, tools }
  checkKeys(one, pinned)
  if (found.size > 0) return { ...nothing, channelId, findings: sorted(found) }
  const commitments = soundCommitments(one)
  const shown = amountsShown(one, commitments)
  const owed = highest(shown)
  const receipts = soundReceipts(one)
  const { leaves, signed } = judgeStatements(one)
  const receipted = highest(receipts.map(({ receipt }) => receipt.amount))
  const stated = highest(leaves.map(({ amount }) => amount))
  compareReceipts(one, receipts)
  compareStatements(one, leaves, receipts)
  compareWithWords(one, owed ?? 0n, receipted, stated)
  return {
    channelId,
    owed,
    covered: coveredBy(one, shown),
    receipted,
    stated,
    cosigned: highest(signed.filter(isByBoth).map(({ amount }) => amount)),
    statements: signed,
    findings: sorted(found),
  }
}

const nothing = {
  channelId: undefined,
  owed: undefined,
  covered: undefined,
  receipted: undefined,
  stated: undefined,
  cosigned: undefined,
  statements: [],
}

const order = Object.keys(findings)
function sorted(found: ReadonlyMap<string, Finding>): readonly Finding[] {
  const rank = ({ finding }: Finding) => order.indexOf(finding)
  return [...found.values()].sort(
    (a, b) => rank(a) - rank(b) || (a.detail < b.detail ? -1 : Number(a.detail > b.detail)),
  )
}

function highest(amounts: readonly bigint[]): bigint | undefined {
  return amounts.length === 0 ? undefined : amounts.reduce((a, b) => (a > b ? a : b))
}

function checkKeys({ bundle, note }: Case, { gatewayKey, signerKey }: PinnedKeys): void {
  if (gatewayKey && !isSameKey(gatewayKey, bundle.gatewayKey)) {
    note('wrong_gateway_key', 'the bundle names another key than the one given')
  }
  if (signerKey && bundle.signerKey && !isSameKey(signerKey, bundle.signerKey)) {
    note('wrong_signer_key', 'the bundle names another key than the one given')
  }
  if (!bundle.channel) note('missing_channel', 'nothing says what the parts are about')
}

function isOwn({ channelId, note }: Case, id: Uint8Array, part: string): boolean {
  if (channelId && equalBytes(channelId, id)) return true
  note('wrong_channel', part)
  return false
}

/** Good commitments of the channel, by digest; two of one epoch are the device's fault. */
function soundCommitments(one: Case): readonly Signed<Commitment>[] {
  const { bundle, note, tools } = one
  const { channel, domain } = bundle
  const algorithm = algorithms[(channel?.payerAlgorithm ?? 0) - 1]
  if (!channel || !algorithm) return []
  const sound = new Map<string, Signed<Commitment>>()
  for (const signed of bundle.commitments) {
    const { value, signature } = signed
    if (!isOwn(one, value.channelId, `commitment of epoch ${value.epoch}`)) continue
    const digest = digestOf(domain, commitmentStructure, value)
    if (!tools.verify({ algorithm, bytes: channel.payerKey }, digest, signature)) {
      note('bad_commitment_signature', `epoch ${value.epoch}`)
      continue
    }
    sound.set(bytesToHex(digest), signed)
    checkPrice(one, value)
  }
  if (sound.size === 0) note('missing_commitment', 'nothing says what the device agreed to')
  const epochs = [...sound.values()].map(({ value }) => value.epoch)
  for (const epoch of epochs.filter((each, at) => epochs.indexOf(each) !== at)) {
    note('epoch_signed_twice', `epoch ${epoch}`)
  }
  return [...sound.values()]
}

function checkPrice({ bundle, note, tools }: Case, value: Commitment): void {
  const tariff = bundle.tariffs.find((each) =>
    equalBytes(digestOf(bundle.domain, tariffStructure, each.value), value.tariffHash),
  )
  const { epoch, pricePerTick, unitsPerTick } = value
  if (!tariff) {
    note('missing_tariff', `epoch ${epoch}`)
    return
  }
  if (
    !tools.verify(
      bundle.gatewayKey,
      digestOf(bundle.domain, tariffStructure, tariff.value),
      tariff.signature,
    )
  ) {
    note('bad_tariff_signature', `epoch ${epoch}`)
    return
  }
  const { value: terms } = tariff
  if (terms.pricePerTick !== pricePerTick || terms.unitsPerTick !== unitsPerTick) {
    note('wrong_price', `epoch ${epoch}`)
  }
}

/** Every amount that the device has signed for. */
function amountsShown(
  { bundle, note, tools }: Case,
  commitments: readonly Signed<Commitment>[],
): readonly bigint[] {
  const amounts: bigint[] = []
  for (const { value } of commitments) if (value.kind === CHECKPOINT) amounts.push(value.base)
  for (const { epoch, index, word } of bundle.words) {
    const of = commitments.find(({ value }) => {
      const isIn = value.epoch === epoch && index >= 1 && index <= value.length
      return isIn && leadsTo(bindOf(value), word, index, value.root, 0, tools.sha256)
    })
    if (of) amounts.push(amountAt(of.value, index))
    else if (index > 0) note('bad_word', `epoch ${epoch}, index ${index}`)
  }
  if (bundle.words.length === 0) note('missing_word', 'nothing beyond the commitment is proved')
  return amounts
}

/** The highest amount shown that some mandate covers. */
function coveredBy(one: Case, shown: readonly bigint[]): bigint | undefined {
  const { bundle, note, tools } = one
  const limits: bigint[] = []
  for (const { value, signature } of bundle.mandates) {
    if (!isOwn(one, value.channelId, `mandate ${value.sequence}`)) continue
    const digest = digestOf(bundle.domain, mandateStructure, value)
    if (bundle.signerKey && tools.verify(bundle.signerKey, digest, signature))
      limits.push(value.limit)
    else note('bad_mandate_signature', `mandate ${value.sequence}`)
  }
  const limit = highest(limits)
  if (limit === undefined) {
    note('missing_mandate', 'nothing says what the fleet allowed')
    return undefined
  }
  if (shown.some((amount) => amount > limit)) note('over_mandate', `the limit is ${limit}`)
  return highest(shown.filter((amount) => amount <= limit))
}

function soundReceipts(one: Case): readonly ReceiptProof[] {
  const { bundle, note, tools } = one
  const trust = {
    domain: bundle.domain,
    gateway: bundle.channel?.gateway ?? '',
    key: bundle.gatewayKey,
  }
  const sound = bundle.receipts.filter((proof) => {
    if (!isOwn(one, proof.receipt.channelId, 'receipt')) return false
    const fault = receiptFault(proof, trust, tools.verify)
    if (fault) note('bad_receipt', fault)
    return !fault
  })
  if (sound.length === 0) note('missing_receipt', 'nothing says what the gateway acknowledged')
  return sound
}

function compareReceipts({ bundle, note }: Case, receipts: readonly ReceiptProof[]): void {
  for (const a of receipts) {
    for (const b of receipts) {
      if (isContradiction(a, b)) {
        note('receipts_contradict', `${describe(a)}, then ${describe(b)}`)
      }
      const [one, two] = [a, b].map(({ root }) =>
        digestOf(bundle.domain, receiptRootStructure, root.value),
      )
      const isFork =
        one &&
        two &&
        !equalBytes(one, two) &&
        equalBytes(a.root.value.previous, b.root.value.previous)
      if (isFork) note('roots_fork', `after ${bytesToHex(a.root.value.previous).slice(0, 16)}`)
    }
  }
}

const describe = ({ receipt }: ReceiptProof) => `${receipt.amount} at ${receipt.position}`

/** Later in one life of the gateway, and less; or the same word at two amounts. */
function isContradiction(a: ReceiptProof, b: ReceiptProof): boolean {
  const isSameWord = a.receipt.epoch === b.receipt.epoch && a.receipt.index === b.receipt.index
  if (isSameWord && a.receipt.amount < b.receipt.amount) return true
  const isLife = equalBytes(a.root.value.life, b.root.value.life)
  return isLife && b.receipt.position > a.receipt.position && b.receipt.amount < a.receipt.amount
}

/** Leaves that bind the gateway, and all statements with whoever has signed them. */
function judgeStatements({ bundle, note, tools }: Case) {
  if (bundle.statements.length === 0) note('missing_statement', 'nothing says what was settled')
  const leaves: StatedLeaf[] = []
  const all: SignedStatement[] = []
  for (const each of bundle.statements) {
    const name = `statement ${each.statement.value.sequence}`
    const one = signedStatement(bundle, each, tools.verify)
    if (!one) note('bad_statement', `${name}: leaf and path are not of its root`)
    else all.push(one)
    if (one?.gateway === 'good') leaves.push(each)
    else if (one) note('bad_statement', `${name}: the signature is not by the gateway's key`)
    if (one?.fleet === 'bad') note('bad_fleet_signature', `${name}: not by the signer's key`)
  }
  const signed = mergeSigned(all)
  for (const { fleet, sequence } of signed) {
    if (fleet === 'missing') note('missing_fleet_signature', `statement ${sequence}`)
  }
  return { leaves, signed }
}

const isByBoth = ({ gateway, fleet }: SignedStatement) => gateway === 'good' && fleet === 'good'

function compareStatements(
  { note }: Case,
  statements: readonly StatedLeaf[],
  receipts: readonly ReceiptProof[],
): void {
  for (const a of statements) {
    const { sequence, issuedAt } = a.statement.value
    for (const b of statements) {
      const isLater = b.statement.value.sequence >= sequence
      if (isLater && b.amount < a.amount) {
        note('statements_contradict', `statement ${sequence} and ${b.statement.value.sequence}`)
      }
    }
    for (const { receipt, root } of receipts) {
      if (issuedAt > root.value.issuedAt && a.amount < receipt.amount) {
        note('statement_below_receipt', `stated ${a.amount}, receipted ${receipt.amount} before`)
      }
    }
  }
}

function compareWithWords(
  { note }: Case,
  owed: bigint,
  receipted: bigint | undefined,
  stated: bigint | undefined,
): void {
  if (receipted !== undefined && receipted > owed) {
    note('receipt_above_word', `receipted ${receipted}, shown ${owed}`)
  }
  if (stated !== undefined && stated > owed) {
    note('statement_above_word', `stated ${stated}, shown ${owed}`)
  }
}
