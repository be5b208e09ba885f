/**
 * Random histories of an allocation: what fleets, payees and the chain may do, in any order.
 * @module
 */

import { seededDice } from '../fuzz/dice.ts'
import { DAY_SECONDS } from '../unit/ledger/world.ts'
import { type Model, newModel, type Operation, SIGNERS, step } from './model.ts'

export const POSITIONS = 4
export const DEPOSIT = 2_000n
export const FEE_BASIS_POINTS = 333

type Dice = ReturnType<typeof seededDice>['below']

const kinds: readonly Operation['kind'][] = [
  ...(['claims', 'claims', 'claims', 'claims', 'statement', 'statement', 'statement'] as const),
  ...(['fund', 'request', 'withdraw', 'cancel', 'takeFee', 'rotate'] as const),
  ...(['pass', 'pass', 'reorganise'] as const),
]

/** While money is asked back, time goes on faster. */
function kindOf({ book }: Model, dice: Dice): Operation['kind'] {
  if (book.withdrawing.length > 0 && dice(3) === 0) return dice(2) === 0 ? 'pass' : 'withdraw'
  return kinds[dice(kinds.length)] ?? 'takeFee'
}

/** What may come next; now and then something that must be refused. */
export function nextOperation(model: Model, dice: Dice): Operation {
  const kind = kindOf(model, dice)
  const signer = dice(8) === 0 ? dice(SIGNERS) : model.signer
  switch (kind) {
    case 'claims':
      return claimsOf(model, dice, signer)
    case 'statement':
      return statementOf(model, dice, signer)
    case 'fund':
      return { kind, amount: BigInt(1 + dice(500)) }
    case 'request':
      return { kind, amount: BigInt(dice(1_500)) }
    case 'rotate':
      return { kind, signer: dice(SIGNERS) }
    case 'pass':
      return { kind, seconds: (1 + dice(5)) * DAY_SECONDS }
    case 'reorganise':
      return { kind, depth: 1 + dice(8) }
    default:
      return { kind }
  }
}

function claimsOf(model: Model, dice: Dice, signer: number): Operation {
  const mandates = dice(4) === 0 ? 'previous signer' : 'current signer'
  const claims = Array.from({ length: 1 + dice(3) }, () => {
    const position = dice(POSITIONS)
    const paid = model.evidence.get(position) ?? 0n
    const most = paid > (model.leaves[position] ?? 0n) ? paid : (model.leaves[position] ?? 0n)
    const amount = dice(5) === 0 ? BigInt(dice(3_000)) : most + BigInt(dice(120))
    return { position, amount }
  })
  const by = mandates === 'previous signer' ? (model.previous?.signer ?? signer) : signer
  return { kind: 'claims', claims, signer: by, mandates }
}

function statementOf(model: Model, dice: Dice, signer: number): Operation {
  const { statement, evidencePaid } = model.book
  const leaves = Array.from({ length: POSITIONS }, (_, position) => {
    const paid = model.evidence.get(position) ?? 0n
    const leaf = model.leaves[position] ?? 0n
    const least = paid > leaf ? paid : leaf
    return dice(8) === 0 ? BigInt(dice(400)) : least + BigInt(dice(3) === 0 ? 0 : dice(150))
  })
  const sequence = (statement?.sequence ?? 0) + (dice(8) === 0 ? 0 : 1)
  const named = dice(8) === 0 ? evidencePaid + BigInt(dice(3)) : evidencePaid
  return { kind: 'statement', sequence: Math.max(1, sequence), evidencePaid: named, leaves, signer }
}

export type Step = { readonly operation: Operation; readonly before: Model; readonly after: Model }

/** A history of the canonical chain and of what was taken back. */
export function historyOf(seed: number, length: number): readonly Step[] {
  const dice = seededDice(seed).below
  const states: Model[] = [newModel(DEPOSIT, FEE_BASIS_POINTS)]
  return Array.from({ length }, () => {
    const before = states.at(-1) ?? newModel(DEPOSIT, FEE_BASIS_POINTS)
    const operation = nextOperation(before, dice)
    if (operation.kind === 'reorganise') {
      const depth = Math.min(operation.depth, states.length - 1)
      states.length -= depth
      const after = states.at(-1) ?? before
      return { operation: { kind: 'reorganise', depth }, before, after }
    }
    const after = step(before, operation)
    states.push(after)
    return { operation, before, after }
  })
}
