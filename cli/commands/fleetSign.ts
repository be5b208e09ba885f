/**
 * `tickpay fleet sign`
 * @module
 */
import { type FleetVerb, findVerb, fleetVerbs } from '../../gateway/verbs/table.ts'
import { argument, defineCommand, flag, list, needed, text } from '../command.ts'
import { exitCodes, UsageError } from '../exitCodes.ts'
import { scopeTyped, verbArguments, verbOptions } from '../fleetVerb.ts'
import { openFleet, signNow } from '../io/fleetGateway.ts'
import { nearest } from '../suggest.ts'

const SECONDS_USUAL = 300

export const command = defineCommand({
  summary: 'Signs an order of the fleet and prints the request, for mosquitto_pub -s',
  details: [
    'Where the signer key is, the gateway need not be in reach: what is printed may be carried',
    'anywhere, is good once, and for a few minutes. Whoever hands it in needs a credential with',
    'the right "command". Arguments are those of "tickpay fleet VERB".',
  ],
  arguments: { verb: argument('what is ordered: pause, limit, revoke ...') },
  options: {
    config: needed('FILE', 'configuration of the fleet, for example fleet.yaml'),
    device: text('DEVICE', 'for this device'),
    group: text('GROUP', 'for this group'),
    site: text('SITE', 'for this site'),
    all: flag('for the whole fleet'),
    arg: list('NAME=VALUE', 'another argument, for example per-day=5000000'),
    seconds: text('SECONDS', `how long it may be used (default: ${SECONDS_USUAL})`),
    transaction: text('TEXT', 'what the response repeats (default: the time)'),
  },
  examples: [
    'tickpay fleet sign limit --config fleet.yaml --group depot --arg per-day=5000000',
    'tickpay fleet sign revoke --config fleet.yaml --device ev-1',
  ],
  run: async ({ verb: name, config: path, arg, seconds, transaction, ...target }, terminal) => {
    const verb = findVerb(name)
    if (!verb) {
      const near = nearest(name, Object.keys(fleetVerbs))
      throw new UsageError(`unknown verb "${name}"${near ? `; did you mean "${near}"?` : ''}`)
    }
    const lifeSeconds = Number(seconds ?? SECONDS_USUAL)
    if (!(lifeSeconds >= 1 && lifeSeconds <= 86_400)) {
      throw new UsageError('--seconds is a number from 1 to 86400')
    }
    const args = verbArguments(verb, { ...readPairs(verb, arg), ...typedOnly(target) })
    const scope = scopeTyped(name, verb, args)
    const { identity } = await openFleet(path, terminal.error)
    const signed = await signNow(identity, { name, args, scope }, lifeSeconds)
    terminal.out(JSON.stringify({ transaction: transaction ?? `${Date.now()}`, ...signed }))
    return exitCodes.ok
  },
})

type Target = {
  readonly device: string | undefined
  readonly group: string | undefined
  readonly site: string | undefined
  readonly all: boolean
}

function typedOnly(target: Target) {
  const typed = Object.entries(target).filter(([, value]) => value !== undefined && value !== false)
  return Object.fromEntries(typed)
}

function readPairs(verb: FleetVerb, pairs: readonly string[]) {
  const values: Record<string, string | string[]> = {}
  const options = verbOptions(verb)
  for (const pair of pairs) {
    const [name = '', ...rest] = pair.split('=')
    const option = Object.hasOwn(options, name) ? options[name] : undefined
    if (!option || rest.length === 0) {
      throw new UsageError(`--arg ${pair}: use NAME=VALUE with ${Object.keys(options).join(', ')}`)
    }
    const value = rest.join('=')
    const known = values[name]
    if (option.kind !== 'list') values[name] = value
    else values[name] = [...(Array.isArray(known) ? known : []), value]
  }
  return values
}
