/**
 * The usual command: one verb of the gateway, its answer printed.
 * @module
 */
import { type ExitCode, exitCodes } from './exitCodes.ts'
import { type GatewayValues, withGateway } from './gatewayOptions.ts'
import { openRunning } from './io/gatewayCalls.ts'
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

/** The same of a gateway that runs; one that does not cannot be asked. */
export async function runRunning(
  verb: string,
  args: Readonly<Record<string, unknown>>,
  { json, ...place }: GatewayValues & { readonly json: boolean },
  terminal: Terminal,
): Promise<ExitCode> {
  const calls = await openRunning(place)
  try {
    const data = await calls.call(verb, args)
    for (const line of json ? [jsonText(data)] : dataLines(data)) terminal.out(line)
  } finally {
    await calls.close()
  }
  return exitCodes.ok
}
