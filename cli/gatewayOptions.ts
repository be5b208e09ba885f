/**
 * The options by which a command finds a gateway, and the one way to its verbs.
 * @module
 */
import { text } from './command.ts'
import { type Calls, openCalls } from './io/gatewayCalls.ts'
import { withProgress } from './io/progress.ts'
import type { Progress } from './progress.ts'
import type { Terminal } from './terminal.ts'

export const gatewayOptions = {
  config: text('FILE', 'configuration of the gateway (default: gateway.yaml)'),
  socket: text('PATH', 'control socket of a running gateway, instead of --config'),
} as const

export type GatewayValues = {
  readonly config: string | undefined
  readonly socket: string | undefined
}

/** Says in the details of a command that it works without a running gateway. */
export const worksOffline =
  'Talks to the running gateway; when none runs, works on its store directly.'

/**
 * Carries out `act` with the verbs of the running gateway or, when none runs, of its store. What
 * lasts is shown as progress.
 * @throws OperatorError when neither can be reached, RefusedError when a verb is refused
 */
export async function withGateway<T>(
  values: GatewayValues,
  terminal: Terminal,
  act: (calls: Calls, progress: Progress) => Promise<T>,
): Promise<T> {
  const calls = await openCalls(values, terminal.error)
  try {
    return await withProgress('the gateway is at work', (progress) => act(calls, progress))
  } finally {
    await calls.close()
  }
}
