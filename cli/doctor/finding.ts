/**
 * What a look at the machine found: one line each, with what to do about it.
 * @module
 */
import { OperatorError } from '../../ports/operatorError.ts'

export type Finding = {
  readonly state: 'ok' | 'warn' | 'fail'
  /** What was looked at. */
  readonly check: string
  /** What was found. */
  readonly found: string
  /** What to do; empty where nothing is to be done. */
  readonly advice: string
}

export const ok = (check: string, found: string): Finding => ({
  state: 'ok',
  check,
  found,
  advice: '',
})
export const warn = (check: string, found: string, advice: string): Finding => ({
  state: 'warn',
  check,
  found,
  advice,
})
export const fail = (check: string, found: string, advice: string): Finding => ({
  state: 'fail',
  check,
  found,
  advice,
})

/** A look that cannot be finished is a finding too: its message says what to do. */
export async function looked(
  check: string,
  look: () => Promise<readonly Finding[]>,
): Promise<readonly Finding[]> {
  try {
    return await look()
  } catch (error) {
    if (!(error instanceof OperatorError)) throw error
    const [found = '', ...advice] = error.message.split(/[;:] (?=[^;:]*$)/)
    return [fail(check, found, advice.join(': '))]
  }
}

export function findingLines(findings: readonly Finding[]): readonly string[] {
  const width = Math.max(0, ...findings.map(({ check }) => check.length))
  return findings.map(({ state, check, found, advice }) => {
    const line = `${state.padEnd(4)}  ${check.padEnd(width)}  ${found}`
    return advice === '' ? line : `${line}: ${advice}`
  })
}
