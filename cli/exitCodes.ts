/**
 * What the exit code of every command says; docs/cli.md lists them for people.
 * @module
 */
import { OperatorError } from '../ports/operatorError.ts'

export const exitCodes = {
  ok: 0,
  /** The gateway refused, or figures that must agree do not. */
  failed: 1,
  /** The command line itself is wrong. */
  usage: 2,
  /** Nothing answers where a gateway, an agent or a meter was expected. */
  unreachable: 3,
  /** Something on this machine has to be put right first: configuration, key, store, port, disk. */
  unusable: 4,
  /** A bug (EX_SOFTWARE of sysexits.h). */
  internal: 70,
} as const

export type ExitCode = (typeof exitCodes)[keyof typeof exitCodes]

/** The command line is wrong; the message says how, the caller adds where to read on. */
export class UsageError extends OperatorError {}

/** Nothing answers there. */
export class UnreachableError extends OperatorError {}

/** The other side understood and said no. */
export class RefusedError extends OperatorError {}

/** The exit code for what a command threw. */
export function exitCodeOf(error: unknown): ExitCode {
  if (error instanceof UsageError) return exitCodes.usage
  if (error instanceof UnreachableError) return exitCodes.unreachable
  if (error instanceof RefusedError) return exitCodes.failed
  return error instanceof OperatorError ? exitCodes.unusable : exitCodes.internal
}
