/**
 * The example flow for Node-RED: structure, topics, and what its function makes of a report.
 */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { runInNewContext } from 'node:vm'
import { expect, test } from 'vitest'
import { parseTopic } from '../../protocol/topics.ts'
import { projectRoot } from '../support/tidyFiles.ts'

type Node = {
  readonly id: string
  readonly type: string
  readonly z?: string
  readonly topic?: string
  readonly broker?: string
  readonly func?: string
  readonly payload?: string
  readonly wires?: readonly (readonly string[])[]
}

const file = join(projectRoot, 'deploy/node-red/flow.json')
const nodes = JSON.parse(readFileSync(file, 'utf8')) as readonly Node[]
const ids = new Map(nodes.map((node) => [node.id, node]))

test('is a flow whose wires and broker are all there', () => {
  expect(ids.size).toBe(nodes.length)
  for (const { broker, type, wires = [], z } of nodes) {
    for (const target of wires.flat()) expect(ids.has(target)).toBe(true)
    if (z !== undefined) expect(ids.get(z)?.type).toBe('tab')
    if (type.startsWith('mqtt ')) expect(ids.get(broker ?? '')?.type).toBe('mqtt-broker')
  }
})

test('speaks on topics of a fleet, in JSON that a gateway takes', () => {
  const topics = nodes.filter(({ type }) => type.startsWith('mqtt ')).map(({ topic }) => topic)
  const kinds = topics.map((topic) => parseTopic((topic ?? '').replace('+', 'list'))?.kind)
  expect(kinds).toEqual(['deviceReport', 'request', 'request', 'response'])
  for (const { payload } of nodes.filter(({ type }) => type === 'inject')) {
    expect(JSON.parse(payload ?? '')).toMatchObject({ device: 'ev-1' })
  }
})

test('shows a line for every channel', () => {
  const { func } = ids.get('tickpay-figures') ?? {}
  const channel = {
    meter: 'main',
    unitsPaid: '5',
    unit: 'Wh',
    paid: '9',
    supply: 'on',
    reason: 'ok',
  }
  const msg = { payload: { device: 'ev-1', online: true, channels: [channel] } }
  const shown = runInNewContext(`(() => { ${func} })()`, { msg }) as typeof msg
  expect(shown.payload).toEqual([{ device: 'ev-1', online: true, ...channel }])
})
