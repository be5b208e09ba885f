/**
 * Requests on a fleet's topics: JSON with a `transaction` that the response repeats. What may be
 * asked depends on who asks; money, limits and keys need a Command that the fleet's signer signed.
 * @module
 */
import { OperatorError } from '../ports/operatorError.ts'
import type { Identity } from '../protocol/access.ts'
import { mayAccess } from '../protocol/access.ts'
import { utf8ToBytes } from '../protocol/bytes.ts'
import { FLEET_PACKET_BYTES_MAX } from '../protocol/limits.ts'
import type { CommandReason } from '../protocol/reasons.ts'
import { formatTopic, parseTopic } from '../protocol/topics.ts'
import type { VerbCall } from './control/verb.ts'
import type { Core } from './core.ts'
import { announce } from './verbs/announce.ts'
import { judgeRequest, type Refused } from './verbs/judge.ts'
import { controlName } from './verbs/table.ts'

export type FleetRequester = Exclude<Identity, { kind: 'device' | 'stale_clock' | 'claimant' }>

type Request = { readonly transaction: string; readonly fields: Record<string, unknown> }

/** One request as it is dealt with. */
type Asked = {
  readonly core: Core
  readonly fleet: string
  readonly verb: string
  /** Who brought it. */
  readonly by: string
  readonly transaction: string | null
}

/** Deals with one request and publishes its response. */
export function takeFleetRequest(
  core: Core,
  call: VerbCall,
  identity: FleetRequester,
  text: string,
  payload: Uint8Array,
): void {
  const topic = parseTopic(text)
  if (topic?.kind !== 'request' || topic.fleet !== identity.fleet) return
  const { fleet, verb } = topic
  const by = nameOf(identity)
  const request = readRequest(payload)
  const asked = { core, fleet, verb, by, transaction: request?.transaction ?? null }
  if (!request) {
    refuse(asked, { reason: 'malformed', error: 'send a JSON object with a transaction' })
    return
  }
  // Behind an external broker nobody has a right of his own: a Command speaks for itself.
  if (!('command' in request.fields) && !mayAccess(identity, 'publish', text)) {
    const error = `"${verb}" is not allowed here: the operator's configuration decides`
    refuse(asked, { reason: 'missing_right', error })
    return
  }
  const { transaction: _, ...fields } = request.fields
  const judged = judgeRequest(core, identity, verb, fields)
  if (judged.kind === 'refused') refuse(asked, judged)
  else run(asked, call, judged.args, judged.kind)
}

function nameOf(identity: FleetRequester): string {
  const { fleet } = identity
  return identity.kind === 'fleet' ? fleet : `${identity.name}@${fleet}`
}

/** A request that the access rule lets nobody of this name make: there is no answer to it. */
export function noteForeignRequest(core: Core, identity: Identity, text: string): void {
  if (identity.kind !== 'fleet' && identity.kind !== 'reader') return
  const topic = parseTopic(text)
  if (topic?.kind !== 'request') return
  const { fleet } = identity
  const reason: CommandReason = topic.fleet === fleet ? 'missing_right' : 'wrong_fleet'
  tellRefusal(core, fleet, { verb: topic.verb, by: nameOf(identity), reason })
}

/** Whoever tries what is not his is seen: by the operator in the log, by the fleet on its topic. */
function tellRefusal(
  core: Core,
  fleet: string,
  about: { readonly verb: string; readonly by: string; readonly reason: CommandReason },
): void {
  const level = isHarmless(about.reason) ? 'info' : 'warn'
  core.ports.log(level, 'a request of a fleet was refused', { fleet, ...about })
  announce(core, fleet, { event: 'refused', ...about })
}

/** A fleet speaks for its own devices only, whatever its arguments say. */
function run(
  asked: Asked,
  call: VerbCall,
  args: Readonly<Record<string, unknown>>,
  kind: 'asked' | 'ordered',
): void {
  const { core, fleet, verb, by, transaction } = asked
  call(controlName(verb), { ...args, fleet }).then(
    (data) => {
      if (kind === 'ordered') {
        core.ports.log('info', 'a fleet gave an order', { fleet, verb, by })
        announce(core, fleet, { event: 'ordered', verb, by })
      }
      respond(asked, { transaction, status: 'ok', data })
    },
    (error: unknown) => {
      if (error instanceof OperatorError) {
        refuse(asked, { reason: 'not_possible', error: error.message })
        return
      }
      // A bug is for the operator's log; the fleet's other requests go on.
      const reason = error instanceof Error ? (error.stack ?? error.message) : String(error)
      core.ports.log('error', 'a fleet request failed', { verb, reason })
      const told = 'internal error: ask the operator of the gateway'
      respond(asked, { transaction, status: 'error', error: told })
    },
  )
}

function refuse(
  asked: Asked,
  { reason, error, isQuestion }: Pick<Refused, 'reason' | 'error' | 'isQuestion'>,
): void {
  const { core, fleet, verb, by, transaction } = asked
  if (isQuestion)
    core.ports.log('info', 'a request of a fleet was refused', { fleet, verb, by, reason })
  else tellRefusal(core, fleet, { verb, by, reason })
  respond(asked, { transaction, status: 'error', reason, error })
}

/** What people mistype every day. */
function isHarmless(reason: CommandReason): boolean {
  return reason === 'not_possible' || reason === 'unknown_verb' || reason === 'malformed'
}

/** A Command that was used is used for good before anybody hears of it. */
function respond({ core, fleet, verb }: Asked, answer: Record<string, unknown>): void {
  const topic = formatTopic({ kind: 'response', fleet, verb })
  const bytes = encodeAnswer(answer)
  core.writer.whenDurable(() => core.link.publish(topic, bytes, { retain: false }))
}

/** A longer answer would not pass the length gate of a fleet role. */
function encodeAnswer(answer: Record<string, unknown>): Uint8Array {
  const bytes = utf8ToBytes(JSON.stringify(answer))
  if (bytes.length <= FLEET_PACKET_BYTES_MAX) return bytes
  const { transaction } = answer
  const error = 'the answer is too long: ask for one device, or for pages with "from": 0'
  const reason: CommandReason = 'not_possible'
  return utf8ToBytes(JSON.stringify({ transaction, status: 'error', reason, error }))
}

function readRequest(payload: Uint8Array): Request | undefined {
  try {
    const value: unknown = JSON.parse(new TextDecoder().decode(payload))
    if (typeof value !== 'object' || value === null || Array.isArray(value)) return undefined
    const fields = value as Record<string, unknown>
    const transaction = fields['transaction']
    return typeof transaction === 'string' && transaction.length <= 64
      ? { transaction, fields }
      : undefined
  } catch {
    return undefined
  }
}
