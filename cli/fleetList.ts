/**
 * A command that lists what a gateway keeps of one kind, of all fleets or of one.
 * @module
 */
import type { Command } from './command.ts'
import { defineCommand, jsonOption, text } from './command.ts'
import { gatewayOptions, worksOffline } from './gatewayOptions.ts'
import { runVerb } from './verb.ts'

/** `verb` takes an optional `fleet`. */
export function fleetListCommand(verb: string, summary: string, example: string): Command {
  return defineCommand({
    summary,
    details: [worksOffline],
    arguments: {},
    options: { fleet: text('FLEET', 'only of this fleet'), ...gatewayOptions, ...jsonOption },
    examples: [example],
    run: ({ fleet, ...how }, terminal) => runVerb(verb, { fleet }, how, terminal),
  })
}
