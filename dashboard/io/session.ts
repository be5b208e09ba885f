/**
 * The page's session with the gateway: a worker holds the connection; a person's login is
 * forgotten with the tab.
 * @module
 */
import type { Heard } from '../model/heard.ts'
import type { Answer, Fields, Login, ToPage, ToWorker } from './wire.ts'

export type Session = {
  readonly fleet: string
  /** Asks on `request/{verb}`; one answer, or that there is none. */
  readonly ask: (verb: string, fields: Fields) => Promise<Answer>
  readonly close: () => void
}

export type Listener = {
  readonly onHeard: (heard: readonly Heard[]) => void
  readonly onState: (state: 'connecting' | 'online' | 'away') => void
  /** The login is not good, or not any more. */
  readonly onRefused: (why: string) => void
}

const LOGIN_KEY = 'tickpay login'

export function rememberedLogin(): Login | undefined {
  const text = sessionStorage.getItem(LOGIN_KEY)
  return text === null ? undefined : (JSON.parse(text) as Login)
}

export function rememberLogin(login: Login): void {
  sessionStorage.setItem(LOGIN_KEY, JSON.stringify(login))
}

export function forgetLogin(): void {
  sessionStorage.removeItem(LOGIN_KEY)
}

/** The fleet in `name@fleet`; undefined when it is no such name. */
export function fleetOf(username: string): string | undefined {
  return /^[a-z0-9][a-z0-9-]{0,47}@([a-z0-9][a-z0-9-]{0,47})$/.exec(username)?.[1]
}

export function openSession(login: Login, listener: Listener): Session {
  const fleet = fleetOf(login.username) ?? ''
  const scheme = location.protocol === 'https:' ? 'wss' : 'ws'
  const worker = new Worker('/worker.js', { type: 'module' })
  const tell = (message: ToWorker) => worker.postMessage(message)
  const answers = new Map<number, (answer: Answer) => void>()
  let asked = 0
  worker.addEventListener('message', ({ data }: MessageEvent<ToPage>) => {
    if (data.kind === 'batch') {
      listener.onHeard(data.heard)
      tell({ kind: 'taken' })
    } else if (data.kind === 'answer') {
      answers.get(data.number)?.(data.answer)
      answers.delete(data.number)
    } else if (data.kind === 'state') listener.onState(data.state)
    else listener.onRefused('The gateway does not know this name with this password.')
  })
  tell({ kind: 'open', url: `${scheme}://${location.host}/mqtt`, login, fleet })
  return {
    fleet,
    ask: (verb, fields) =>
      new Promise((resolve) => {
        asked += 1
        answers.set(asked, resolve)
        tell({ kind: 'ask', number: asked, verb, fields })
      }),
    close: () => worker.terminate(),
  }
}
