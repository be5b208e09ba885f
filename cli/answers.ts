/**
 * What the gateway answers to the verbs whose answers a command looks into. Another version of the
 * program may sit behind the socket, so answers are checked.
 * @module
 */
import * as v from 'valibot'
import { channelReportSchema } from '../fleet/reports.ts'
import { OperatorError } from '../ports/operatorError.ts'

export const channelsAnswer = v.array(channelReportSchema)

export const fleetAnswer = v.object({ allocation: v.string() })

export const deviceAnswer = v.object({
  device: v.string(),
  gateway: v.object({ id: v.string(), key: v.string() }),
  ledger: v.object({
    chainId: v.pipe(v.union([v.string(), v.number()]), v.transform(String)),
    contract: v.string(),
  }),
  channels: v.array(
    v.object({ slot: v.number(), channelId: v.string(), meter: v.string(), position: v.number() }),
  ),
})
export type DeviceAnswer = v.InferOutput<typeof deviceAnswer>

export const mandatesAnswer = v.array(v.object({ channelId: v.string(), status: v.string() }))

export const credentialAnswer = v.object({ username: v.string(), password: v.string() })

export const operatorAnswer = v.object({
  username: v.string(),
  password: v.string(),
  secret: v.string(),
  uri: v.string(),
})

const entryValue = v.object({
  number: v.number(),
  timeSeconds: v.number(),
  debit: v.string(),
  credit: v.string(),
  asset: v.string(),
  amount: v.string(),
  reference: v.string(),
  channel: v.optional(v.string(), ''),
})
export type LedgerEntry = v.InferOutput<typeof entryValue>

export const entriesAnswer = v.object({
  entries: v.array(entryValue),
  next: v.optional(v.number()),
})

/**
 * Reads an answer.
 * @throws OperatorError when it is not what this version expects
 */
export function readAnswer<const S extends v.GenericSchema>(
  schema: S,
  data: unknown,
): v.InferOutput<S> {
  const result = v.safeParse(schema, data)
  if (result.success) return result.output
  const [issue] = result.issues
  const path = (issue.path ?? []).map(({ key }) => String(key)).join('.')
  throw new OperatorError(
    `the gateway answered something unexpected (${path}: ${issue.message}); is it another version?`,
  )
}
