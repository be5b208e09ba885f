/**
 * The page's connection to the gateway: MQTT over WebSocket with a person's credential, which the
 * browser forgets with the tab.
 * @module
 */
import mqtt from 'mqtt'

export type Login = { readonly username: string; readonly password: string }

export type Answer = { readonly kind: 'ok' } | { readonly kind: 'refused'; readonly why: string }

export type Session = {
  readonly fleet: string
  /** Asks on `request/{verb}`; one answer, or that there is none. */
  readonly ask: (verb: string, fields: Readonly<Record<string, unknown>>) => Promise<Answer>
  readonly close: () => void
}

export type Listener = {
  readonly onMessage: (topic: string, text: string) => void
  readonly onState: (state: 'connecting' | 'online' | 'away') => void
  /** The credential is not good, or not any more. */
  readonly onRefused: (why: string) => void
}

const LOGIN_KEY = 'tickpay login'
/** The browser lets a page in the background look at its clock once a minute. */
const KEEPALIVE_SECONDS = 120
const RECONNECT_MS = 2_000
const CONNECT_TIMEOUT_MS = 10_000
const ANSWER_TIMEOUT_MS = 10_000
/** CONNACK (MQTT 3.1.1 section 3.2.2.3) 4: bad user name or password; 5: not authorised. */
const refusedCodes: ReadonlySet<number> = new Set([4, 5])

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
  const root = `tickpay/1/${fleet}/_`
  const scheme = location.protocol === 'https:' ? 'wss' : 'ws'
  const client = mqtt.connect(`${scheme}://${location.host}/mqtt`, {
    ...login,
    protocolVersion: 4,
    clientId: `dashboard-${crypto.getRandomValues(new Uint32Array(2)).join('-')}`,
    clean: true,
    keepalive: KEEPALIVE_SECONDS,
    reconnectPeriod: RECONNECT_MS,
    connectTimeout: CONNECT_TIMEOUT_MS,
    // The library's own run in a worker made of a blob, which the page's policy forbids.
    timerVariant: 'native',
  })
  const answers = new Map<string, (answer: Answer) => void>()
  listener.onState('connecting')
  client.on('connect', () => {
    listener.onState('online')
    client.subscribe([`${root}/devices/+`, `${root}/event`, `${root}/response/+`], { qos: 0 })
    client.subscribe(['tickpay/1/_gateway/+/health', 'tickpay/1/_gateway/+/state'], { qos: 0 })
  })
  client.on('close', () => {
    listener.onState('away')
    // So a broker answers what a credential may not ask for.
    const why = 'The gateway closed the connection. Has this credential the right "supply"?'
    for (const end of [...answers.values()]) end({ kind: 'refused', why })
  })
  client.on('error', (error) => {
    if (!('code' in error) || !refusedCodes.has(Number(error.code))) return
    client.end(true)
    listener.onRefused('The gateway does not know this name with this password.')
  })
  const text = new TextDecoder()
  client.on('message', (topic, payload) => {
    if (topic.startsWith(`${root}/response/`)) settle(answers, text.decode(payload))
    else listener.onMessage(topic, text.decode(payload))
  })
  return {
    fleet,
    ask: (verb, fields) => ask(client, answers, `${root}/request/${verb}`, fields),
    close: () => client.end(true),
  }
}

function ask(
  client: ReturnType<typeof mqtt.connect>,
  answers: Map<string, (answer: Answer) => void>,
  topic: string,
  fields: Readonly<Record<string, unknown>>,
): Promise<Answer> {
  const transaction = crypto.getRandomValues(new Uint32Array(4)).join('-')
  return new Promise((resolve) => {
    const end = (answer: Answer) => {
      clearTimeout(timer)
      answers.delete(transaction)
      resolve(answer)
    }
    const silent: Answer = { kind: 'refused', why: 'The gateway did not answer.' }
    const timer = setTimeout(() => end(silent), ANSWER_TIMEOUT_MS)
    answers.set(transaction, end)
    // Not again by itself: somebody who may not ask would be cut off again and again.
    client.publish(topic, JSON.stringify({ ...fields, transaction }), { qos: 0 })
  })
}

/** Answers to others of the fleet come here too. */
function settle(answers: Map<string, (answer: Answer) => void>, text: string): void {
  try {
    const { transaction, status, error } = JSON.parse(text) as Record<string, unknown>
    const end = answers.get(String(transaction))
    if (status === 'ok') end?.({ kind: 'ok' })
    else end?.({ kind: 'refused', why: String(error) })
  } catch {
    // Not an answer to us.
  }
}
