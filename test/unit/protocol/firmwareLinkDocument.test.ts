import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { bytesToHex } from '../../../protocol/bytes.ts'
import { frameDecoder } from '../../../protocol/frame.ts'
import {
  decodeHostMessage,
  decodeStatus,
  encodeHostMessage,
  encodeStatus,
  type HostMessage,
  hostSilenceMs,
  type Status,
} from '../../../protocol/frameMessages.ts'

// The document's bytes were made by a second implementation, in Python.
const page = readFileSync(new URL('../../../docs/firmware-link.md', import.meta.url), 'utf8')
const examples = [...page.matchAll(/```\n([0-9a-f \n]+)```/g)].map(([, text = '']) =>
  text.replace(/\s/g, ''),
)

const messages: readonly HostMessage[] = [
  { kind: 'query', sequence: 1 },
  { kind: 'supply_on', sequence: 258, untilRegister: 12_500n },
  { kind: 'supply_off', sequence: 65_535 },
]

const status: Status = {
  sequence: 258,
  deviceId: 0x0102030405060708n,
  bootId: 0xdeadbeef,
  uptimeMs: 90_061_000n,
  counter: 12_345n,
  relayLimit: 12_500n,
  counterBits: 32,
  unit: 'mL',
  relayClosed: true,
  counterLost: false,
  pulsesStuck: false,
  relayFailed: false,
  flowing: true,
}

test('the worked examples of docs/firmware-link.md are what is sent', () => {
  const frames = [...messages.map(encodeHostMessage), encodeStatus(status)]
  expect(frames.map(bytesToHex)).toEqual(examples)
})

test('and what is understood', () => {
  const bodies = frameDecoder().push(Buffer.from(examples.join(''), 'hex'))
  expect(bodies.slice(0, 3).map(decodeHostMessage)).toEqual(messages)
  expect(decodeStatus(bodies[3] ?? new Uint8Array())).toEqual(status)
})

test('the silence in the document is the one in force', () => {
  expect(page).toContain(`**Silence.** ${hostSilenceMs.toLocaleString('en')} ms`)
})
