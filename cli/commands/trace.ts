/**
 * `tickpay trace`
 * @module
 */
import * as v from 'valibot'
import { readAnswer } from '../answers.ts'
import { argument, defineCommand, flag, jsonOption, text } from '../command.ts'
import { exitCodes } from '../exitCodes.ts'
import { gatewayOptions } from '../gatewayOptions.ts'
import { type Calls, openRunning } from '../io/gatewayCalls.ts'
import { jsonText } from '../jsonLine.ts'
import { reasonText } from '../reasonTexts.ts'
import { dataLines } from '../show.ts'
import type { Terminal } from '../terminal.ts'

const LOOK_EVERY_MS = 1_000

export const command = defineCommand({
  summary: 'Shows what happened to a device lately, and why its messages were refused',
  details: [
    'Its channels and their supply as they are; then what the running gateway remembers: refused',
    'messages with the reason, accepted commitments, connections; the newest last, at most 64.',
    'The same again and again is one line. Nothing is remembered of ticks that were accepted, and',
    'nothing from before the start of the gateway.',
  ],
  arguments: { device: argument('the device') },
  options: {
    fleet: text('FLEET', 'fleet of the device, where several have one of that name'),
    follow: flag('go on with what happens, until it is interrupted'),
    ...gatewayOptions,
    ...jsonOption,
  },
  examples: ['tickpay trace ev-1', 'tickpay trace ev-1 --fleet acme --follow --json'],
  run: async ({ device, fleet, follow, json, ...place }, terminal) => {
    const calls = await openRunning(place)
    try {
      const show = json ? showJson : showLines
      let after = await lookOnce(calls, { device, fleet, after: 0 }, terminal, show)
      while (follow) {
        await new Promise((resolve) => setTimeout(resolve, LOOK_EVERY_MS))
        after = await lookOnce(calls, { device, fleet, after }, terminal, show)
      }
      return exitCodes.ok
    } finally {
      await calls.close()
    }
  },
})

const eventSchema = v.looseObject({
  sequence: v.number(),
  lastAtSeconds: v.number(),
  times: v.number(),
  what: v.string(),
  slot: v.nullable(v.number()),
  kind: v.nullable(v.string()),
  reason: v.nullable(v.string()),
  epoch: v.nullable(v.number()),
})
const traceAnswer = v.looseObject({
  fleet: v.string(),
  device: v.string(),
  online: v.boolean(),
  channels: v.array(v.looseObject({})),
  events: v.array(eventSchema),
})
type TraceAnswer = v.InferOutput<typeof traceAnswer>
type TraceEvent = v.InferOutput<typeof eventSchema>
type Asked = { readonly device: string; readonly fleet: string | undefined; readonly after: number }
type Show = (answer: TraceAnswer, asked: Asked) => readonly string[]

async function lookOnce(
  { call }: Calls,
  asked: Asked,
  terminal: Terminal,
  show: Show,
): Promise<number> {
  const answer = readAnswer(traceAnswer, await call('trace', asked))
  for (const line of show(answer, asked)) terminal.out(line)
  return answer.events.at(-1)?.sequence ?? asked.after
}

/** The whole answer first, then one event a line. */
const showJson: Show = (answer, { after }) =>
  after === 0 ? [jsonText(answer)] : answer.events.map(jsonText)

const showLines: Show = (answer, { after }) => {
  const events = answer.events.map(eventLine)
  if (after > 0) return events
  const { fleet, device, online, channels } = answer
  return [
    ...dataLines({ device: `${fleet}/${device}`, online, channels }),
    '',
    ...(events.length === 0 ? ['nothing happened since the gateway started'] : events),
  ]
}

function eventLine({ lastAtSeconds, times, what, slot, kind, reason, epoch }: TraceEvent): string {
  const time = new Date(lastAtSeconds * 1_000).toISOString()
  const about = [kind, epoch === null ? null : `epoch ${epoch}`, reason].filter((one) => one)
  const place = slot === null ? '' : ` slot ${slot}`
  const often = times > 1 ? ` (${times} times)` : ''
  const why = reason === null ? undefined : reasonText(reason)
  const line = `${time}${place} ${what} ${about.join(': ')}${often}`.trimEnd()
  return why === undefined ? line : `${line}: ${why}`
}
