/** More channels than one submission takes: several are under way, and each pays once. */
import { beforeEach, describe, expect, test } from 'vitest'
import { heldAmount } from '../../../gateway/state/hotChannels.ts'
import { present } from '../../../protocol/assert.ts'
import type { Scene } from '../../support/gatewayScene.ts'
import { openScene } from '../../support/gatewayScene.ts'
import { tickOf } from '../../support/scriptedDevice.ts'

const SLOTS = 16
const DEVICES = 33
const CHANNELS = SLOTS * DEVICES

let scene: Scene

beforeEach(async () => {
  scene = await openScene(undefined, { funds: 10_000_000_000n })
  const units = Array.from({ length: SLOTS }, () => 'Wh')
  for (let number = 0; number < DEVICES; number++) {
    const device = await scene.device(`panel-${number}`, { units })
    const ticks = []
    for (let slot = 0; slot < SLOTS; slot++) {
      ticks.push(tickOf(await device.commit({}, slot), 3, slot))
    }
    await device.sendTicks(...ticks)
  }
}, 60_000)

const paidOf = (channel: number) => scene.world.gateway.core.state.hot.columns.paid[channel]
const heldOf = (channel: number) => heldAmount(scene.world.gateway.core.state.hot, channel)
const settle = () => scene.during(scene.world.gateway.settle(), 5_000)

async function paidByLedger(): Promise<bigint> {
  const { allocations } = scene.world.gateway.core.state
  const { id } = present(allocations[0], 'a fleet has an allocation')
  return present(await scene.world.ledger.allocation(id), 'it is known').paid
}

function watchSubmissions(): string[] {
  const keys: string[] = []
  const { ledger } = scene.world.gateway.core
  const submit = ledger.submit
  Object.assign(ledger, {
    submit: (claims: Parameters<typeof submit>[0], key: string) => {
      keys.push(key)
      return submit(claims, key)
    },
  })
  return keys
}

describe('a settlement of more channels than one submission takes', () => {
  test('pays each once, in submissions of their own', async () => {
    const keys = watchSubmissions()
    const summary = await settle()
    expect(summary).toMatchObject({ channels: CHANNELS, refused: 0 })
    expect(new Set(keys).size).toBe(2)
    for (let channel = 0; channel < CHANNELS; channel++) {
      expect(paidOf(channel)).toBe(heldOf(channel))
    }
    expect(await paidByLedger()).toBe(summary.paid)
    expect(await settle()).toMatchObject({ channels: 0, paid: 0n })
  }, 60_000)

  test('a submission that failed once is shown again in halves, and all is paid', async () => {
    const { ledger } = scene.world.gateway.core
    const submit = ledger.submit
    let calls = 0
    Object.assign(ledger, {
      submit: async (...submission: Parameters<typeof submit>) => {
        calls += 1
        if (calls === 1) throw new Error('the ledger is away')
        return submit(...submission)
      },
    })
    await settle()
    expect(calls).toBe(4)
    const owed = Array.from({ length: CHANNELS }, (_, channel) => heldOf(channel))
    expect(await paidByLedger()).toBe(owed.reduce((sum, amount) => sum + amount, 0n))
    expect(scene.world.gateway.core.state.outbox.size).toBe(0)
    expect(scene.world.gateway.core.state.quarantine.size).toBe(0)
  }, 60_000)
})
