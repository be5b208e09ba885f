/** A hello that is repeated within a session, and ticks that are late or repeated around it. */
import { expect, test } from 'vitest'
import { encodeHello } from '../../../protocol/messages.ts'
import { openScene, sessionOf } from '../../support/gatewayScene.ts'
import { tickOf } from '../../support/scriptedDevice.ts'

const hello = encodeHello({ mark: undefined, meters: [] })

test('a tick from before a repeated hello of the same session is late, and no clone', async () => {
  const scene = await openScene()
  const device = await scene.device('ev-1')
  const committed = await device.commit({ length: 1_000 })
  await device.tick(committed, 5)
  await device.tick(committed, 9)
  void device.client.send('hello', hello)
  await scene.round()
  // The network delivers once more what the device had sent before it asked again.
  await device.sendTicks(tickOf(committed, 5))
  expect(device.lastAck()).toMatchObject({ index: 9, supply: { level: 'on', reason: 'ok' } })
  expect(sessionOf(scene, device)?.cloneSuspected.size).toBe(0)
})
