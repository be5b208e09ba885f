/**
 * Statements at the ledger, written a second time: each that comes into force is judged by what was
 * paid before it, and the leaves in force are remembered.
 * @module
 */
import type { AllocationState, StatementSubmission } from '../../ledger/ledger.ts'
import { bytesToHex } from '../../protocol/bytes.ts'
import { publicKeyOf } from '../../protocol/keys.ts'
import { digestOf, statementStructure } from '../../protocol/structures.ts'
import type { Domain } from '../../protocol/typedData.ts'
import type { SignedLeaves } from './cosigning.ts'
import { verifyDigest } from './fastKeys.ts'
import { signerKey } from './fleet.ts'

export type StatementOracle = {
  /** Somebody hands in a statement at ledger time `nowSeconds`. */
  readonly handedIn: (submission: StatementSubmission, nowSeconds: number) => void
  /** The state of an allocation after something happened to it. */
  readonly became: (allocation: AllocationState, nowSeconds: number) => void
  /** Amounts by position: the highest that was ever handed in, or those in force. */
  readonly leavesOf: (
    allocation: string,
    which: 'handed in' | 'in force',
  ) => ReadonlyMap<number, bigint>
  /** True where a statement was ever handed in for the allocation. */
  readonly isStated: (allocation: string) => boolean
}

type HandedIn = { readonly submission: StatementSubmission; readonly nowSeconds: number }

export type OracleWorld = {
  readonly domain: Domain
  /** What the fleet signed and looked at, by digest in hex. */
  readonly leavesOf: (digest: string) => SignedLeaves | undefined
  readonly onUnproven: (detail: string) => void
}

export function statementOracle(world: OracleWorld): StatementOracle {
  const known = new Map<string, AllocationState>()
  const handed = new Map<string, HandedIn[]>()
  const highest = new Map<string, Map<number, bigint>>()
  const inForce = new Map<string, ReadonlyMap<number, bigint>>()
  const digestHex = ({ statement }: StatementSubmission) =>
    bytesToHex(digestOf(world.domain, statementStructure, statement))
  return {
    isStated: (allocation) => handed.has(allocation),
    handedIn: (submission, nowSeconds) => {
      const name = bytesToHex(submission.statement.allocation)
      handed.set(name, [...(handed.get(name) ?? []), { submission, nowSeconds }])
      const places = highest.get(name) ?? new Map<number, bigint>()
      highest.set(name, places)
      for (const [position, { amount }] of world.leavesOf(digestHex(submission)) ?? []) {
        if (amount > (places.get(position) ?? 0n)) places.set(position, amount)
      }
    },
    became: (allocation, nowSeconds) => {
      const name = bytesToHex(allocation.id)
      const before = known.get(name)
      known.set(name, allocation)
      const sequence = before?.statementSequence ?? 0
      if (allocation.statementSequence === sequence) return
      // A liar hands in others with the same sequence and root.
      const found = (handed.get(name) ?? []).filter(({ submission: { statement } }) => {
        const isSame = statement.sequence === allocation.statementSequence
        return isSame && bytesToHex(statement.root) === bytesToHex(allocation.statementRoot)
      })
      const reasons = found.map((one) => {
        const leaves = world.leavesOf(digestHex(one.submission))
        if (leaves) inForce.set(name, amountsOf(leaves))
        return (
          unsettled(world.domain, one, before, allocation, nowSeconds) ??
          (leaves ? undefined : 'the fleet has not looked at it')
        )
      })
      const reason = reasons.length === 0 ? 'nobody handed it in' : firstUnless(reasons)
      if (reason !== undefined) world.onUnproven(`statement of ${name}: taken although ${reason}`)
    },
    leavesOf: (allocation, which) =>
      (which === 'in force' ? inForce : highest).get(allocation) ?? noLeaves,
  }
}

/** Undefined where one of the reasons is. */
function firstUnless(reasons: readonly (string | undefined)[]): string | undefined {
  return reasons.includes(undefined) ? undefined : reasons[0]
}

const noLeaves: ReadonlyMap<number, bigint> = new Map()

function amountsOf(leaves: SignedLeaves): ReadonlyMap<number, bigint> {
  return new Map([...leaves].map(([position, { amount }]) => [position, amount]))
}

/** Why a statement should not have come into force. */
function unsettled(
  domain: Domain,
  { submission, nowSeconds: handedSeconds }: HandedIn,
  before: AllocationState | undefined,
  after: AllocationState,
  nowSeconds: number,
): string | undefined {
  const { statement, gatewaySignature, fleetSignature } = submission
  if (!before?.gatewayKey) return 'nobody signs statements of this allocation'
  const digest = digestOf(domain, statementStructure, statement)
  if (!verifyDigest(before.gatewayKey, digest, gatewaySignature)) return 'no gateway signed it'
  if (!verifyDigest(publicKeyOf(signerKey), digest, fleetSignature)) return 'no fleet signed it'
  if (statement.sequence <= before.statementSequence) return 'a later one was in force'
  if (statement.evidencePaid !== before.evidencePaid) return 'evidence was paid that it ignores'
  if (Math.min(nowSeconds, handedSeconds) > statement.expiry) return 'it had expired'
  if (statement.total > before.setAside) return 'it is more than was set aside'
  const due = statement.total > before.paid ? statement.total - before.paid : 0n
  const paid = after.paid - before.paid
  return paid === due ? undefined : `${paid} was paid for ${due}`
}
