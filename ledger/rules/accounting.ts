/**
 * Double entry: every transfer takes an amount out of one account and puts it into another, so the
 * sum over all accounts of an asset is always 0. Only `external` may be below 0; it is everything
 * outside the ledger, so its debt is what the ledger holds.
 * @module
 */

import type { Asset } from '../../protocol/amount.ts'
import { assert } from '../../protocol/assert.ts'
import { bytesToHex } from '../../protocol/bytes.ts'
import { AMOUNT_MAX, FEE_BASIS_POINTS_MAX } from '../../protocol/limits.ts'

/** The account that an amount came from or went to; each holds every asset apart. */
export type Account = string

/** The world outside the ledger: deposits come from it, what is paid out goes to it. */
export const EXTERNAL: Account = 'external'
/** What a fleet holds and has not set aside. */
export const fleetAccount = (fleet: string): Account => `fleet:${fleet}`
export const allocationAccount = (id: Uint8Array): Account => `allocation:${bytesToHex(id)}`
export const payeeAccount = (payee: Uint8Array): Account => `payee:0x${bytesToHex(payee)}`
/** What a gateway earned. */
export const feeAccount = (gateway: string): Account => `fee:${gateway}`

/** An asset as one word: `EUR/6`. */
export const assetName = ({ code, scale }: Asset): string => `${code}/${scale}`

/** One movement. `debit` loses `amount` minor units of `asset`, `credit` gains them. */
export type Transfer = {
  readonly debit: Account
  readonly credit: Account
  readonly asset: string
  readonly amount: bigint
  /** Who asked: the key of a submission or what an operator gave. */
  readonly reference: string
  /** Hex id of the channel that is paid for; absent otherwise. */
  readonly channel?: string
}

/** What a balance is called: an account holds every asset apart. */
export const balanceName = (account: Account, asset: string): string => `${asset} ${account}`

export type BalanceChange = { readonly name: string; readonly balance: bigint }

/** Why a transfer cannot be made. */
export type TransferProblem = 'not_enough' | 'too_much'

/**
 * Both balances after a transfer. `not_enough`: the debited account holds less. `too_much`: the
 * ledger would hold more than an amount can say.
 */
export function afterTransfer(
  balanceOf: (name: string) => bigint,
  { debit, credit, asset, amount }: Transfer,
): TransferProblem | readonly [BalanceChange, BalanceChange] {
  assert(amount > 0n && debit !== credit, 'a transfer moves something from one account to another')
  const from = balanceName(debit, asset)
  const to = balanceName(credit, asset)
  const debited = balanceOf(from) - amount
  const credited = balanceOf(to) + amount
  if (debit === EXTERNAL ? debited < -AMOUNT_MAX : debited < 0n) {
    return debit === EXTERNAL ? 'too_much' : 'not_enough'
  }
  assert(credited <= AMOUNT_MAX, 'no account holds more than the whole ledger')
  return [
    { name: from, balance: debited },
    { name: to, balance: credited },
  ]
}

/** The gateway's part of everything paid so far: the floor, the payee gets the rest. */
export function feeOf(paidTotal: bigint, feeBasisPoints: number): bigint {
  return (paidTotal * BigInt(feeBasisPoints)) / BigInt(FEE_BASIS_POINTS_MAX)
}
