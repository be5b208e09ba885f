/**
 * `tickpay schema`
 * @module
 */
import { verbJsonSchema } from '../../gateway/verbs/jsonSchema.ts'
import { type FleetVerb, findVerb, fleetVerbs } from '../../gateway/verbs/table.ts'
import { defineCommand, optionalArgument } from '../command.ts'
import { exitCodes, UsageError } from '../exitCodes.ts'
import { nearest } from '../suggest.ts'

export const command = defineCommand({
  summary: 'Shows the arguments of the verbs of fleets as JSON schemas',
  details: ['What may stand beside "transaction" in a request, or in "arguments" of a signed one.'],
  arguments: { verb: optionalArgument('one verb; all when it is left out') },
  options: {},
  examples: ['tickpay schema', 'tickpay schema limit'],
  run: async ({ verb: name }, terminal) => {
    const value = name === undefined ? allSchemas() : verbJsonSchema(name, required(name))
    terminal.out(JSON.stringify(value, undefined, 2))
    return exitCodes.ok
  },
})

function allSchemas() {
  return Object.entries(fleetVerbs).map(([name, verb]) => verbJsonSchema(name, verb))
}

function required(name: string): FleetVerb {
  const verb = findVerb(name)
  if (verb) return verb
  const near = nearest(name, Object.keys(fleetVerbs))
  throw new UsageError(`unknown verb "${name}"${near ? `; did you mean "${near}"?` : ''}`)
}
