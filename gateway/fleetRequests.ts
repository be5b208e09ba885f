/**
 * Requests on a fleet's topics: JSON with a `transaction` that the response repeats. What may be
 * asked depends on who asks; money needs a signature.
 * @module
 */
import { OperatorError } from '../ports/operatorError.ts'
import type { Identity } from '../protocol/access.ts'
import { mayAccess } from '../protocol/access.ts'
import { utf8ToBytes } from '../protocol/bytes.ts'
import { FLEET_PACKET_BYTES_MAX } from '../protocol/limits.ts'
import { formatTopic, parseTopic } from '../protocol/topics.ts'
import type { VerbCall } from './control/verb.ts'
import type { Core } from './core.ts'

/** Verbs on a topic and the verb of the control table that each is. */
const verbs: Readonly<Record<string, string>> = {
  mandate: 'mandate_put',
  statement: 'statement',
  'statement-leaves': 'statement_leaves',
  cosign: 'cosign',
  list: 'channels',
  get: 'channels',
  pause: 'pause',
  resume: 'resume',
}

type Request = { readonly transaction: string; readonly fields: Record<string, unknown> }

/** Deals with one request and publishes its response. */
export function takeFleetRequest(
  core: Core,
  call: VerbCall,
  identity: Exclude<Identity, { kind: 'device' | 'stale_clock' | 'claimant' }>,
  text: string,
  payload: Uint8Array,
): void {
  const topic = parseTopic(text)
  if (topic?.kind !== 'request' || topic.fleet !== identity.fleet) return
  const respond = (answer: Record<string, unknown>) =>
    core.link.publish(
      formatTopic({ kind: 'response', fleet: topic.fleet, verb: topic.verb }),
      encodeAnswer(answer),
      { retain: false },
    )
  const request = readRequest(payload)
  if (!request) {
    respond({ transaction: null, status: 'error', error: 'send a JSON object with a transaction' })
    return
  }
  const { transaction } = request
  if (!mayAccess(identity, 'publish', text)) {
    const error = `"${topic.verb}" is not allowed here: the operator's configuration decides`
    respond({ transaction, status: 'error', error })
    return
  }
  run(call, topic.verb, topic.fleet, request).then(
    (data) => respond({ transaction, status: 'ok', data }),
    (error: unknown) => {
      respond({ transaction, status: 'error', error: describe(core, topic.verb, error) })
    },
  )
}

/** A longer answer would not pass the length gate of a fleet role. */
function encodeAnswer(answer: Record<string, unknown>): Uint8Array {
  const bytes = utf8ToBytes(JSON.stringify(answer))
  if (bytes.length <= FLEET_PACKET_BYTES_MAX) return bytes
  const { transaction } = answer
  const error = 'the answer is too long: ask for one device'
  return utf8ToBytes(JSON.stringify({ transaction, status: 'error', error }))
}

/** A fleet speaks for its own devices only, whatever its arguments say. */
async function run(call: VerbCall, verb: string, fleet: string, request: Request) {
  const known = Object.hasOwn(verbs, verb) ? verbs[verb] : undefined
  if (known === undefined) throw new OperatorError(`unknown verb "${verb}"`)
  const { transaction: _, ...fields } = request.fields
  return call(known, { ...fields, fleet })
}

/** A bug is for the operator's log; the fleet's other requests go on. */
function describe({ ports }: Core, verb: string, error: unknown): string {
  if (error instanceof OperatorError) return error.message
  const reason = error instanceof Error ? (error.stack ?? error.message) : String(error)
  ports.log('error', 'a fleet request failed', { verb, reason })
  return 'internal error: ask the operator of the gateway'
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
