/** What a gateway remembers of a device, and how much. */
import * as v from 'valibot'
import { expect, test } from 'vitest'
import { createTrace, TRACE_DEVICES_MAX, withTraceVerb } from '../../../gateway/trace.ts'
import { TRACE_EVENTS_MAX } from '../../../gateway/traceRing.ts'
import { openScene, type Scene } from '../../support/gatewayScene.ts'
import { tickOf } from '../../support/scriptedDevice.ts'

const answerSchema = v.looseObject({
  fleet: v.string(),
  online: v.boolean(),
  channels: v.array(v.looseObject({ meter: v.string(), index: v.number() })),
  events: v.array(v.looseObject({ sequence: v.number(), what: v.string(), times: v.number() })),
})

async function traced(scene: Scene, args: unknown) {
  const { gateway } = scene.world
  return v.parse(answerSchema, await withTraceVerb(gateway.call, gateway.core)('trace', args))
}

test('a trace tells connections, commitments, and why a tick was refused', async () => {
  const scene = await openScene()
  const device = await scene.device('ev-1')
  const committed = await device.commit()
  await device.tick(committed, 3)
  const wrong = { ...tickOf(committed, 4), epoch: 9 }
  await device.sendTicks(wrong)
  await device.sendTicks(wrong)
  const { fleet, online, channels, events } = await traced(scene, { device: 'ev-1' })
  expect({ fleet, online }).toEqual({ fleet: 'acme', online: true })
  expect(channels).toEqual([expect.objectContaining({ meter: 'meter-0', index: 3 })])
  const tick = { what: 'refused', kind: 'tick', reason: 'unknown_epoch', slot: 0, times: 2 }
  expect(events).toEqual([
    expect.objectContaining({ what: 'connected', times: 1 }),
    expect.objectContaining({ what: 'committed', epoch: 1, slot: 0 }),
    expect.objectContaining(tick),
  ])
  const after = events.at(-1)?.sequence
  expect((await traced(scene, { device: 'ev-1', after })).events).toEqual([])
  await device.sendTicks(wrong)
  expect((await traced(scene, { device: 'ev-1', after })).events).toEqual([
    expect.objectContaining({ ...tick, times: 3 }),
  ])
})

test('a device that is not enrolled is refused, and other verbs go on', async () => {
  const scene = await openScene()
  await expect(traced(scene, { device: 'none' })).rejects.toThrow('no device none is enrolled')
  await expect(traced(scene, {})).rejects.toThrow('trace:')
  const { gateway } = scene.world
  const call = withTraceVerb(gateway.call, gateway.core)
  expect(await scene.during(call('channels', {}))).toEqual([])
})

test('a device keeps so many events, and so many devices are kept', () => {
  const trace = createTrace({ nowMs: () => 5_000 })
  for (let epoch = 1; epoch <= TRACE_EVENTS_MAX + 3; epoch++) {
    trace.note('acme', 'ev-1', { what: 'committed', epoch })
  }
  const kept = trace.of('acme', 'ev-1', 0)
  expect(kept).toHaveLength(TRACE_EVENTS_MAX)
  expect(kept[0]?.event).toEqual({ what: 'committed', epoch: 4 })
  for (let device = 0; device < TRACE_DEVICES_MAX - 1; device++) {
    trace.note('acme', `other-${device}`, { what: 'connected' })
  }
  trace.note('acme', 'ev-1', { what: 'disconnected' })
  trace.note('acme', 'one-more', { what: 'connected' })
  expect(trace.of('acme', 'other-0', 0)).toEqual([])
  expect(trace.of('acme', 'ev-1', 0)).toHaveLength(TRACE_EVENTS_MAX)
})

test('what is seen again counts up and comes after what a reader has had', () => {
  const trace = createTrace({ nowMs: () => 5_000 })
  const refused = { what: 'refused', kind: 'tick', reason: 'stale', slot: 1 } as const
  for (let round = 0; round < TRACE_EVENTS_MAX; round++) {
    trace.note('acme', 'ev-1', { what: 'connected' })
    trace.note('acme', 'ev-1', refused)
  }
  const [last] = trace.of('acme', 'ev-1', 2 * TRACE_EVENTS_MAX - 1)
  expect(last).toEqual({
    ...{ sequence: 2 * TRACE_EVENTS_MAX, firstSeconds: 5, lastSeconds: 5, times: 1 },
    event: refused,
  })
  trace.note('acme', 'ev-1', { ...refused })
  expect(trace.of('acme', 'ev-1', 2 * TRACE_EVENTS_MAX)).toEqual([
    { ...last, sequence: 2 * TRACE_EVENTS_MAX + 1, times: 2 },
  ])
  trace.note('acme', 'ev-1', { ...refused, slot: 2 })
  expect(trace.of('acme', 'ev-1', 2 * TRACE_EVENTS_MAX + 1)).toHaveLength(1)
  expect(trace.of('acme', 'ev-1', 0)).toHaveLength(TRACE_EVENTS_MAX)
})
