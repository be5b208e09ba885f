/**
 * Why a command that a configuration names did not answer, in words for the operator.
 * @module
 */

/** By the code of an error: what to do. */
export const fileAdvice: Readonly<Record<string, string>> = {
  ENOENT: 'there is no such file; check the path',
  EACCES: 'permission denied; give this user access to it',
  EISDIR: 'it is a folder; name a file',
  ENOTDIR: 'a part of that path is a file; check the path',
}

/** `tooMuch` says of what it wrote more. What it wrote itself is never shown. */
export function commandFailure(
  error: Error & { killed?: boolean; code?: unknown; signal?: unknown },
  timeoutMs: number,
  tooMuch: string,
): string {
  if (error.code === 'ERR_CHILD_PROCESS_STDIO_MAXBUFFER') return `it wrote ${tooMuch}`
  if (error.killed) return `it took longer than ${timeoutMs / 1_000} s`
  if (typeof error.code === 'number') return `it ended with code ${error.code}; try it by hand`
  if (typeof error.code === 'string') return fileAdvice[error.code] ?? error.code
  return 'it was ended from outside; try it by hand'
}
