/**
 * Leaves of a statement in force that the store has lost, as a fleet or an operator brings them: in
 * pages, and worth something only when all of them give the ledger's root.
 * @module
 */
import * as v from 'valibot'
import { idValue, integerValue } from '../../ports/configTypes.ts'
import { OperatorError } from '../../ports/operatorError.ts'
import { bytesToHex } from '../../protocol/bytes.ts'
import { POSITIONS_MAX } from '../../protocol/limits.ts'
import type { StatementLeaf } from '../../protocol/merkle.ts'
import { leafFromText } from '../../protocol/merkleText.ts'
import type { Verb } from '../control/verb.ts'
import { verb } from '../control/verb.ts'
import type { Core } from '../core.ts'
import { requireFleet } from '../enrolment.ts'
import { closeDisplaced } from './displaced.ts'
import { takeLeaves } from './reconcile.ts'

/** What was brought so far for one allocation. */
type Pages = { readonly sequence: number; readonly leaves: StatementLeaf[] }

/** `settle` shows what the leaves prove; it is not waited for. */
export function knownVerbs(core: Core, settle: () => Promise<unknown>): Record<string, Verb> {
  const pages = new Map<string, Pages>()
  const page = v.strictObject({
    fleet: idValue,
    sequence: integerValue(1, Number.MAX_SAFE_INTEGER),
    /** Leaves that came before these; 0 begins anew. */
    from: integerValue(0, POSITIONS_MAX),
    leaves: v.array(v.tuple([v.number(), v.string(), v.string()])),
    isLast: v.boolean(),
  })
  return {
    statement_known: verb(page, async ({ fleet, sequence, from, leaves, isLast }) => {
      const name = bytesToHex(requireFleet(core, fleet).allocation)
      if (core.doubts.forgotten.get(name)?.statementSequence !== sequence) {
        pages.delete(name)
        return { sequence, status: 'not_needed' }
      }
      if (from === 0) pages.set(name, { sequence, leaves: [] })
      const before = pages.get(name)
      if (before?.sequence !== sequence || before.leaves.length !== from) {
        throw new OperatorError('pages of leaves come in order: begin again from 0')
      }
      if (from + leaves.length > POSITIONS_MAX) throw new OperatorError('too many leaves')
      before.leaves.push(...leaves.map(readLeaf))
      if (!isLast) return { sequence, status: 'accepted' }
      pages.delete(name)
      if (!(await takeLeaves(core, name, before.leaves))) return { sequence, status: 'wrong_root' }
      await closeDisplaced(core, name)
      settle().catch(() => undefined)
      return { sequence, status: 'known' }
    }),
  }
}

function readLeaf(text: readonly [number, string, string]): StatementLeaf {
  const leaf = leafFromText(text)
  if (leaf) return leaf
  throw new OperatorError(`a leaf cannot be read: position ${text[0]}`)
}
