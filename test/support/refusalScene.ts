/**
 * A device that has paid ten ticks, and what must hold when the gateway refuses the next thing.
 */
import { expect } from 'vitest'
import { fastSha256 } from '../../ledger/io/fastVerify.ts'
import type { Scene, SceneDevice } from './gatewayScene.ts'
import { openScene } from './gatewayScene.ts'
import { stateOf } from './gatewayState.ts'
import type { Committed } from './scriptedDevice.ts'
import { testConfig, testTariff } from './virtualGateway.ts'

export type RefusalScene = {
  readonly scene: Scene
  readonly device: SceneDevice
  readonly committed: Committed
  /** Steps of chains that the gateway has hashed so far. */
  readonly hashes: () => number
}

/** A channel at index 10 of an epoch of 2,000 ticks. */
export async function openRefusalScene(): Promise<RefusalScene> {
  let hashes = 0
  const sha256 = (bytes: Uint8Array) => {
    if (bytes.length === 55) hashes += 1
    return fastSha256(bytes)
  }
  const tariffs = [testTariff(), testTariff({ unit: 'mL' })]
  const scene = await openScene(testConfig({ tariffs }), { sha256 })
  const device = await scene.device('ev-1')
  const committed = await device.commit({ length: 2_000 })
  await device.tick(committed, 10)
  return { scene, device, committed, hashes: () => hashes }
}

/** A word that leads nowhere. */
export const wrong = new Uint8Array(32).fill(5)

/** Expects that `send` is refused for `reason` and changes nothing. */
export async function expectRefused(
  { scene, device }: Pick<RefusalScene, 'scene' | 'device'>,
  reason: string,
  send: () => Promise<void>,
): Promise<void> {
  const before = stateOf(scene.world)
  const refused = device.client.received.rejects.length
  await send()
  expect(device.client.received.rejects.slice(refused).map((one) => one.reason)).toEqual([reason])
  expect(stateOf(scene.world)).toBe(before)
}

/** Expects the proof from which a device with amnesia can resume. */
export function expectProofHeld({
  device,
  committed,
}: Pick<RefusalScene, 'device' | 'committed'>): void {
  expect(device.lastReject()?.held).toEqual({
    commitment: committed.commitment,
    index: 10,
    word: committed.chain.wordAt(10),
  })
}
