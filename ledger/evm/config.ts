/**
 * Where a ledger in a contract is, and what its transactions may cost, as a configuration says it.
 * @module
 */
import * as v from 'valibot'
import { integerValue, textValue } from '../../ports/configTypes.ts'
import { parseHex } from '../../protocol/bytes.ts'
import { REORGANISATION_MAX } from './headRules.ts'

const addressAllowed = 'an address: 0x and 40 hex digits'
const addressValue = v.pipe(
  v.string(addressAllowed),
  v.check((text) => /^0x[0-9a-fA-F]{40}$/.test(text), addressAllowed),
  v.transform((text) => parseHex(text.slice(2)) ?? new Uint8Array(20)),
)

const rpcAllowed = 'http://HOST:PORT or https://HOST/PATH'
const rpcValue = v.pipe(
  v.string(rpcAllowed),
  v.check((text) => /^https?:\/\/\S+$/.test(text), rpcAllowed),
)

/** Six minutes on a chain with a block every twelve seconds. */
const CONFIRMATIONS_DEFAULT = 32
const GWEI = 1_000_000_000

/** What is needed to act as the fleet's owner, which a gateway does in a trial only. */
const trialValue = v.strictObject({
  ownerKeyFile: textValue,
  token: addressValue,
  feeRecipient: addressValue,
})

/** `ledger:` with `kind: evm`; docs/ledger-evm.md */
export const evmValue = v.strictObject({
  kind: v.literal('evm'),
  rpc: rpcValue,
  /** Another operator's node. */
  secondRpc: v.optional(rpcValue),
  contract: addressValue,
  /** Block in which the contract was created. */
  createdAt: v.optional(integerValue(0, Number.MAX_SAFE_INTEGER), 0),
  /** 64 hex digits of the key that sends transactions; nobody else may read it. */
  keyFile: textValue,
  confirmations: v.optional(integerValue(1, 2 * REORGANISATION_MAX), CONFIRMATIONS_DEFAULT),
  feePerGasMaxGwei: v.optional(integerValue(1, 1_000_000), 100),
  priorityFeePerGasGwei: v.optional(integerValue(0, 1_000_000), 1),
  replaceAfterSeconds: v.optional(integerValue(1, 86_400), 120),
  deadlineSeconds: v.optional(integerValue(10, 604_800), 3_600),
  pollMs: v.optional(integerValue(50, 600_000), 4_000),
  trial: v.optional(trialValue),
})
export type EvmSettings = v.InferOutput<typeof evmValue>

/** What a transaction may cost and how long it may take. */
export function policyOf(settings: EvmSettings) {
  return {
    feePerGasMax: BigInt(settings.feePerGasMaxGwei) * BigInt(GWEI),
    priorityFeePerGas: BigInt(settings.priorityFeePerGasGwei) * BigInt(GWEI),
    replaceAfterMs: settings.replaceAfterSeconds * 1_000,
    deadlineMs: settings.deadlineSeconds * 1_000,
    confirmations: settings.confirmations,
  }
}
