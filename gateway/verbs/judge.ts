/**
 * Whether a request may be carried out: by the right of who brings it, or by the Command that the
 * fleet's signer signed. Checks in the order of `commandReasons`.
 * @module
 */
import * as v from 'valibot'
import { checkCommand, commandFromHex } from '../../protocol/commandRules.ts'
import { parsePublicKey } from '../../protocol/keys.ts'
import type { CommandReason } from '../../protocol/reasons.ts'
import { fullBucket, type TokenBucket, takeTokens } from '../broker/tokenBucket.ts'
import type { Core } from '../core.ts'
import type { FleetRequester } from '../fleetRequests.ts'
import { stepUpRefusal } from '../operators/stepUp.ts'
import { scopeOf } from '../policies/policy.ts'
import { type FleetVerb, findVerb } from './table.ts'

export type Refused = {
  readonly kind: 'refused'
  readonly reason: CommandReason
  /** One line for people. */
  readonly error: string
  /** Nothing was tried: the asker is only told what to show. */
  readonly isQuestion?: boolean
}

type NamedElsewhere = 'not_possible' | 'unknown_verb' | 'second_factor'
type Fields = Readonly<Record<string, unknown>>

/** `ordered`: by a Command. */
export type Judged = { readonly kind: 'asked' | 'ordered'; readonly args: Fields } | Refused

/** A switch that flaps is worth a pause of its own. */
const UNSIGNED_PER_SECOND = 0.5
const UNSIGNED_BURST = 20
/** Credentials whose rate is known. */
const REMEMBERED_MAX = 1_000

const errors: Readonly<Record<Exclude<CommandReason, NamedElsewhere>, string>> = {
  malformed: 'send "command" as hex and "arguments" as the JSON text that it was signed for',
  missing_right: 'this needs a signed Command: see "tickpay fleet sign"',
  slow_down: 'too many changes of supply: wait a minute, or send a signed Command',
  wrong_gateway: 'the Command is for another gateway',
  wrong_fleet: 'the Command is of another fleet',
  wrong_arguments: 'the Command was signed for another verb or for other arguments',
  not_yet: 'the Command is from the future: check the clock where it was signed',
  expired: 'the Command has expired: sign it again',
  nonce_used: 'the Command, or a later one, was used already: sign it again',
  bad_signature: 'the Command was not signed with the key of the fleet for this ledger',
  out_of_scope: 'the Command reaches less than its arguments name',
}

function refused(reason: keyof typeof errors): Refused {
  return { kind: 'refused', reason, error: errors[reason] }
}

/** Judges a request; a Command that is found to be of the signer is used from here on. */
export function judgeRequest(
  core: Core,
  identity: FleetRequester,
  name: string,
  fields: Fields,
): Judged {
  const verb = findVerb(name)
  if (!verb) return { kind: 'refused', reason: 'unknown_verb', error: `unknown verb "${name}"` }
  if ('command' in fields) return judgeCommand(core, identity, name, fields)
  // The code of an operator is for the judge and no argument of the verb.
  const { code, ...others } = fields
  const args = verb.right === 'supply' ? others : fields
  const reason = rightRefusal(identity, verb, args)
  if (reason) return refused(reason)
  const isChange = verb.right === 'supply' && args['dry_run'] !== true
  const refusal =
    isChange && identity.kind === 'reader' ? supplyRefusal(core, identity, args, code) : undefined
  return refusal ?? { kind: 'asked', args }
}

/** What a right alone allows. A dry run changes nothing. */
function rightRefusal(
  identity: FleetRequester,
  { right }: FleetVerb,
  fields: Fields,
): 'missing_right' | undefined {
  if (right === 'own_signature') return undefined
  const has = (one: 'read' | 'supply') => identity.kind === 'fleet' || identity.rights.includes(one)
  if (right === 'read') return has('read') ? undefined : 'missing_right'
  if (fields['dry_run'] === true) return has('read') || has('supply') ? undefined : 'missing_right'
  return right === 'command' || !has('supply') ? 'missing_right' : undefined
}

/** What a person who changes supply has to keep to beside his right. */
function supplyRefusal(
  core: Core,
  identity: Extract<FleetRequester, { kind: 'reader' }>,
  fields: Fields,
  code: unknown,
): Refused | undefined {
  const { fleet, name: by } = identity
  const unproven = stepUpRefusal(core, identity, code)
  if (unproven) return unproven
  if (takeTokens(bucketOf(core, `${by}@${fleet}`), 1, core.ports.clock.monotonicMs()) > 0) {
    return refused('slow_down')
  }
  core.ports.log('info', 'a credential changes supply', { fleet, by, ...textFields(fields) })
  return undefined
}

/** What a log may repeat of it. */
function textFields({ device, group, site, all }: Fields) {
  const named = Object.entries({ device, group, site, all })
  return Object.fromEntries(
    named.filter(([, value]) => value !== undefined).map(([key, value]) => [key, short(value)]),
  )
}

const short = (value: unknown) => String(value).slice(0, 48)

const buckets = new WeakMap<Core, Map<string, TokenBucket>>()

function bucketOf(core: Core, name: string): TokenBucket {
  const all = buckets.get(core) ?? new Map<string, TokenBucket>()
  buckets.set(core, all)
  const nowMs = core.ports.clock.monotonicMs()
  const bucket = all.get(name) ?? fullBucket(UNSIGNED_PER_SECOND, UNSIGNED_BURST, nowMs)
  all.delete(name)
  all.set(name, bucket)
  const [oldest] = all.keys()
  if (all.size > REMEMBERED_MAX && oldest !== undefined) all.delete(oldest)
  return bucket
}

const signedSchema = v.strictObject({ command: v.string(), arguments: v.string() })

function judgeCommand(core: Core, identity: FleetRequester, verb: string, fields: Fields): Judged {
  const request = v.safeParse(signedSchema, fields)
  const command = request.success ? commandFromHex(request.output.command) : undefined
  const args = request.success ? readArguments(request.output.arguments) : undefined
  if (!request.success || !command || !args) return refused('malformed')
  const { fleet } = identity
  const { state, config, writer } = core
  const signer = state.fleets.get(fleet)?.signerKey
  const verdict = checkCommand(
    {
      domain: state.domain,
      gateway: config.gateway,
      fleet,
      verb,
      target: targetOf(args),
      argumentsText: request.output.arguments,
      signerKey: signer && parsePublicKey(signer),
      nonceBefore: state.orders.nonces.get(fleet) ?? 0,
      nowSeconds: writer.seconds(),
    },
    command,
    core.verify,
  )
  // It is the signer's: whatever comes of it, nobody brings it a second time.
  if (verdict === 'accepted' || verdict === 'out_of_scope') {
    writer.record({ kind: 'order', order: { what: 'used', fleet, nonce: command.value.nonce } })
  }
  return verdict === 'accepted' ? { kind: 'ordered', args } : refused(verdict)
}

function readArguments(text: string): Fields | undefined {
  try {
    const value: unknown = JSON.parse(text)
    const isObject = typeof value === 'object' && value !== null && !Array.isArray(value)
    return isObject ? (value as Fields) : undefined
  } catch {
    return undefined
  }
}

/** What the arguments name, as a scope; the fleet where they name no part of it. */
function targetOf({ device, group, site }: Fields): string {
  const text = (value: unknown) => (typeof value === 'string' ? value : undefined)
  return scopeOf({ device: text(device), group: text(group), site: text(site) }) ?? 'fleet'
}
