/**
 * What costs time in a claim, as values that something else can work on: signatures and the walk
 * from a word to an earlier one. Working ahead saves time and decides nothing: the ledger asks the
 * same again, and does itself what was not proved.
 * @module
 */
import { equalBytes } from '../../protocol/bytes.ts'
import { leadsTo } from '../../protocol/chain.ts'
import type { PublicKey } from '../../protocol/keys.ts'
import type { ReadClaim } from './claimBytes.ts'
import type { ClaimContext, ClaimTools, LeadsTo } from './claimRules.ts'
import { checkClaim } from './claimRules.ts'

export type SignatureTask = {
  readonly kind: 'signature'
  readonly key: PublicKey
  /** 32 bytes. */
  readonly digest: Uint8Array
  readonly signature: Uint8Array
}

/** Does `word` at `index` lead to `earlier` at `earlierIndex`? */
export type WordTask = {
  readonly kind: 'word'
  readonly bind: Uint8Array
  readonly word: Uint8Array
  readonly index: number
  readonly earlier: Uint8Array
  readonly earlierIndex: number
}

export type ProofTask = SignatureTask | WordTask

/**
 * Works on tasks beside the event loop. `true` stands for proved; `false` for not proved, not tried
 * or not possible just now.
 */
export type Prover = (tasks: readonly ProofTask[]) => Promise<readonly boolean[]>

/** The tasks that `checkClaim` would do for this claim; none for one that is refused without. */
export function tasksOf(
  context: ClaimContext,
  read: ReadClaim | undefined,
  tools: ClaimTools,
): readonly ProofTask[] {
  const tasks: ProofTask[] = []
  const later = (task: ProofTask) => tasks.push(task) > 0
  checkClaim(context, read, {
    ...tools,
    verify: (key, digest, signature) => later({ kind: 'signature', key, digest, signature }),
    leadsTo: (...walk) => {
      const task = wordTask(...walk)
      return task.index === task.earlierIndex || later(task)
    },
  })
  return tasks
}

/** `tools` that know which words were proved; anything else is walked. */
export function withProvedWords(tools: ClaimTools, proved: readonly WordTask[]): ClaimTools {
  const { leadsTo: walk, hash } = tools
  return {
    ...tools,
    leadsTo: (...asked) => {
      if (proved.some((one) => isSame(one, wordTask(...asked)))) return true
      return walk ? walk(...asked) : leadsTo(...asked, hash)
    },
  }
}

const wordTask = (...[bind, word, index, earlier, earlierIndex]: Parameters<LeadsTo>): WordTask => {
  return { kind: 'word', bind, word, index, earlier, earlierIndex }
}

function isSame(a: WordTask, b: WordTask): boolean {
  return (
    a.index === b.index &&
    a.earlierIndex === b.earlierIndex &&
    equalBytes(a.bind, b.bind) &&
    equalBytes(a.word, b.word) &&
    equalBytes(a.earlier, b.earlier)
  )
}
