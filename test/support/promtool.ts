/**
 * `promtool`, which comes with Prometheus and judges metrics and alert rules.
 */
import { spawnSync } from 'node:child_process'

export const hasPromtool = spawnSync('promtool', ['--version']).status === 0

/** What promtool says of `input`; empty when it finds nothing. */
export function promtool(words: readonly string[], input = ''): string {
  const { status, stdout, stderr } = spawnSync('promtool', words, { input, encoding: 'utf8' })
  return status === 0 ? stderr : `${status}: ${stdout}${stderr}`
}
