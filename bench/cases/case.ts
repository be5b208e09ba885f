/**
 * What a benchmark case gets and what it gives.
 * @module
 */
import type { RunOptions } from '../options.ts'
import type { Chart } from '../report/svg.ts'
import type { Table } from '../report/tables.ts'

export type CaseOptions = RunOptions & {
  readonly onProgress: (line: string) => void
}

export type Target = {
  readonly name: string
  /** Such as `>= 0.85`. */
  readonly target: string
  readonly measured: number
  readonly met: boolean
}

export type CaseResult = {
  /** What was measured in place of what the case usually is; its result is kept beside that. */
  readonly variant?: { readonly name: string; readonly about: string }
  readonly targets: readonly Target[]
  /** Limits of the gateway that were raised by its configuration. */
  readonly limits: Readonly<Record<string, number>>
  readonly tables: readonly Table[]
  readonly charts: readonly Chart[]
  /** What a reader must know to read the figures. */
  readonly notes: readonly string[]
  /** Parts that could not be measured, each with its reason. */
  readonly failures?: readonly string[]
  /** The figures behind the tables. */
  readonly figures: unknown
}

export type Case = {
  readonly name: string
  readonly about: string
  readonly run: (options: CaseOptions) => Promise<CaseResult>
}

/** Runs the parts one by one; one that fails does not take the others with it. */
export async function eachPart<Part, Measured>(
  parts: readonly Part[],
  nameOf: (part: Part) => string,
  measure: (part: Part) => Promise<Measured>,
): Promise<{ readonly measured: readonly Measured[]; readonly failures: readonly string[] }> {
  const measured: Measured[] = []
  const failures: string[] = []
  for (const part of parts) {
    try {
      measured.push(await measure(part))
    } catch (error) {
      failures.push(`${nameOf(part)}: ${error instanceof Error ? error.message : error}`)
    }
  }
  return { measured, failures }
}

export function atLeast(name: string, bound: number, measured: number): Target {
  return { name, target: `>= ${bound}`, measured: rounded(measured), met: measured >= bound }
}

export function atMost(name: string, bound: number, measured: number): Target {
  return { name, target: `<= ${bound}`, measured: rounded(measured), met: measured <= bound }
}

/** Four significant digits: more would be noise. */
export function rounded(value: number): number {
  return Number(value.toPrecision(4))
}
