/** The wire version: one number in one place, and every message and topic is of it. */
import { readdirSync, readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { WIRE_VERSION } from '../../../protocol/limits.ts'
import { parseTopic, TOPIC_ROOT } from '../../../protocol/topics.ts'
import { messageKinds } from '../../support/messageSamples.ts'

const folder = new URL('../../../protocol/', import.meta.url)

test('is 1, the first stable one, in the heading of the page as well', () => {
  const page = readFileSync(new URL('../docs/protocol.md', folder), 'utf8')
  expect(page.split('\n')[0]).toBe(`# The Tickpay protocol, wire version ${WIRE_VERSION}`)
  expect(WIRE_VERSION).toBe(1)
})

/** The place of the version in a message: after the head of its array. */
const VERSION_PLACE = 1

test.each(messageKinds)('$name of another version is none', ({ samples, decode }) => {
  expect(samples.length).toBeGreaterThan(0)
  for (const { bytes } of samples) {
    expect(bytes[VERSION_PLACE]).toBe(WIRE_VERSION)
    expect(decode(bytes)).toBeDefined()
    for (const version of [WIRE_VERSION - 1, WIRE_VERSION + 1]) {
      const other = bytes.slice()
      other[VERSION_PLACE] = version
      expect(decode(other)).toBeUndefined()
    }
  }
})

test('a topic of another version is none', () => {
  const rest = '/acme/ev-1/up/hello'
  expect(parseTopic(`${TOPIC_ROOT}${rest}`)).toBeDefined()
  for (const version of [WIRE_VERSION - 1, WIRE_VERSION + 1]) {
    expect(parseTopic(`tickpay/${version}${rest}`)).toBeUndefined()
  }
})

test('nothing in the protocol compares with the number itself', () => {
  const files = readdirSync(folder).filter((name) => name.endsWith('.ts'))
  const texts = files.map((name) => [name, readFileSync(new URL(name, folder), 'utf8')] as const)
  const stray = texts.filter(([, text]) => /wire\[0\]\s*[!=]==\s*\d|tickpay\/\d/.test(text))
  expect(stray.map(([name]) => name)).toEqual([])
  const holders = texts.filter(([, text]) => /const WIRE_VERSION =/.test(text))
  expect(holders.map(([name]) => name)).toEqual(['limits.ts'])
})
