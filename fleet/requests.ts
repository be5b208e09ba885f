/**
 * Requests of a fleet at its gateway and the answers to them, by transaction.
 * @module
 */
import * as v from 'valibot'
import type { Cancel, Timers, Transport } from '../ports/index.ts'
import { OperatorError } from '../ports/operatorError.ts'
import { utf8ToBytes } from '../protocol/bytes.ts'
import { formatTopic } from '../protocol/topics.ts'
import { readJson } from './reports.ts'

/** An unanswered request has failed. */
const ANSWER_TIMEOUT_MS = 30_000

const endedReason = 'the connection ended: does another program of this fleet sign in?'

const answerSchema = v.object({
  transaction: v.string(),
  status: v.string(),
  data: v.optional(v.unknown()),
  error: v.optional(v.string()),
})

/** The gateway understood and said no. */
export class AnswerRefusedError extends OperatorError {}

export type Requests = {
  /** Resolves with the data of the answer; rejects with what the gateway says is wrong. */
  readonly ask: (
    transport: Transport,
    verb: string,
    fields: Readonly<Record<string, unknown>>,
  ) => Promise<unknown>
  /** Takes in the payload of a response topic. */
  readonly take: (payload: Uint8Array) => void
  /** The connection ended: nothing that waits is answered any more. */
  readonly drop: () => void
}

type Waiting = {
  readonly resolve: (data: unknown) => void
  readonly reject: (error: Error) => void
  readonly cancel: Cancel
}

/** `name` begins every transaction, and has to be new with each process. */
export function createRequests(timers: Timers, fleet: string, name: string): Requests {
  const waiting = new Map<string, Waiting>()
  let count = 0
  const end = (transaction: string): Waiting | undefined => {
    const one = waiting.get(transaction)
    waiting.delete(transaction)
    one?.cancel()
    return one
  }
  return {
    ask: (transport, verb, fields) =>
      new Promise((resolve, reject) => {
        const transaction = `${name}-${++count}`
        const fail = (reason: string) =>
          end(transaction)?.reject(new OperatorError(`${verb}: ${reason}`))
        const cancel = timers.after(ANSWER_TIMEOUT_MS, () => fail('the gateway does not answer'))
        waiting.set(transaction, { resolve, reject, cancel })
        const payload = utf8ToBytes(JSON.stringify({ transaction, ...fields }))
        const topic = formatTopic({ kind: 'request', fleet, verb })
        transport.publish(topic, payload, { retain: false }).catch(() => fail(endedReason))
      }),
    take: (payload) => {
      const parsed = v.safeParse(answerSchema, readJson(payload))
      if (!parsed.success) return
      const { transaction, status, data, error = status } = parsed.output
      const one = end(transaction)
      if (status === 'ok') one?.resolve(data)
      else one?.reject(new AnswerRefusedError(error))
    },
    drop: () => {
      for (const transaction of [...waiting.keys()]) {
        end(transaction)?.reject(new OperatorError(endedReason))
      }
    },
  }
}
