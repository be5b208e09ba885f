/**
 * What every gateway behind a broker is at least: one subscriber of all ticks at quality of service
 * 1 that only counts them. Remembers when it had counted how many.
 * @module
 */
import mqtt from 'mqtt'
import { TOPIC_ROOT } from '../../protocol/topics.ts'
import type { SubscriberQuestion } from './brokers.ts'
import { createSamples } from './samples.ts'

const SAMPLE_MS = 10

let count = 0
const samples = createSamples()
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

setInterval(() => samples.add(Date.now(), count), SAMPLE_MS)

function answerTo(question: SubscriberQuestion): number {
  if (question.ask === 'count') return count
  samples.add(Date.now(), count)
  return samples.between(question.fromMs, question.toMs)
}

process.on('message', ({ id, command }: { id: number; command: SubscriberQuestion }) => {
  process.send?.({ id, result: answerTo(command) })
})
process.on('disconnect', () => process.exit(0))
