/**
 * The usual command: one verb of the gateway, its answer printed.
 * @module
 */
import { type ExitCode, exitCodes } from './exitCodes.ts'
import { type GatewayValues, withGateway } from './gatewayOptions.ts'
import { jsonText } from './jsonLine.ts'
import { dataLines } from './show.ts'
import type { Terminal } from './terminal.ts'

/** Calls `verb` and prints its data. */
export async function runVerb(
  verb: string,
  args: Readonly<Record<string, unknown>>,
  how: GatewayValues & { readonly json: boolean },
  terminal: Terminal,
): Promise<ExitCode> {
  const data = await withGateway(how, terminal, ({ call }) => call(verb, args))
  const lines = how.json ? [jsonText(data)] : dataLines(data)
  for (const line of lines) terminal.out(line)
  return exitCodes.ok
}
