/**
 * The connection to the gateway, MQTT over WebSocket, beside the page: what arrives is read here
 * and handed over in small batches, so that no number of devices keeps the page from answering.
 * @module
 */
import mqtt from 'mqtt'
import { addHeard, createBacklog, isEmpty, readHeard, takeHeard } from '../model/heard.ts'
import type { Answer, Fields, ToPage, ToWorker } from './wire.ts'

/** The browser lets a page in the background look at its clock once a minute. */
const KEEPALIVE_SECONDS = 120
const RECONNECT_MS = 2_000
const CONNECT_TIMEOUT_MS = 10_000
const ANSWER_TIMEOUT_MS = 10_000
/** CONNACK (MQTT 3.1.1 section 3.2.2.3) 4: bad user name or password; 5: not authorised. */
const refusedCodes: ReadonlySet<number> = new Set([4, 5])
/** A page takes so many in a few milliseconds. */
const BATCH_REPORTS_MAX = 100
const BATCH_EVERY_MS = 50

type Client = ReturnType<typeof mqtt.connect>
type Answers = Map<string, (answer: Answer) => void>
type Opened = { readonly client: Client; readonly answers: Answers; readonly root: string }

const tell = (message: ToPage) => postMessage(message)
const backlog = createBacklog()
const decoder = new TextDecoder()
let opened: Opened | undefined
let isPageBusy = false
let isBatchPlanned = false

addEventListener('message', ({ data }: MessageEvent<ToWorker>) => {
  if (data.kind === 'open') opened = open(data)
  else if (data.kind === 'ask') void ask(data.number, data.verb, data.fields)
  else {
    isPageBusy = false
    // What comes at the start, or after a pause, is not held up.
    if (backlog.reports.size >= BATCH_REPORTS_MAX) sendBatch()
    else planBatch()
  }
})

function open({ url, login, fleet }: Extract<ToWorker, { kind: 'open' }>): Opened {
  const root = `tickpay/1/${fleet}/_`
  const client = mqtt.connect(url, {
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
  const answers: Answers = new Map()
  tell({ kind: 'state', state: 'connecting' })
  client.on('connect', () => {
    tell({ kind: 'state', state: 'online' })
    client.subscribe([`${root}/devices/+`, `${root}/event`, `${root}/response/+`], { qos: 0 })
    client.subscribe(['tickpay/1/_gateway/+/health', 'tickpay/1/_gateway/+/state'], { qos: 0 })
  })
  client.on('close', () => {
    tell({ kind: 'state', state: 'away' })
    // So a broker answers what a credential may not ask for.
    const why = 'The gateway closed the connection. Has this login the right "supply"?'
    for (const end of [...answers.values()]) end({ kind: 'refused', why, reason: undefined })
  })
  client.on('error', (error) => {
    if (!('code' in error) || !refusedCodes.has(Number(error.code))) return
    client.end(true)
    tell({ kind: 'refused' })
  })
  client.on('message', (topic, payload) => {
    const text = decoder.decode(payload)
    if (topic.startsWith(`${root}/response/`)) settle(answers, text)
    else hear(topic, text)
  })
  return { client, answers, root }
}

function hear(topic: string, text: string): void {
  const heard = readHeard(topic, text)
  if (!heard) return
  addHeard(backlog, heard)
  planBatch()
}

function planBatch(): void {
  if (isPageBusy || isBatchPlanned || isEmpty(backlog)) return
  isBatchPlanned = true
  setTimeout(sendBatch, BATCH_EVERY_MS)
}

function sendBatch(): void {
  isBatchPlanned = false
  isPageBusy = true
  tell({ kind: 'batch', heard: takeHeard(backlog, BATCH_REPORTS_MAX) })
}

async function ask(number: number, verb: string, fields: Fields): Promise<void> {
  const answer = await answerTo(verb, fields)
  tell({ kind: 'answer', number, answer })
}

function answerTo(verb: string, fields: Fields): Promise<Answer> {
  const transaction = crypto.getRandomValues(new Uint32Array(4)).join('-')
  return new Promise((resolve) => {
    if (!opened) return
    const { client, answers, root } = opened
    const end = (answer: Answer) => {
      clearTimeout(timer)
      answers.delete(transaction)
      resolve(answer)
    }
    const why = 'The gateway did not answer.'
    const timer = setTimeout(
      () => end({ kind: 'refused', why, reason: undefined }),
      ANSWER_TIMEOUT_MS,
    )
    answers.set(transaction, end)
    // Not again by itself: somebody who may not ask would be cut off again and again.
    client.publish(`${root}/request/${verb}`, JSON.stringify({ ...fields, transaction }), {
      qos: 0,
    })
  })
}

/** Answers to others of the fleet come here too. */
function settle(answers: Answers, text: string): void {
  try {
    const { transaction, status, error, reason } = JSON.parse(text) as Record<string, unknown>
    const end = answers.get(String(transaction))
    if (status === 'ok') end?.({ kind: 'ok' })
    else end?.({ kind: 'refused', why: String(error), reason: String(reason) })
  } catch {
    // Not an answer to us.
  }
}
