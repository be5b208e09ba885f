/**
 * Why a target is missed: what profiling showed, written by hand. The page shows it beside the
 * target as long as the target is missed.
 * @module
 */

/** By `case: target`. */
export const reasons: Readonly<Record<string, string>> = {}

export function reasonOf(caseName: string, target: string): string {
  return reasons[`${caseName}: ${target}`] ?? ''
}
