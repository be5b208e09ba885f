/**
 * What page and worker tell each other.
 * @module
 */
import type { Heard } from '../model/heard.ts'

export type Login = { readonly username: string; readonly password: string }

export type Answer =
  | { readonly kind: 'ok' }
  | {
      readonly kind: 'refused'
      readonly why: string
      /** The gateway's own word for it; undefined when it did not answer. */
      readonly reason: string | undefined
    }

export type Fields = Readonly<Record<string, unknown>>

export type ToWorker =
  | { readonly kind: 'open'; readonly url: string; readonly login: Login; readonly fleet: string }
  | {
      readonly kind: 'ask'
      readonly number: number
      readonly verb: string
      readonly fields: Fields
    }
  /** The last batch is taken in: the next may come. */
  | { readonly kind: 'taken' }

export type ToPage =
  | { readonly kind: 'state'; readonly state: 'connecting' | 'online' | 'away' }
  | { readonly kind: 'batch'; readonly heard: readonly Heard[] }
  | { readonly kind: 'answer'; readonly number: number; readonly answer: Answer }
  /** The credential is not good, or not any more. */
  | { readonly kind: 'refused' }
