/**
 * viem behind our own shapes. The library is loaded when the first of these is asked for, because
 * it takes 0.4 s and 30 MB that other ledgers need not spend.
 * @module
 */
import type { Abi, Hex } from 'viem'
import { bytesToHex } from '../../../protocol/bytes.ts'
import type { Account, ContractCodec, Rpc, Values } from '../chain.ts'

/** One attempt, so that the caller decides what a failure means. */
export async function openRpc(url: string, timeoutMs: number): Promise<Rpc> {
  const { http } = await import('viem')
  const { request } = http(url, { retryCount: 0, timeout: timeoutMs })({})
  return (method, params) => request({ method, params } as Parameters<typeof request>[0])
}

/** The codec of a contract from its checked-in ABI. */
export async function openCodec(abi: readonly unknown[]): Promise<ContractCodec> {
  const viem = await import('viem')
  const known = abi as Abi
  return {
    encode: (functionName, args) => viem.encodeFunctionData({ abi: known, functionName, args }),
    decode: (functionName, data) =>
      viem.decodeFunctionResult({ abi: known, functionName, data: data as Hex }),
    event: ({ topics, data }) => {
      try {
        const found = viem.decodeEventLog({
          abi: known,
          topics: topics as [Hex, ...Hex[]],
          data: data as Hex,
        })
        return { name: found.eventName ?? '', values: (found.args ?? {}) as Values }
      } catch {
        return undefined
      }
    },
    topic: (eventName) => {
      const [topic] = viem.encodeEventTopics({ abi: known, eventName })
      return String(topic)
    },
    refusal: (data) => {
      try {
        const found = viem.decodeErrorResult({ abi: known, data: data as Hex })
        return found.errorName === 'Refused' ? String(found.args?.[0]) : found.errorName
      } catch {
        return undefined
      }
    },
  }
}

/** An account that signs with a secp256k1 key of 32 bytes. */
export async function openAccount(privateKey: Uint8Array): Promise<Account> {
  const { keccak256 } = await import('viem')
  const { privateKeyToAccount } = await import('viem/accounts')
  const account = privateKeyToAccount(`0x${bytesToHex(privateKey)}`)
  return {
    address: account.address.toLowerCase(),
    sign: async ({ to, data, ...rest }) => {
      const raw = await account.signTransaction({
        ...rest,
        ...(to === undefined ? {} : { to: to as Hex }),
        data: data as Hex,
        type: 'eip1559',
      })
      return { raw, hash: keccak256(raw) }
    },
  }
}
