/**
 * What the contract knows of an allocation, in the words of the ledger.
 * @module
 */
import { assert } from '../../protocol/assert.ts'
import { bytesToHex, equalBytes, parseHex } from '../../protocol/bytes.ts'
import { keccak256 } from '../../protocol/keccak.ts'
import { algorithms, type PublicKey } from '../../protocol/keys.ts'
import { merkleRoot } from '../../protocol/merkle.ts'
import type { Allocation } from '../../protocol/structures.ts'
import type { AllocationState, Withdrawal } from '../ledger.ts'
import { feeOf } from '../rules/accounting.ts'
import type { Values } from './chain.ts'

const NO_LEAVES_ROOT = merkleRoot(new Map())

/** `0x` and hex digits. */
export const hexOf = (bytes: Uint8Array): string => `0x${bytesToHex(bytes)}`

export function bytesOf(text: unknown): Uint8Array {
  const bytes = parseHex(String(text).slice(2))
  assert(bytes !== undefined, 'what a contract answers is hex')
  return bytes
}

/** A signer that was replaced: its mandates are taken until the notice is over. */
export type PreviousSigner = { readonly key: PublicKey; readonly untilSeconds: number }

/** What events said: the names at the opening, and who signs since the last rotation. */
export type Opened = {
  readonly allocation: Allocation
  readonly signerKey: PublicKey
  readonly previous?: PreviousSigner
}

/** With one event more: the one that opened an allocation, or that rotated its signer. */
export function openedAfter(
  before: Opened | undefined,
  name: string,
  values: Values,
): Opened | undefined {
  if (name === 'Opened') return openingOf(values['opening'] as Values)
  if (name !== 'SignerRotated' || !before) return before
  const { allocation, signerKey } = before
  const untilSeconds = Number(values['previousUntil'])
  const previous = { key: signerKey, untilSeconds }
  return { allocation, signerKey: keyOf(values['algorithm'], values['key']), previous }
}

function openingOf(opening: Values): Opened {
  return {
    allocation: {
      fleet: String(opening['fleet']),
      gateway: String(opening['gateway']),
      payee: bytesOf(opening['payee']),
      assetCode: String(opening['assetCode']),
      assetScale: Number(opening['assetScale']),
    },
    signerKey: keyOf(opening['signerAlgorithm'], opening['signerKey']),
  }
}

function keyOf(algorithmByte: unknown, key: unknown): PublicKey {
  const algorithm = algorithms[Number(algorithmByte) - 1]
  assert(algorithm !== undefined, 'the contract takes no other algorithm')
  return { algorithm, bytes: bytesOf(key) }
}

/** The numbers of an allocation at one block. */
export type Figures = {
  readonly setAside: bigint
  readonly paid: bigint
  readonly evidencePaid: bigint
  readonly statementSequence: number
  readonly statementRoot: Uint8Array
  readonly feeBasisPoints: number
  readonly noticeSeconds: number
  readonly signerKeyHash: Uint8Array
  readonly withdrawing: Withdrawal | undefined
}

/** Undefined for an allocation that was not opened. */
export function figuresOf(answer: Values): Figures | undefined {
  const big = (name: string) => BigInt(answer[name] as bigint | number)
  if (big('noticeSeconds') === 0n) return undefined
  const amount = big('withdrawing')
  const availableAtSeconds = Number(big('withdrawableAt'))
  return {
    setAside: big('setAside'),
    paid: big('paid'),
    evidencePaid: big('evidencePaid'),
    statementSequence: Number(big('statementSequence')),
    statementRoot: bytesOf(answer['statementRoot']),
    feeBasisPoints: Number(big('feeBasisPoints')),
    noticeSeconds: Number(big('noticeSeconds')),
    signerKeyHash: bytesOf(answer['signerKeyHash']),
    withdrawing:
      amount === 0n
        ? undefined
        : { reference: `evm-${availableAtSeconds}`, amount, availableAtSeconds },
  }
}

/** True where the events and the contract name the same signer. */
export const knowsSigner = ({ signerKey }: Opened, { signerKeyHash }: Figures): boolean =>
  equalBytes(keccak256(signerKey.bytes), signerKeyHash)

const least = (a: bigint, b: bigint) => (a < b ? a : b)

const availableIn = ({ setAside, paid, withdrawing }: Figures): bigint => {
  const available = setAside - paid - (withdrawing?.amount ?? 0n)
  return available > 0n ? available : 0n
}

/**
 * What the gateway may count on: a deposit once it is final, a withdrawal from the block that asks
 * for it. Everything else is as the newest block has it.
 */
export function stateOf(
  id: Uint8Array,
  { allocation, signerKey }: Opened,
  newest: Figures,
  final: Figures | undefined,
  statementPositions: number,
  gatewayKey: PublicKey | undefined,
): AllocationState {
  const { fleet, gateway, payee, assetCode: code, assetScale: scale } = allocation
  const { setAside, paid, evidencePaid, feeBasisPoints, withdrawing } = newest
  return {
    ...{ id, fleet, gateway, payee, asset: { code, scale }, feeBasisPoints, signerKey },
    ...(gatewayKey ? { gatewayKey } : {}),
    ...{ setAside, paid, evidencePaid, statementPositions },
    statementSequence: newest.statementSequence,
    statementRoot: newest.statementSequence === 0 ? NO_LEAVES_ROOT : newest.statementRoot,
    fee: feeOf(paid, feeBasisPoints),
    withdrawing: withdrawing ? [withdrawing] : [],
    available: final ? least(availableIn(newest), availableIn(final)) : 0n,
    withdrawalNoticeSeconds: newest.noticeSeconds,
  }
}
