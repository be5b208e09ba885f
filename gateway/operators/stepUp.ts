/**
 * The second factor of operators: whoever acts from the dashboard has shown a fresh one-time code
 * in the same session. A code counts once, guesses are few, and each is logged.
 * @module
 */
import type { Identity } from '../../protocol/access.ts'
import type { CommandReason } from '../../protocol/reasons.ts'
import type { Credential } from '../broker/credentials.ts'
import { fullBucket, type TokenBucket, takeTokens } from '../broker/tokenBucket.ts'
import type { Core } from '../core.ts'
import { codeStep } from './oneTimeCode.ts'

type Reader = Extract<Identity, { kind: 'reader' }>

export type StepUpRefusal = {
  readonly kind: 'refused'
  readonly reason: Extract<CommandReason, 'missing_right' | 'second_factor' | 'slow_down'>
  /** One line for people. */
  readonly error: string
  /** Nothing was tried: the asker is only told to show a code. */
  readonly isQuestion: boolean
}

/** How long a session may act after a code: long enough for one piece of work. */
export const STEP_UP_MS = 300_000
/** Wrong codes in a row; beyond them one in five minutes: 300 guesses a day of a million. */
const GUESSES_BURST = 5
const GUESSES_PER_SECOND = 1 / 300
/** Operators whose guesses are counted; there are not more credentials than this. */
const REMEMBERED_MAX = 1_000

type Desk = {
  /** Monotonic time until which a session may act, by the identity that the session was given. */
  readonly freshUntilMs: WeakMap<Reader, number>
  readonly guesses: Map<string, TokenBucket>
}

const desks = new WeakMap<Core, Desk>()
const ofPages = new WeakSet<Identity>()

/** This session is one of a page in a browser. */
export function markPage(identity: Identity): void {
  ofPages.add(identity)
}

/**
 * Why this person may not act now; undefined when he may. Tools with a plain credential need no
 * code, which they could not show, and pages take none but operators.
 */
export function stepUpRefusal(
  core: Core,
  identity: Reader,
  code: unknown,
): StepUpRefusal | undefined {
  const credential = credentialOf(core, identity)
  if (!credential?.secondFactor) {
    if (!ofPages.has(identity)) return undefined
    return refusal('missing_right', 'only an operator acts here: see "tickpay operator add"')
  }
  const desk = deskOf(core)
  const nowMs = core.ports.clock.monotonicMs()
  if (code !== undefined) return tryCode(core, identity, credential, code)
  if ((desk.freshUntilMs.get(identity) ?? 0) > nowMs) return undefined
  const error = 'show the code that your authenticator has for this gateway'
  return { ...refusal('second_factor', error), isQuestion: true }
}

function tryCode(
  core: Core,
  identity: Reader,
  credential: Credential,
  code: unknown,
): StepUpRefusal | undefined {
  const { fleet, name } = identity
  const { clock, log } = core.ports
  const desk = deskOf(core)
  const nowMs = clock.monotonicMs()
  const waitMs = takeTokens(guessesOf(desk, `${fleet}/${name}`, nowMs), 1, nowMs)
  if (waitMs > 0) {
    log('warn', 'too many wrong codes of an operator', { fleet, name })
    return refusal('slow_down', `too many wrong codes: wait ${Math.ceil(waitMs / 60_000)} min`)
  }
  const { secret = '', usedStep = 0 } = credential.secondFactor ?? {}
  const step = codeStep(secret, code, clock.nowMs(), usedStep)
  if (step === undefined) {
    log('warn', 'a wrong code of an operator', { fleet, name })
    return refusal('second_factor', 'this code is wrong or was used: wait for the next one')
  }
  // Used for good, whatever comes of the request, and also after a restart.
  const used: Credential = { ...credential, secondFactor: { secret, usedStep: step } }
  core.writer.record({ kind: 'credential', fleet, name, record: JSON.stringify(used) })
  desk.guesses.delete(`${fleet}/${name}`)
  desk.freshUntilMs.set(identity, nowMs + STEP_UP_MS)
  log('info', 'an operator has shown a code', { fleet, name })
  return undefined
}

function credentialOf(core: Core, { fleet, name }: Reader): Credential | undefined {
  const record = core.state.credentials.get(`${fleet}/${name}`)
  return record === undefined ? undefined : (JSON.parse(record) as Credential)
}

function deskOf(core: Core): Desk {
  const known = desks.get(core)
  if (known) return known
  const desk: Desk = { freshUntilMs: new WeakMap(), guesses: new Map() }
  desks.set(core, desk)
  return desk
}

function guessesOf({ guesses }: Desk, name: string, nowMs: number): TokenBucket {
  const known = guesses.get(name)
  if (known) return known
  const bucket = fullBucket(GUESSES_PER_SECOND, GUESSES_BURST, nowMs)
  guesses.set(name, bucket)
  const [oldest] = guesses.keys()
  if (guesses.size > REMEMBERED_MAX && oldest !== undefined) guesses.delete(oldest)
  return bucket
}

function refusal(reason: StepUpRefusal['reason'], error: string): StepUpRefusal {
  return { kind: 'refused', reason, error, isQuestion: false }
}
