/**
 * The ledger that is an escrow contract. The contract checks every claim itself; here is what it
 * takes to bring claims to a chain that may be slow, dear, rearranged or lied about. Nothing is
 * kept on disk: what is paid is asked of the chain, and showing the same again is safe.
 * @module
 */
import type { Clock, Log, Timers } from '../../ports/index.ts'
import { OperatorError } from '../../ports/operatorError.ts'
import { equalBytes } from '../../protocol/bytes.ts'
import type { Sha256 } from '../../protocol/chain.ts'
import type { PublicKey, Verify } from '../../protocol/keys.ts'
import { digestOf, statementStructure } from '../../protocol/structures.ts'
import type { Domain } from '../../protocol/typedData.ts'
import type {
  AllocationState,
  Claim,
  ClaimResult,
  Ledger,
  StatementResult,
  StatementSubmission,
} from '../ledger.ts'
import { digesterOf } from '../rules/digests.ts'
import { checkStatement, type StatementReason } from '../rules/statementRules.ts'
import { type ClaimContext, claimStatementCall } from './callData.ts'
import type { Account, ContractCodec } from './chain.ts'
import {
  judgeHere,
  outcomesOf,
  type Payable,
  type Placed,
  sortClaims,
  TAIL_TICKS_MAX,
} from './evidence.ts'
import { createFollower } from './follow.ts'
import type { BlockTag, Node, Receipt } from './node.ts'
import { createReader, type Known, type Reader } from './reader.ts'
import { statementReasonOf } from './reasons.ts'
import { createSender, type Ending, reasonOf, type Sender } from './sender.ts'
import { hexOf } from './states.ts'
import type { SendPolicy } from './transactionRules.ts'

export type EvmLedgerOptions = {
  readonly node: Node
  /** Another operator's node. */
  readonly second?: Node
  readonly codec: ContractCodec
  /** Sends the transactions: the payee, or a submitter that the payee named. */
  readonly account: Account
  /** 20 bytes. */
  readonly contract: Uint8Array
  readonly chainId: bigint
  /** Block in which the contract was created. */
  readonly createdAt: number
  /** Payees of 20 bytes; nothing is submitted for another. */
  readonly payouts: readonly Uint8Array[]
  readonly gatewayKey?: PublicKey
  readonly policy: SendPolicy
  readonly pollMs: number
  readonly clock: Clock
  readonly timers: Timers
  readonly log: Log
  readonly verify: Verify
  readonly sha256: Sha256
}

export type EvmLedger = Ledger & {
  /** Stops following; a transaction under way is left to the chain. */
  readonly close: () => void
}

type Parts = EvmLedgerOptions & {
  readonly domain: Domain
  readonly to: string
  readonly reader: Reader
  readonly sender: Sender
  readonly errorText: (error: unknown) => string
}

const STATEMENT_GAS = 400_000n

export function createEvmLedger(options: EvmLedgerOptions): EvmLedger {
  const { node, second, codec, contract, chainId, createdAt, policy, gatewayKey } = options
  const domain: Domain = { chainId, verifyingContract: contract }
  const to = hexOf(contract)
  const reader = createReader({
    ...{ node, codec, contract: to, createdAt, confirmations: policy.confirmations },
    ...(second ? { second } : {}),
    ...(gatewayKey ? { gatewayKey } : {}),
  })
  const sender = createSender({ ...options, chainId: Number(chainId) })
  const errorText = (error: unknown) => refusalIn(codec, error) ?? reasonOf(error)
  const parts: Parts = { ...options, domain, to, reader, sender, errorText }
  const follower = createFollower(parts)
  return {
    domain,
    maxTail: TAIL_TICKS_MAX,
    allocation: async (id) => {
      const known = await reader.read(id)
      if (known) follower.watch(id, known.state)
      return known?.state
    },
    submit: (claims) => submit(parts, claims),
    submitStatement: (submission) => submitStatement(parts, submission),
    follow: follower.follow,
    close: follower.close,
  }
}

/** What the contract itself said in an error, however deep it is wrapped. */
function refusalIn(codec: ContractCodec, error: unknown): string | undefined {
  for (let one = error; one instanceof Object; one = (one as { cause?: unknown }).cause) {
    const { data } = one as { data?: unknown }
    if (typeof data === 'string' && data !== '0x') return codec.refusal(data)
  }
  return undefined
}

/** The allocation, once it is certain that it may be settled. */
async function mayStart(parts: Parts, id: Uint8Array): Promise<Known | undefined> {
  const known = await parts.reader.read(id)
  if (!known) return undefined
  const { payee } = known.state
  if (!parts.payouts.some((one) => equalBytes(one, payee))) {
    throw new OperatorError(
      `ledger evm: ${hexOf(payee)} is not on the list of payouts; nothing is submitted for it`,
    )
  }
  const difference = await parts.reader.compare(id)
  if (difference !== undefined) {
    parts.log('error', 'ledger evm: two nodes disagree', { difference })
    throw new OperatorError(`ledger evm: two nodes disagree, nothing is settled: ${difference}`)
  }
  return known
}

const allocationOf = ({ channel }: Claim): string => hexOf(channel.allocation)

async function submit(parts: Parts, claims: readonly Claim[]): Promise<readonly ClaimResult[]> {
  const results = new Map<number, ClaimResult>()
  const groups = new Map<string, Placed[]>()
  claims.forEach((claim, place) => {
    const group = groups.get(allocationOf(claim)) ?? []
    group.push({ claim, place })
    groups.set(allocationOf(claim), group)
  })
  for (const group of groups.values()) {
    for (const [place, result] of await submitGroup(parts, group)) results.set(place, result)
  }
  return claims.map((_, place) => {
    const result = results.get(place)
    if (!result) throw new OperatorError('ledger evm: a claim is without a result; try again')
    return result
  })
}

type Results = Map<number, ClaimResult>

/** Claims of one allocation, round after round until every result is final. */
async function submitGroup(parts: Parts, group: readonly Placed[]): Promise<Results> {
  const { clock, timers, pollMs, policy } = parts
  const results: Results = new Map()
  const [first] = group
  const id = first ? first.claim.channel.allocation : new Uint8Array()
  const endMs = clock.monotonicMs() + policy.deadlineMs
  let open = group
  for (;;) {
    open = await tryRound(parts, await mayStart(parts, id), open, results)
    if (open.length === 0) return results
    if (clock.monotonicMs() >= endMs) throw new OperatorError(notInTime)
    await new Promise<void>((resolve) => {
      timers.after(pollMs, resolve)
    })
  }
}

const notInTime =
  'ledger evm: the chain did not take a transaction in time; it is tried again later (see the ' +
  'fee cap and the balance of the account)'

/** Answers the claims that have to be tried again. */
async function tryRound(
  parts: Parts,
  known: Known | undefined,
  open: readonly Placed[],
  results: Results,
): Promise<readonly Placed[]> {
  const context = known && contextOf(parts, known)
  const sound = open.filter(({ claim, place }) => {
    const refusal = judge(parts, context, known?.state, claim)
    if (refusal) results.set(place, refusal)
    return !refusal
  })
  if (!context || sound.length === 0) return []
  const { log, errorText } = parts
  const { payable, settled } = await sortAt(parts, context, sound, 'latest', (place, error) => {
    log('error', 'ledger evm: a claim poisons every call', { place, reason: errorText(error) })
  })
  const again: Placed[] = []
  for (const call of payable) again.push(...(await pay(parts, call, results)))
  const repeated = sound.filter(({ place }) => settled.get(place)?.status === 'repeated')
  const isFinal = known?.final ? await finallyRepeated(parts, context, repeated) : noPlaces
  for (const one of sound) {
    const result = settled.get(one.place)
    if (!result) continue
    if (result.status !== 'repeated' || isFinal.has(one.place)) results.set(one.place, result)
    else again.push(one)
  }
  return again
}

const contextOf = ({ domain }: Parts, { opened, state }: Known) => ({
  domain,
  allocation: opened.allocation,
  signerKey: state.signerKey,
})

function sortAt(
  { codec, node, to, account }: Parts,
  context: ClaimContext,
  claims: readonly Placed[],
  tag: BlockTag,
  onPoison: (place: number, error: unknown) => void,
) {
  const attempt = (data: string, gas: bigint) =>
    node.call(callFrom(account.address, to, data, gas), tag)
  return sortClaims(context, codec, claims, attempt, onPoison)
}

const noPlaces: ReadonlySet<number> = new Set()

/** Places whose payment is final: one in a newer block may still be taken back. */
async function finallyRepeated(
  parts: Parts,
  context: ClaimContext,
  claims: readonly Placed[],
): Promise<ReadonlySet<number>> {
  const block = await parts.reader.finalBlock()
  if (claims.length === 0 || block === undefined) return noPlaces
  // What fails here is not final, and nothing worse.
  const { settled } = await sortAt(parts, context, claims, block, () => undefined)
  const repeated = [...settled].filter(([, { status }]) => status === 'repeated')
  return new Set(repeated.map(([place]) => place))
}

const callFrom = (from: string, to: string, data: string, gas: bigint) => ({
  ...{ from, to, data },
  gas: `0x${gas.toString(16)}`,
})

function judge(
  { clock, domain, verify, sha256 }: Parts,
  context: Parameters<typeof judgeHere>[1] | undefined,
  state: AllocationState | undefined,
  claim: Claim,
): ClaimResult | undefined {
  const tools = { digester: digesterOf(domain), verify, hash: sha256 }
  const terms = context ?? { domain, allocation: nobody, signerKey: noKey }
  return judgeHere(claim, terms, state, Math.floor(clock.nowMs() / 1_000), tools)
}

const nobody = { fleet: '', gateway: '', payee: new Uint8Array(20), assetCode: '', assetScale: 0 }
const noKey: PublicKey = { algorithm: 'secp256k1', bytes: new Uint8Array(64) }

/** Sends one call to its end; answers the claims that have to be tried again. */
async function pay(parts: Parts, call: Payable, results: Results): Promise<readonly Placed[]> {
  const receipt = await finalReceipt(parts, call.data, call.gas)
  if (!receipt?.succeeded) return call.batch
  const event = eventIn(parts, receipt, 'Claimed')
  const outcomes = outcomesOf(parts, event?.['outcomes'], call.batch)
  call.batch.forEach(({ place }, index) => {
    const result = outcomes[index]
    if (result) results.set(place, result)
  })
  return []
}

/** Undefined where somebody else used the nonce. */
async function finalReceipt(parts: Parts, data: string, gas: bigint): Promise<Receipt | undefined> {
  const ending: Ending = await parts.sender.send({ to: parts.to, data, gas })
  if (ending.ending === 'final') return ending.receipt
  if (ending.ending === 'foreign') return undefined
  throw new OperatorError(notInTime)
}

function eventIn({ codec }: Parts, { logs }: Receipt, name: string) {
  return logs.map((log) => codec.event(log)).find((event) => event?.name === name)?.values
}

async function submitStatement(
  parts: Parts,
  submission: StatementSubmission,
): Promise<StatementResult> {
  const { clock, timers, pollMs, policy } = parts
  const endMs = clock.monotonicMs() + policy.deadlineMs
  for (;;) {
    const known = await mayStart(parts, submission.statement.allocation)
    const result = await tryStatement(parts, known, submission)
    if (result) return result
    if (clock.monotonicMs() >= endMs) throw new OperatorError(notInTime)
    await new Promise<void>((resolve) => {
      timers.after(pollMs, resolve)
    })
  }
}

/** Undefined where it has to be tried again. */
async function tryStatement(
  parts: Parts,
  known: Known | undefined,
  submission: StatementSubmission,
): Promise<StatementResult | undefined> {
  const { statement, fleetSignature } = submission
  const judged = judgeStatement(parts, known, submission)
  const isFinal = (known?.final?.statementSequence ?? 0) >= statement.sequence
  if (judged?.status === 'repeated' && !isFinal) return undefined
  if (judged || !known) return judged ?? refusedStatement('unknown_allocation', 0n)
  const data = hexOf(claimStatementCall(contextOf(parts, known), statement, fleetSignature))
  const refusal = await refusalOfStatement(parts, data)
  if (refusal) return refusedStatement(refusal, known.state.paid)
  const receipt = await finalReceipt(parts, data, STATEMENT_GAS)
  const event = receipt?.succeeded ? eventIn(parts, receipt, 'StatementTaken') : undefined
  if (!event) return undefined
  const paid = BigInt(event['paid'] as bigint)
  return { status: 'paid', paid, total: known.state.paid + paid }
}

const refusedStatement = (reason: StatementReason, total: bigint): StatementResult => ({
  status: 'refused',
  reason,
  paid: 0n,
  total,
})

/** A result that needs no transaction. */
function judgeStatement(
  { clock, domain, verify }: Parts,
  known: Known | undefined,
  submission: StatementSubmission,
): StatementResult | undefined {
  const state = known?.state
  const allocation = state && {
    ...state,
    gatewayKey: state.gatewayKey,
    statementDigest: inForce(domain, state, submission),
  }
  const nowSeconds = Math.floor(clock.nowMs() / 1_000)
  const { verdict } = checkStatement({ domain, nowSeconds, allocation }, submission, verify)
  if (verdict === 'sound') return undefined
  const total = state?.paid ?? 0n
  return verdict === 'repeated'
    ? { status: 'repeated', paid: 0n, total }
    : refusedStatement(verdict, total)
}

/** The statement's digest where it is the one in force. */
function inForce(
  domain: Domain,
  { statementSequence, statementRoot }: AllocationState,
  { statement }: StatementSubmission,
): Uint8Array | undefined {
  const isSame =
    statement.sequence === statementSequence && equalBytes(statement.root, statementRoot)
  return isSame ? digestOf(domain, statementStructure, statement) : undefined
}

/** Why the contract would refuse; a refusal that is not the statement's is the operator's. */
async function refusalOfStatement(
  parts: Parts,
  data: string,
): Promise<StatementReason | undefined> {
  const { node, account, to, errorText } = parts
  try {
    await node.call(callFrom(account.address, to, data, STATEMENT_GAS), 'latest')
    return undefined
  } catch (error) {
    const reason = statementReasonOf(errorText(error))
    if (reason) return reason
    throw new OperatorError(`ledger evm: a statement cannot be submitted: ${errorText(error)}`)
  }
}
