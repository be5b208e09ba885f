/**
 * What every gateway behind a broker is at least: one subscriber of all ticks at quality of service
 * 1 that only counts them. Remembers when it had counted how many.
 * @module
 */
import mqtt from 'mqtt'
import { TOPIC_ROOT } from '../../protocol/topics.ts'

const SAMPLE_MS = 10
const SAMPLES_MAX = 100_000

type Sample = { readonly atMs: number; readonly count: number }

let count = 0
const samples: Sample[] = []
const [url = ''] = process.argv.slice(2)
const client = mqtt.connect(url, { clientId: 'subscriber', protocolVersion: 4, clean: true })
client.on('message', () => {
  count += 1
})
client.on('connect', () => {
  client.subscribe(`${TOPIC_ROOT}/+/+/up/tick`, { qos: 1 }, () => {
    process.send?.({ id: 0, result: process.pid })
  })
})

setInterval(() => {
  samples.push({ atMs: Date.now(), count })
  if (samples.length > SAMPLES_MAX) samples.shift()
}, SAMPLE_MS)

/** Messages counted at a moment, between two samples. */
function countAt(atMs: number): number {
  const after = samples.findIndex((sample) => sample.atMs >= atMs)
  const next = samples[after] ?? { atMs: Date.now(), count }
  const before = samples[after - 1] ?? next
  if (next.atMs === before.atMs) return next.count
  const share = (atMs - before.atMs) / (next.atMs - before.atMs)
  return before.count + share * (next.count - before.count)
}

type Question = { readonly id: number; readonly command: readonly [number, number] }

process.on('message', ({ id, command: [fromMs, toMs] }: Question) => {
  process.send?.({ id, result: countAt(toMs) - countAt(fromMs) })
})
process.on('disconnect', () => process.exit(0))
