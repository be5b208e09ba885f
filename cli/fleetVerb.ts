/**
 * The commands by which a fleet speaks to its gateway: one for each verb, made from its entry in
 * the table of verbs.
 * @module
 */
import type * as v from 'valibot'
import { scopeOf } from '../gateway/policies/policy.ts'
import { argumentTexts, type FleetVerb, fleetVerbs, type VerbName } from '../gateway/verbs/table.ts'
import { type Command, defineCommand, jsonOption, type Option, type Options } from './command.ts'
import { type ExitCode, exitCodes, UsageError } from './exitCodes.ts'
import { askGateway, type FleetRequest } from './io/fleetGateway.ts'
import { withProgress } from './io/progress.ts'
import { jsonText } from './jsonLine.ts'
import type { ParsedValues } from './parse.ts'
import { stayingLines } from './progress.ts'
import { dataLines } from './show.ts'
import type { Terminal } from './terminal.ts'

/** Verbs that have a command of their own kind, or that only programs use. */
export type AskedName = Exclude<VerbName, 'statement' | 'statement-leaves' | 'mandate' | 'cosign'>

const config = {
  kind: 'needed',
  value: 'FILE',
  about: 'configuration of the fleet, for example fleet.yaml',
} as const

type Schema = v.GenericSchema & { readonly wrapped?: Schema }

const isMissable = (schema: Schema): boolean => schema.type === 'optional'

/** The schema without what makes it optional or nullable. */
function innerOf(schema: Schema): Schema {
  return schema.wrapped ? innerOf(schema.wrapped) : schema
}

/** What stands on the command line for an argument. */
const optionName = (name: string) => (name === 'devices' ? 'device' : name.replaceAll('_', '-'))

/** Options of a verb, by what is typed; pages are the program's business. */
export function verbOptions({ entries }: FleetVerb): Options {
  const named = Object.entries(entries).filter(([name]) => name !== 'from')
  return Object.fromEntries(
    named.map(([name, schema]) => [optionName(name), optionOf(name, schema as Schema)]),
  )
}

function optionOf(name: string, schema: Schema): Option {
  const [value, about] = argumentTexts[name] ?? ['VALUE', name]
  const { type } = innerOf(schema)
  if (type === 'literal' || type === 'boolean') return { kind: 'switch', about }
  if (type === 'array') return { kind: 'list', value, about }
  return { kind: isMissable(schema) ? 'text' : 'needed', value, about }
}

/** The arguments of a verb from what was typed; what was not typed is not there. */
export function verbArguments({ entries }: FleetVerb, values: ParsedValues) {
  const args: Record<string, unknown> = {}
  for (const [name, schema] of Object.entries(entries)) {
    const typed = values[optionName(name)]
    if (typed === undefined || typed === false) continue
    args[name] = innerOf(schema as Schema).type === 'number' ? Number(typed) : plain(schema, typed)
  }
  return args
}

function plain(schema: unknown, typed: ParsedValues[string]): unknown {
  return typed === 'none' && isNullable(schema as Schema) ? null : typed
}

function isNullable(schema: Schema): boolean {
  if (schema.type === 'nullable') return true
  return schema.wrapped !== undefined && isNullable(schema.wrapped)
}

/** Exactly one target, where the verb has one; said before anything is signed. */
export function scopeTyped(name: string, verb: FleetVerb, args: Readonly<Record<string, unknown>>) {
  const scope = scopeOf(args)
  if (scope === undefined && 'all' in verb.entries) {
    throw new UsageError(`${name}: name one of --device, --group, --site and --all`)
  }
  return scope ?? 'fleet'
}

/** `tickpay fleet NAME` */
export function fleetVerbCommand(name: AskedName): Command {
  const verb: FleetVerb = fleetVerbs[name]
  const isPaged = 'from' in verb.entries
  return defineCommand({
    summary: verb.about,
    details: [
      'Signs in at the gateway with the signer key of the fleet, asks, and shows the answer. It',
      'takes the place of a running "tickpay fleet serve", which signs in again by itself.',
    ],
    arguments: {},
    options: { config, ...verbOptions(verb), ...jsonOption },
    examples: [`tickpay fleet ${name} --config fleet.yaml${exampleOf(verb)}`],
    run: async (values, terminal) => {
      const typed = values as unknown as ParsedValues
      const args = verbArguments(verb, typed)
      const request = {
        name,
        args,
        scope: scopeTyped(name, verb, args),
        isPaged,
        right: verb.right,
      }
      return show(request, String(typed['config']), typed['json'] === true, terminal)
    },
  })
}

async function show(
  request: FleetRequest,
  path: string,
  json: boolean,
  terminal: Terminal,
): Promise<ExitCode> {
  const data = await withProgress('the gateway is asked', (progress) =>
    askGateway(path, request, stayingLines(progress, terminal.error)),
  )
  const isText = request.name === 'export' && !json
  const lines = isText ? (data as readonly string[]) : json ? [jsonText(data)] : dataLines(data)
  for (const line of lines) terminal.out(line)
  return exitCodes.ok
}

const samples: Readonly<Record<string, string>> = {
  device: 'ev-1',
  unit: 'Wh',
  price: '300',
  amount: '5000000',
  key: 'p256:HEX',
  meter: 'main',
}

/** What the verb needs, and a target. */
function exampleOf(verb: FleetVerb): string {
  const options = Object.entries(verbOptions(verb))
  const needed = options.filter(([name, { kind }]) => kind === 'needed' && samples[name])
  const listed = options.filter(([, { kind }]) => kind === 'list')
  const words = [...needed, ...listed].map(([name]) => ` --${name} ${samples[name]}`)
  const target = 'all' in verb.entries ? ' --all' : ''
  const more = 'per_day' in verb.entries ? ' --per-day 5000000' : ''
  const group = listed.length > 0 ? ' --group depot' : ''
  return `${words.join('')}${target}${group}${more}`
}
