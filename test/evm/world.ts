/**
 * The escrow contract on a real node, with a fleet, a payee and devices.
 * @module
 */
import { claimChannelsCall, claimStatementCall } from '../../ledger/evm/callData.ts'
import type { ContractCodec, Values } from '../../ledger/evm/chain.ts'
import { anvilPath, type Hardfork } from '../../ledger/evm/io/anvil.ts'
import {
  type LocalChain,
  type LocalReceipt,
  startLocalChain,
} from '../../ledger/evm/io/localChain.ts'
import type { Claim, StatementSubmission } from '../../ledger/ledger.ts'
import { bytesToHex, parseHex, utf8ToBytes } from '../../protocol/bytes.ts'
import { keccak256 } from '../../protocol/keccak.ts'
import type { Algorithm, PrivateKey } from '../../protocol/keys.ts'
import { algorithmByte, publicKeyOf, signDigest } from '../../protocol/keys.ts'
import type { StatementLeaf } from '../../protocol/merkle.ts'
import type { Allocation, Channel, Statement } from '../../protocol/structures.ts'
import { allocationStructure, digestOf, statementStructure } from '../../protocol/structures.ts'
import type { Domain } from '../../protocol/typedData.ts'
import { DAY_SECONDS, deviceOf, keyOf, START_SECONDS, statementOf } from '../unit/ledger/world.ts'

export const hex = (bytes: Uint8Array): string => `0x${bytesToHex(bytes)}`

export function bytes(text: string): Uint8Array {
  const found = parseHex(text.slice(2))
  if (!found) throw new Error(`no hex: ${text}`)
  return found
}

const keccakText = (text: string) => keccak256(utf8ToBytes(text))

/** False where anvil is not installed; such tests are skipped and say so. */
export const hasAnvil = anvilPath() !== undefined

export type Node = LocalChain

/** A chain whose clock begins at the devices' own. */
export const startNode = (hardfork: Hardfork = 'osaka'): Promise<Node> =>
  startLocalChain(hardfork, START_SECONDS)

/** Why a transaction that failed was refused, found by calling it again. */
export async function refusalOf(
  node: Node,
  codec: ContractCodec,
  call: { from: string; to: string; data: string; value?: string },
): Promise<string> {
  try {
    await node.rpc('eth_call', [call, 'latest'])
    return 'none'
  } catch (error) {
    const { data } = dataOf(error)
    return (data && codec.refusal(data)) ?? String(error)
  }
}

function dataOf(error: unknown): { readonly data?: string } {
  let at = error as { data?: unknown; cause?: unknown } | undefined
  for (; at; at = at.cause as typeof at) if (typeof at.data === 'string') return { data: at.data }
  return {}
}

export type Escrow = Awaited<ReturnType<typeof openEscrow>>

export type EscrowOptions = {
  readonly signerAlgorithm?: Algorithm
  readonly amount?: bigint
  readonly feeBasisPoints?: number
  readonly token?: 'erc20' | 'native'
  readonly noticeSeconds?: number
}

export const NOTICE_SECONDS = 8 * DAY_SECONDS + 120
const TOKEN_PLACES = 6
/** 10^(places of the token - scale of the asset) */
export const FACTOR = 10n

/** Transactions, tries and questions of a contract. */
function callsOf(node: Node, address: string, codec: ContractCodec) {
  const run = (from: string, name: string, words: readonly unknown[], value = 0n) =>
    node.send(from, address, codec.encode(name, words), value)
  const why = (from: string, name: string, words: readonly unknown[], value = 0n) =>
    refusalOf(node, codec, {
      from,
      to: address,
      data: codec.encode(name, words),
      value: `0x${value.toString(16)}`,
    })
  const read = async (name: string, words: readonly unknown[]): Promise<unknown> =>
    codec.decode(
      name,
      (await node.rpc('eth_call', [
        { to: address, data: codec.encode(name, words) },
        'latest',
      ])) as string,
    )
  return { run, why, read }
}

/** An escrow with one open allocation. Accounts: 0 the fleet's owner, 1 payee, 2 gateway. */
export async function openEscrow(node: Node, options: EscrowOptions = {}) {
  const { signerAlgorithm = 'secp256k1', amount = 1_000_000_000n, feeBasisPoints = 100 } = options
  const { token: kind = 'erc20', noticeSeconds = NOTICE_SECONDS } = options
  const [owner = '', payee = '', gateway = '', stranger = ''] = node.accounts
  const signer = keyOf(900, signerAlgorithm)
  const { address, codec } = await node.deploy('contracts/TickpayEscrow.json')
  const places = TOKEN_PLACES.toString(16).padStart(64, '0')
  const token = await node.deploy('contracts/DemoToken.json', places)
  const domain: Domain = { chainId: 31_337n, verifyingContract: bytes(address) }
  const assetScale = kind === 'erc20' ? TOKEN_PLACES - 1 : 9
  const allocation: Allocation = {
    fleet: 'acme',
    gateway: 'gate-1',
    payee: bytes(payee),
    assetCode: 'EUR',
    assetScale,
  }
  const id = digestOf(domain, allocationStructure, allocation)
  const terms = {
    fleet: hex(keccakText(allocation.fleet)),
    gateway: hex(keccakText(allocation.gateway)),
    payee,
    assetCode: hex(keccakText(allocation.assetCode)),
    assetScale,
  }
  const opening = {
    ...{ fleet: allocation.fleet, gateway: allocation.gateway, payee, noticeSeconds },
    ...{ assetCode: allocation.assetCode, assetScale, feeRecipient: gateway, feeBasisPoints },
    token: kind === 'erc20' ? token.address : `0x${'0'.repeat(40)}`,
    signerAlgorithm: algorithmByte(signerAlgorithm),
    signerKey: hex(publicKeyOf(signer).bytes),
  }
  const { run, why, read } = callsOf(node, address, codec)
  const tokens = async (holder: string): Promise<bigint> => {
    const data = token.codec.encode('balanceOf', [holder])
    return BigInt((await node.rpc('eth_call', [{ to: token.address, data }, 'latest'])) as string)
  }
  const mint = (to: string, value: bigint) =>
    node.send(owner, token.address, token.codec.encode('mint', [to, value]))
  await mint(owner, 1n << 80n)
  await node.send(owner, token.address, token.codec.encode('approve', [address, 1n << 90n]))
  await run(owner, 'open', [opening, amount], kind === 'native' ? amount * 10n ** 9n : 0n)
  await run(payee, 'nameSubmitter', [gateway, true])
  const state = async () => (await read('allocation', [hex(id)])) as Values
  const context = { domain, allocation, signerKey: publicKeyOf(signer) }
  const device = (
    number: number,
    algorithm: Algorithm = 'secp256k1',
    changes: Partial<Channel> = {},
  ) => signedBy(signer, escrowDevice(context, id, feeBasisPoints, number, algorithm, changes))
  return {
    ...{ node, address, codec, token, domain, allocation, id, terms, opening, signer, context },
    ...{ owner, payee, gateway, stranger, run, why, read, tokens, mint, state, device },
    show: async (data: Uint8Array, from = gateway) =>
      claimed(codec, await node.send(from, address, hex(data))),
    claim: async (claims: readonly Claim[], from = gateway) =>
      claimed(codec, await node.send(from, address, hex(claimChannelsCall(context, claims)))),
    statementData: (submission: StatementSubmission) =>
      hex(claimStatementCall(context, submission.statement, submission.fleetSignature)),
    statement: (leaves: readonly StatementLeaf[], changes: Partial<Statement> = {}) =>
      cosigned(domain, signer, statementOf(domain, id, leaves, changes)),
  }
}

type Context = { readonly domain: Domain; readonly allocation: Allocation }

function escrowDevice(
  { domain, allocation }: Context,
  id: Uint8Array,
  feeBasisPoints: number,
  number: number,
  algorithm: Algorithm,
  changes: Partial<Channel>,
) {
  const { fleet, gateway, payee, assetCode: code, assetScale: scale } = allocation
  const asset = { code, scale }
  const of = { id, payee, feeBasisPoints, fleet, gateway, asset }
  return deviceOf(domain, of, number, changes, algorithm)
}

/** A device whose mandates the fleet of this ledger signs. */
function signedBy(signer: PrivateKey, device: ReturnType<typeof deviceOf>) {
  const mandate = device.signMandate({}, signer)
  return {
    ...device,
    mandate,
    commit: (changes: Parameters<typeof device.commit>[0] = {}) => {
      const epoch = device.commit(changes)
      const claim = (index: number, altered: Partial<Claim> = {}) =>
        epoch.claim(index, { mandate, ...altered })
      return { ...epoch, claim }
    },
  }
}

function cosigned(
  domain: Domain,
  signer: PrivateKey,
  submission: StatementSubmission,
): StatementSubmission {
  const digest = digestOf(domain, statementStructure, submission.statement)
  return { ...submission, fleetSignature: signDigest(signer, digest) }
}

export type Outcome = {
  /** 100 bits of its id. */
  readonly channel: string
  readonly position: number
  readonly reason: number
  readonly paid: bigint
  readonly evidence: bigint
}

/** What a transaction says of its claims. */
export function claimed(codec: ContractCodec, receipt: LocalReceipt) {
  const events = receipt.logs.map((log) => codec.event(log))
  const outcomes = events.flatMap((event): Outcome[] => {
    if (event?.name !== 'Claimed') return []
    const told = event.values['outcomes'] as readonly bigint[]
    return told.map((outcome) => ({
      channel: `0x${(outcome >> 156n).toString(16).padStart(25, '0')}`,
      position: Number((outcome >> 136n) & 0xfffffn),
      reason: Number(outcome & 0xffn),
      paid: (outcome >> 8n) & ((1n << 64n) - 1n),
      evidence: (outcome >> 72n) & ((1n << 64n) - 1n),
    }))
  })
  return { status: receipt.status, gas: BigInt(receipt.gasUsed), outcomes }
}
