/** One device, one gateway, one ledger: from enrolment to a settled unit. */
import { describe, expect, test, vi } from 'vitest'
import { encodeCommit } from '../../../protocol/messages.ts'
import {
  commit,
  connectDevice,
  type DeviceIdentity,
  emptyHello,
  tickOf,
} from '../../support/scriptedDevice.ts'
import {
  enrolTestDevice,
  enrolTestFleet,
  START_SECONDS,
  testKey,
  testTariff,
  virtualWorld,
} from '../../support/virtualGateway.ts'

async function openedDevice() {
  const world = await virtualWorld()
  await world.time.advance(0)
  await enrolTestFleet(world)
  const key = testKey('p256', 21)
  const [channelId] = await enrolTestDevice(world, 'ev-1', key)
  if (!channelId) throw new Error('no channel')
  const identity: DeviceIdentity = {
    fleet: 'acme',
    device: 'ev-1',
    gateway: 'gw-1',
    domain: world.ledger.domain,
    key,
    rootSecret: new Uint8Array(32).fill(9),
  }
  return { world, identity, channelId }
}

describe('a device, its gateway and the ledger', () => {
  test('opens, ticks, is acknowledged and settled', async () => {
    const { world, identity, channelId } = await openedDevice()
    const connecting = connectDevice(
      identity,
      world.broker.connect,
      world.time.clock,
      new Uint8Array(32),
    )
    await world.time.advance(100)
    const device = await connecting
    void device.send('hello', emptyHello)
    await world.time.advance(100)
    expect(device.received.welcomes).toHaveLength(1)
    expect(device.received.slots).toMatchObject([{ slot: 0, held: undefined, maxLength: 65_536 }])

    const committed = commit(identity, {
      channelId,
      tariff: testTariff(),
      nowSeconds: START_SECONDS,
    })
    void device.send('open', encodeCommit({ slot: 0, commitment: committed.commitment }))
    await world.time.advance(100)
    expect(device.received.rejects).toEqual([])
    expect(device.received.accepts).toMatchObject([{ slot: 0, epoch: 1 }])

    void device.sendTicks(tickOf(committed, 7))
    await world.time.advance(100)
    expect(device.received.acks.at(-1)?.entries).toMatchObject([
      { slot: 0, epoch: 1, index: 7, supply: { level: 'on', reason: 'ok' } },
    ])

    const settling = world.gateway.call('settle', {})
    await world.time.advance(100)
    expect(await settling).toEqual({ channels: 1, paid: '2100', refused: 0 })
    expect(await world.gateway.call('channels', {})).toMatchObject([
      { unitsPaid: '70', paid: '2100', settled: '2100', exposure: '0', reserved: '27900' },
    ])
    expect(world.ledger.sum()).toBe('0')
    expect(world.fatal).toEqual([])
  })

  test('a newer acknowledgement of the same slots drives out one that waits', async () => {
    const { world, identity, channelId } = await openedDevice()
    const publish = vi.spyOn(world.broker.link, 'publish')
    const { clock } = world.time
    const connecting = connectDevice(identity, world.broker.connect, clock, new Uint8Array(32))
    await world.time.advance(100)
    const device = await connecting
    void device.send('hello', emptyHello)
    const start = { channelId, tariff: testTariff(), nowSeconds: START_SECONDS }
    const committed = commit(identity, start)
    void device.send('open', encodeCommit({ slot: 0, commitment: committed.commitment }))
    await world.time.advance(100)
    for (const index of [1, 2]) {
      void device.sendTicks(tickOf(committed, index))
      await world.time.advance(100)
    }
    const acks = publish.mock.calls.filter(([topic]) => topic.endsWith('/down/ack'))
    expect(acks.map(([, , mode]) => mode.replaces)).toEqual(['ack 0', 'ack 0'])
  })
})
