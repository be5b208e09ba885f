/**
 * Rows of the database as the ledger's values.
 * @module
 */
import { OperatorError } from '../../ports/operatorError.ts'
import { type PublicKey, parsePublicKey } from '../../protocol/keys.ts'
import type { ChannelBook, Entry } from '../embedded/records.ts'
import type { Withdrawal } from '../ledger.ts'
import type { AllocationBook } from '../rules/allocationRules.ts'
import type { Row } from './database.ts'

function damaged(column: string): OperatorError {
  return new OperatorError(
    `the ledger's database has no sound "${column}": restore it from a backup`,
  )
}

export function textAt(row: Row, column: string): string {
  const value = row[column]
  if (typeof value !== 'string') throw damaged(column)
  return value
}

/** Whole numbers of any size; the client gives the larger ones as text. */
export function amountAt(row: Row, column: string): bigint {
  const value = row[column]
  if (typeof value === 'number' || typeof value === 'bigint') return BigInt(value)
  if (typeof value !== 'string' || !/^-?\d+$/.test(value)) throw damaged(column)
  return BigInt(value)
}

export const numberAt = (row: Row, column: string): number => Number(amountAt(row, column))

export function bytesAt(row: Row, column: string): Uint8Array {
  const value = row[column]
  if (!(value instanceof Uint8Array)) throw damaged(column)
  return new Uint8Array(value)
}

const isThere = (row: Row, column: string) => row[column] !== null && row[column] !== undefined

function keyAt(row: Row, column: string): PublicKey {
  const key = parsePublicKey(bytesAt(row, column))
  if (!key) throw damaged(column)
  return key
}

/** `withdrawing`: the requests of this allocation that wait. */
export function allocationFrom(row: Row, withdrawing: readonly Withdrawal[]): AllocationBook {
  return {
    id: bytesAt(row, 'id'),
    fleet: textAt(row, 'fleet'),
    gateway: textAt(row, 'gateway'),
    payee: bytesAt(row, 'payee'),
    assetCode: textAt(row, 'asset_code'),
    assetScale: numberAt(row, 'asset_scale'),
    feeBasisPoints: numberAt(row, 'fee_basis_points'),
    signerKey: keyAt(row, 'signer_key'),
    ownerKey: isThere(row, 'owner_key') ? keyAt(row, 'owner_key') : undefined,
    gatewayKey: isThere(row, 'gateway_key') ? keyAt(row, 'gateway_key') : undefined,
    withdrawalNoticeSeconds: numberAt(row, 'notice_seconds'),
    openedAtSeconds: numberAt(row, 'opened_at'),
    setAside: amountAt(row, 'set_aside'),
    paid: amountAt(row, 'paid'),
    evidencePaid: amountAt(row, 'evidence_paid'),
    fee: amountAt(row, 'fee'),
    statement: isThere(row, 'statement_root')
      ? {
          sequence: numberAt(row, 'statement_sequence'),
          digest: bytesAt(row, 'statement_digest'),
          root: bytesAt(row, 'statement_root'),
          positions: numberAt(row, 'statement_positions'),
        }
      : undefined,
    withdrawing,
  }
}

export function withdrawalFrom(row: Row): Withdrawal {
  return {
    reference: textAt(row, 'reference'),
    amount: amountAt(row, 'amount'),
    availableAtSeconds: numberAt(row, 'available_at'),
  }
}

export function channelFrom(row: Row): ChannelBook {
  return {
    channelId: bytesAt(row, 'channel_id'),
    paid: amountAt(row, 'paid'),
    evidencePaid: amountAt(row, 'paid_by_evidence'),
    epoch: numberAt(row, 'epoch'),
    index: numberAt(row, 'index'),
    word: bytesAt(row, 'word'),
    paidAtSeconds: numberAt(row, 'paid_at'),
  }
}

export function entryFrom(row: Row): Entry {
  return {
    number: numberAt(row, 'number'),
    timeSeconds: numberAt(row, 'at_seconds'),
    debit: textAt(row, 'debit'),
    credit: textAt(row, 'credit'),
    asset: textAt(row, 'asset'),
    amount: amountAt(row, 'amount'),
    reference: textAt(row, 'reference'),
    ...(isThere(row, 'channel') ? { channel: textAt(row, 'channel') } : {}),
  }
}
