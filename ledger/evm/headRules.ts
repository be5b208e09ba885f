/**
 * Which blocks are canonical, as far as we know: the newest ones by their hash, so that a
 * reorganisation is seen as such and how deep it was.
 * @module
 */

export type Block = { readonly number: number; readonly hash: string; readonly parent: string }

/** Deeper reorganisations are an alarm: every chain that is worth using is final before. */
export const REORGANISATION_MAX = 64
/** Blocks kept: twice what a reorganisation may take. */
export const BLOCKS_KEPT_MAX = 2 * REORGANISATION_MAX

export type Heads = readonly Block[]

export type HeadStep =
  /** This block has to be known before more can be said. */
  | { readonly need: number }
  /** `dropped`: blocks that are canonical no longer. */
  | { readonly heads: Heads; readonly dropped: number }
  /** No common block within the limit. */
  | { readonly tooDeep: true }

/**
 * Joins a newer stretch of the chain, oldest first and without gaps, to what was known.
 */
export function joinHeads(known: Heads, newer: Heads): HeadStep {
  const first = newer[0]
  if (!first) return { heads: known, dropped: 0 }
  if (known.length === 0) return { heads: newer.slice(-BLOCKS_KEPT_MAX), dropped: 0 }
  const at = known.findIndex(({ hash }) => hash === first.parent)
  if (at === -1) {
    const oldest = known[0]?.number ?? 0
    return first.number - 1 > oldest ? { need: first.number - 1 } : { tooDeep: true }
  }
  const dropped = known.length - 1 - at
  if (dropped > REORGANISATION_MAX) return { tooDeep: true }
  const kept = known.slice(0, at + 1)
  return { heads: [...kept, ...newer].slice(-BLOCKS_KEPT_MAX), dropped }
}

/** True when `newest` is known as the newest block: nothing happened. */
export const isNewest = (known: Heads, newest: Block): boolean => known.at(-1)?.hash === newest.hash
