/**
 * The escrow contract on a chain of its own, with a fleet of devices whose signatures are real.
 * @module
 */
import {
  type ClaimContext,
  claimChannelsCall,
  claimStatementCall,
} from '../../ledger/evm/callData.ts'
import { type LocalChain, startLocalChain } from '../../ledger/evm/io/localChain.ts'
import { bytesOf, hexOf } from '../../ledger/evm/states.ts'
import type { Claim } from '../../ledger/ledger.ts'
import { bigEndian } from '../../protocol/bytes.ts'
import { buildChain } from '../../protocol/chain.ts'
import type { Algorithm, PrivateKey } from '../../protocol/keys.ts'
import { algorithmByte, publicKeyOf, signDigest } from '../../protocol/keys.ts'
import {
  type MerkleTree,
  merkleTree,
  STATEMENT_DEPTH,
  statementLeaf,
} from '../../protocol/merkle.ts'
import {
  allocationStructure,
  CHECKPOINT,
  channelStructure,
  commitmentStructure,
  digestOf,
  mandateStructure,
  type Statement,
  statementStructure,
} from '../../protocol/structures.ts'

export const START_SECONDS = 1_800_000_000
const DAY_SECONDS = 24 * 3_600
const NOTICE_SECONDS = 8 * DAY_SECONDS + 120
const DEPOSIT = 1n << 60n
const SCALE = 6

/** A key of its own for every number. */
const keyOf = (number: number, algorithm: Algorithm): PrivateKey => ({
  algorithm,
  bytes: bigEndian(BigInt(number + 1), 32),
})

export type BenchEscrow = Awaited<ReturnType<typeof openBenchEscrow>>

/** A new contract with one funded allocation; the token is an ERC-20 of 6 decimals. */
export async function openBenchEscrow(chain: LocalChain) {
  const [owner = '', payee = ''] = chain.accounts
  const signer = keyOf(1 << 24, 'secp256k1')
  const { address, codec } = await chain.deploy('contracts/TickpayEscrow.json')
  const word = SCALE.toString(16).padStart(64, '0')
  const token = await chain.deploy('contracts/DemoToken.json', word)
  const allocation = {
    ...{ fleet: 'bench', gateway: 'gateway-1', payee: bytesOf(payee) },
    ...{ assetCode: 'EUR', assetScale: SCALE },
  }
  const opening = {
    ...allocation,
    ...{ payee, token: token.address, feeRecipient: owner, feeBasisPoints: 100 },
    ...{ signerAlgorithm: algorithmByte('secp256k1'), noticeSeconds: NOTICE_SECONDS },
    signerKey: hexOf(publicKeyOf(signer).bytes),
  }
  const call = (to: string, data: string) => mustSucceed(chain, owner, to, data)
  await call(token.address, token.codec.encode('mint', [owner, DEPOSIT]))
  // A payee that had some before: every further payment costs the same.
  await call(token.address, token.codec.encode('mint', [payee, 1n]))
  await call(token.address, token.codec.encode('approve', [address, DEPOSIT]))
  await call(address, codec.encode('open', [opening, DEPOSIT]))
  const domain = { chainId: 31_337n, verifyingContract: bytesOf(address) }
  const id = digestOf(domain, allocationStructure, allocation)
  const context: ClaimContext = { domain, allocation, signerKey: publicKeyOf(signer) }
  /** Gas of one transaction, calldata and token transfer included. */
  const gasOf = async (data: string): Promise<number> =>
    Number((await mustSucceed(chain, payee, address, data)).gasUsed)
  return { context, id, signer, gasOf }
}

async function mustSucceed(chain: LocalChain, from: string, to: string, data: string) {
  const receipt = await chain.send(from, to, data)
  if (receipt.status !== '0x1') throw new Error('a transaction of the benchmark failed')
  return receipt
}

export const startBenchChain = (): Promise<LocalChain> => startLocalChain('osaka', START_SECONDS)

/** What a device shows: a checkpoint of `base` and a tail of `index` ticks. */
export type Shown = { readonly base: bigint; readonly epoch: number; readonly index: number }

/** A claim of device `number` with signatures of its own key and of the fleet. */
export function claimOf(
  { context, id, signer }: BenchEscrow,
  number: number,
  algorithm: Algorithm,
  { base, epoch, index }: Shown,
): Claim {
  const { domain, allocation } = context
  const key = keyOf(number, algorithm)
  const channel = {
    ...{ ...allocation, payerAlgorithm: algorithmByte(algorithm), feeBasisPoints: 100 },
    ...{ payerKey: publicKeyOf(key).bytes, meter: 'energy', allocation: id, position: number },
    salt: digestOf(domain, allocationStructure, { ...allocation, fleet: `${number}` }),
  }
  const channelId = digestOf(domain, channelStructure, channel)
  const mandate = {
    ...{ channelId, sequence: epoch, limit: 1_000_000_000n, limitPerDay: 50_000_000n },
    ...{ notBefore: START_SECONDS, expiry: START_SECONDS + DAY_SECONDS },
    claimUntil: START_SECONDS + 8 * DAY_SECONDS,
  }
  const terms = {
    ...{ kind: CHECKPOINT, channelId, epoch, base, length: Math.max(1, index) },
    ...{ unitsPerTick: 10n, pricePerTick: 2_500n, startReading: 1_234_567n },
    ...{ tariffHash: channel.salt, issuedAt: START_SECONDS, expiry: START_SECONDS + DAY_SECONDS },
  }
  const chain = buildChain(bigEndian(BigInt(number), 32), terms)
  const commitment = { ...terms, root: chain.root }
  return {
    channel,
    mandate: {
      value: mandate,
      signature: signDigest(signer, digestOf(domain, mandateStructure, mandate)),
    },
    commitment: {
      value: commitment,
      signature: signDigest(key, digestOf(domain, commitmentStructure, commitment)),
    },
    index,
    word: chain.wordAt(index),
  }
}

export const claimsData = ({ context }: BenchEscrow, claims: readonly Claim[]): string =>
  hexOf(claimChannelsCall(context, claims))

/** The tree of a statement in which each of these channels has the same amount. */
export function treeOf(channelIds: readonly Uint8Array[], amount: bigint): MerkleTree {
  const leaves = channelIds.map(
    (channelId, position) => [position, statementLeaf({ position, channelId, amount })] as const,
  )
  return merkleTree(new Map(leaves), STATEMENT_DEPTH)
}

/** The call with a statement that the fleet signed. */
export function statementData(
  { context, id, signer }: BenchEscrow,
  changes: Pick<Statement, 'sequence' | 'total' | 'positions' | 'root'>,
): string {
  const statement = {
    ...{ allocation: id, evidencePaid: 0n, issuedAt: START_SECONDS, ...changes },
    expiry: START_SECONDS + DAY_SECONDS,
  }
  const digest = digestOf(context.domain, statementStructure, statement)
  return hexOf(claimStatementCall(context, statement, signDigest(signer, digest)))
}
