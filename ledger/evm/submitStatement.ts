/**
 * A statement on its way to the contract: judged here first, tried without a transaction, sent.
 * @module
 */
import { OperatorError } from '../../ports/operatorError.ts'
import { equalBytes } from '../../protocol/bytes.ts'
import { digestOf, statementStructure } from '../../protocol/structures.ts'
import type { Domain } from '../../protocol/typedData.ts'
import type { AllocationState, StatementResult, StatementSubmission } from '../ledger.ts'
import { checkStatement, type StatementReason } from '../rules/statementRules.ts'
import { claimStatementCall } from './callData.ts'
import { callFrom, contextOf, eventIn, finalReceipt, type Parts, untilSettled } from './parts.ts'
import type { Known } from './reader.ts'
import { statementReasonOf } from './reasons.ts'
import { hexOf } from './states.ts'

const STATEMENT_GAS = 400_000n

/** Its result, final. */
export const submitStatement = (
  parts: Parts,
  submission: StatementSubmission,
): Promise<StatementResult> =>
  untilSettled(parts, submission.statement.allocation, (known) =>
    tryStatement(parts, known, submission),
  )

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
