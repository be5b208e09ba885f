/**
 * The gateway's receipts as the device sees them: checked against what it has shown and what was
 * acknowledged to it, and the newest one kept for the day on which somebody doubts it.
 * @module
 */
import type { Log } from '../ports/index.ts'
import { equalBytes } from '../protocol/bytes.ts'
import { amountAt } from '../protocol/channel.ts'
import { verifyDigest } from '../protocol/keys.ts'
import type { Mark } from '../protocol/messages.ts'
import type { ReceiptFault, ReceiptProof, ReceiptTrust } from '../protocol/receipts.ts'
import { decodeReceipt, receiptFault } from '../protocol/receipts.ts'
import type { Account } from './account.ts'
import { type Payer, shownAmount } from './payerState.ts'
import type { Records } from './records.ts'

/** What was acknowledged at a position of the gateway's journal. */
export type Acknowledged = {
  readonly life: Uint8Array
  readonly position: number
  /** Cumulative. */
  readonly amount: bigint
}

/** What a receipt is held against. */
export type ReceiptContext = {
  readonly trust: ReceiptTrust
  /** Highest cumulative amount shown; undefined while the device does not know. */
  readonly shown: bigint | undefined
  readonly acknowledged: Acknowledged | undefined
  /** The newest receipt of the same channel. */
  readonly newest: ReceiptProof | undefined
}

export type ReceiptVerdict =
  | 'good'
  /** What is known already. */
  | 'older'
  /** More than this device has shown. */
  | 'gateway_lied'
  /** Less than was acknowledged or receipted before. */
  | 'goes_back'
  | ReceiptFault

/** Judges a receipt of the device's own channel. */
export function judgeReceipt(proof: ReceiptProof, context: ReceiptContext): ReceiptVerdict {
  const { trust, shown, acknowledged, newest } = context
  const fault = receiptFault(proof, trust, verifyDigest)
  if (fault) return fault
  const { amount, position } = proof.receipt
  const { life } = proof.root.value
  if (shown !== undefined && amount > shown) return 'gateway_lied'
  const isCovered =
    acknowledged && equalBytes(acknowledged.life, life) && position >= acknowledged.position
  if (isCovered && amount < acknowledged.amount) return 'goes_back'
  if (!newest) return 'good'
  const isLater = equalBytes(newest.root.value.life, life) && position > newest.receipt.position
  if (isLater && amount < newest.receipt.amount) return 'goes_back'
  return amount > newest.receipt.amount ? 'good' : 'older'
}

const problems: Readonly<Record<Exclude<ReceiptVerdict, 'good' | 'older'>, string>> = {
  gateway_lied: 'the gateway signed a receipt for more than this device has shown',
  goes_back: 'the gateway signed a receipt for less than it has acknowledged before',
  wrong_path: 'the gateway sent a receipt that is not below its root',
  wrong_gateway: 'the gateway sent a receipt of another gateway',
  bad_signature: 'the gateway sent a receipt that its key did not sign',
}

/** What people are told of a meter's newest receipt; amounts and units are decimal strings. */
export type ReceiptStatus = {
  readonly amount: string
  readonly units: string
  readonly epoch: number
  readonly index: number
  /** Journal position of the gateway. */
  readonly position: number
  /** When the gateway signed it. */
  readonly atSeconds: number
}

export type ReceiptBook = {
  /** A `down/receipt`. */
  readonly take: (payload: Uint8Array, meters: ReadonlyMap<string, HasAccount>) => void
  /** The newest receipt of a meter's channel; undefined before there is one. */
  readonly newest: (meter: string, channelId: Uint8Array) => ReceiptProof | undefined
  readonly status: (meter: string) => ReceiptStatus | null
  readonly problem: (meter: string) => string | undefined
}

type HasAccount = { readonly account: Account }

export function createReceiptBook(
  trust: ReceiptTrust,
  records: Pick<Records, 'meter' | 'keep' | 'mark'>,
  log: Log,
): ReceiptBook {
  const acknowledged = new Map<string, Acknowledged & { readonly channelId: Uint8Array }>()
  const wrong = new Map<string, string>()
  const kept = (meter: string) => {
    const { receipt } = records.meter(meter)
    return receipt && decodeReceipt(receipt)
  }
  const newest = (meter: string, channelId: Uint8Array) => {
    const proof = kept(meter)
    return proof && equalBytes(proof.receipt.channelId, channelId) ? proof : undefined
  }
  const takeOwn = (meter: string, account: Account, payload: Uint8Array, proof: ReceiptProof) => {
    const payer = account.payer()
    const { channelId } = proof.receipt
    const before = acknowledged.get(meter)
    const verdict = judgeReceipt(proof, {
      trust,
      shown: payer.running && shownAmount(payer),
      acknowledged: before && equalBytes(before.channelId, channelId) ? before : undefined,
      newest: newest(meter, channelId),
    })
    if (verdict === 'good') records.keep(meter, { receipt: payload })
    if (verdict === 'good' || verdict === 'older') wrong.delete(meter)
    else {
      wrong.set(meter, problems[verdict])
      log('error', problems[verdict], { meter, amount: `${proof.receipt.amount}` })
    }
    if (verdict === 'gateway_lied') account.haltForLie()
    const now = acknowledgedNow(payer, records.mark())
    if (now) acknowledged.set(meter, { ...now, channelId })
  }
  return {
    take: (payload, meters) => {
      const proof = decodeReceipt(payload)
      if (!proof) return
      for (const [meter, { account }] of meters) {
        const own = account.payer().facts?.channelId
        if (own && equalBytes(own, proof.receipt.channelId)) takeOwn(meter, account, payload, proof)
      }
    },
    newest,
    status: (meter) => statusOf(kept(meter)),
    problem: (meter) => wrong.get(meter),
  }
}

function acknowledgedNow(payer: Payer, mark: Mark | undefined): Acknowledged | undefined {
  if (!payer.running || !mark) return undefined
  const { life, position } = mark
  return { life, position, amount: amountAt(payer.running.terms, payer.acked) }
}

function statusOf(proof: ReceiptProof | undefined): ReceiptStatus | null {
  if (!proof) return null
  const { amount, units, epoch, index, position } = proof.receipt
  const atSeconds = proof.root.value.issuedAt
  return { amount: `${amount}`, units: `${units}`, epoch, index, position, atSeconds }
}
