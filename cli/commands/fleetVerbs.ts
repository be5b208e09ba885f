/**
 * `tickpay fleet VERB`: the commands that follow from the table of verbs.
 * @module
 */
import type { Command } from '../command.ts'
import { type AskedName, fleetVerbCommand } from '../fleetVerb.ts'

/** Loads as a command file does. */
export function commandOf(name: AskedName): { readonly command: Command } {
  return { command: fleetVerbCommand(name) }
}
