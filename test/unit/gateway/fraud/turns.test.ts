/** Telling what was found leaves room for ticks: few findings in each turn of the event loop. */
import { expect, test } from 'vitest'
import { defaultFraudConfig } from '../../../../gateway/fraud/config.ts'
import { startFraudWatch, WATCH_ROUND_MS } from '../../../../gateway/fraud/watch.ts'
import { present } from '../../../../protocol/assert.ts'
import { openScene } from '../../../support/gatewayScene.ts'
import { testConfig } from '../../../support/virtualGateway.ts'

/** Told in a turn: 64 looks, of which a finding counts as 32, and one of the device besides. */
const TOLD_PER_TURN_MAX = 2
const DEVICES = 50

test('of a finding at every device a turn tells few, and the round all', async () => {
  const scene = await openScene(testConfig({ fraud: defaultFraudConfig() }))
  const { core } = scene.world.gateway
  const told: number[] = []
  const soon: typeof core.ports.timers.soon = (run) =>
    core.ports.timers.soon(() => {
      told.push(watch.findings().length)
      run()
    })
  const ports = { ...core.ports, timers: { ...core.ports.timers, soon } }
  const watch = present(startFraudWatch({ ...core, ports }), 'it watches')
  const note = (times: number) => {
    for (let device = 0; device < DEVICES; device++) {
      for (let i = 0; i < times; i++) core.signs.add('acme', `ev-${device}`, 'login_refused')
    }
  }
  note(1)
  await scene.during(Promise.resolve(), WATCH_ROUND_MS)
  note(20)
  told.length = 0
  await scene.during(Promise.resolve(), WATCH_ROUND_MS)
  expect(watch.findings()).toHaveLength(DEVICES)
  told.push(DEVICES)
  const steps = told.map((count, at) => count - (told[at - 1] ?? 0))
  expect(Math.max(...steps)).toBe(TOLD_PER_TURN_MAX)
  watch.stop()
})
