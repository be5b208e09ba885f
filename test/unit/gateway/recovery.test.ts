/** What a crash may cost: nothing that was acknowledged. */
import { describe, expect, test } from 'vitest'
import { checkpointOf, openScene, renewalOf } from '../../support/gatewayScene.ts'
import { recoveredText, stateOf } from '../../support/gatewayState.ts'
import { emptyHello, tickOf } from '../../support/scriptedDevice.ts'

async function busyScene() {
  const scene = await openScene()
  const one = await scene.device('ev-1', { units: ['Wh', 'Wh'] })
  const two = await scene.device('ev-2')
  const first = await one.commit({}, 0)
  const second = await one.commit({}, 1)
  const third = await two.commit()
  await one.tick(first, 80)
  await one.commit(renewalOf(first), 0)
  await one.tick(second, 3, 1)
  await two.tick(third, 40)
  await scene.call('pause', { fleet: 'acme', device: 'ev-2' })
  await scene.call('settle')
  await one.commit(checkpointOf(second, 5), 1)
  await scene.call('credential_add', { fleet: 'acme', name: 'ann' })
  return { scene, one, two, first }
}

describe('after a crash', () => {
  test('everything acknowledged is there again', async () => {
    const { scene, one } = await busyScene()
    const before = stateOf(scene.world)
    await scene.world.crash()
    await scene.world.restart()
    expect(stateOf(scene.world)).toBe(before)
    await one.reconnect()
    expect(one.client.received.slots).toMatchObject([
      { held: { index: 80 }, pending: { value: { epoch: 2 } } },
      { held: { index: 0, commitment: { value: { epoch: 2 } } }, pending: undefined },
    ])
    expect(scene.world.fatal).toEqual([])
  })

  test('the journal alone leads to the live state; so does a snapshot with its tail', async () => {
    const { scene, one, first } = await busyScene()
    expect(await recoveredText(scene.world, 'journal alone')).toBe(stateOf(scene.world))
    await scene.during(scene.world.time.advance(301_000))
    expect(scene.world.disk.paths().some((path) => path.startsWith('snapshot/'))).toBe(true)
    await one.tick(first, 90)
    const live = stateOf(scene.world)
    expect(await recoveredText(scene.world, 'snapshot and tail')).toBe(live)
    expect(await recoveredText(scene.world, 'journal alone')).toBe(live)
  })

  test('(!) a batch is folded in its order: a word of a renewal, then the next one', async () => {
    const scene = await openScene()
    const device = await scene.device('ev-1')
    const first = await device.commit({ length: 100 })
    await device.tick(first, 90)
    const second = await device.commit({ ...renewalOf(first), length: 200 })
    const third = device.commitment({ ...renewalOf(second), length: 300 })
    const release = scene.world.disk.holdSyncs()
    void device.client.sendTicks(tickOf(first, 95))
    await scene.round()
    void device.client.sendTicks(tickOf(second, 7))
    void device.sendCommitment(third.commitment)
    await scene.round()
    release()
    await scene.round()
    const { epoch, pendingEpoch } = scene.world.gateway.core.state.hot.columns
    expect([epoch[0], pendingEpoch[0]]).toEqual([2, 3])
    expect(await recoveredText(scene.world, 'journal alone')).toBe(stateOf(scene.world))
  })

  test('a snapshot that finds a settlement unanswered can be read again', async () => {
    const { scene, one, first } = await busyScene()
    await one.tick(first, 95)
    const { writer, state } = scene.world.gateway.core
    const item = { channel: 0, epoch: 1, index: 95, word: first.chain.wordAt(95) }
    writer.record({ kind: 'submitted', key: new Uint8Array(16).fill(1), items: [item, item] })
    await scene.round()
    expect(state.outbox.size).toBe(1)
    await scene.during(scene.world.time.advance(301_000))
    expect(await recoveredText(scene.world, 'snapshot and tail')).toBe(stateOf(scene.world))
  })

  test('a clean stop and start changes nothing', async () => {
    const { scene } = await busyScene()
    await scene.call('settle')
    const before = stateOf(scene.world)
    await scene.during(scene.world.gateway.close())
    await scene.world.crash()
    await scene.world.restart()
    expect(stateOf(scene.world)).toBe(before)
  })
})

describe('acknowledged is durable', () => {
  // T54
  test('no ack, accept or PUBACK leaves before the sync', async () => {
    const scene = await openScene()
    const device = await scene.device('ev-1')
    const committed = await device.commit()
    const { received } = device.client
    const before = { accepts: received.accepts.length, slots: received.slots.length }
    const release = scene.world.disk.holdSyncs()
    let dealtWith = 0
    const count = (sending: Promise<void>) => sending.then(() => dealtWith++)
    void count(device.client.sendTicks(tickOf(committed, 5)))
    void count(device.client.sendTicks({ ...tickOf(committed, 7), index: 8 }))
    void count(device.client.send('hello', emptyHello))
    void device.sendCommitment(device.commitment(renewalOf(committed)).commitment)
    await scene.world.time.advance(30_000)
    expect(received.acks).toEqual([])
    expect(received.rejects).toEqual([])
    expect(received.accepts).toHaveLength(before.accepts)
    expect(received.slots).toHaveLength(before.slots)
    expect(dealtWith).toBe(0)
    release()
    await scene.round()
    expect(received.acks.map(({ entries }) => entries)).toMatchObject([[{ index: 5 }]])
    expect(received.accepts).toHaveLength(before.accepts + 1)
    expect(dealtWith).toBe(3)
  })

  test('a crash before the sync leaves the state as it was', async () => {
    const { scene, one, first } = await busyScene()
    const before = stateOf(scene.world)
    const release = scene.world.disk.holdSyncs()
    await one.tick(first, 99)
    void scene.world.gateway.call('resume', { fleet: 'acme', device: 'ev-2' })
    await scene.round()
    expect(stateOf(scene.world)).not.toBe(before)
    await scene.world.crash()
    release()
    await scene.world.restart()
    expect(stateOf(scene.world)).toBe(before)
  })

  // T51
  test('after a failed sync nothing is acknowledged and the process is told to stop', async () => {
    const { scene, one, first } = await busyScene()
    const { received } = one.client
    const acks = received.acks.length
    scene.world.disk.fail({ operation: 'sync', code: 'EIO' })
    await one.tick(first, 91)
    await one.tick(first, 92)
    expect(scene.world.fatal).toHaveLength(1)
    expect(received.acks).toHaveLength(acks)
    await scene.world.crash()
    await scene.world.restart()
    expect(scene.world.gateway.core.state.hot.columns.index[0]).toBe(80)
  })

  test('what still runs after a failed sync neither fails by it nor becomes durable', async () => {
    const { scene, one, first } = await busyScene()
    const { writer } = scene.world.gateway.core
    scene.world.disk.fail({ operation: 'sync', code: 'EIO' })
    await one.tick(first, 91)
    const before = writer.position()
    let durable = false
    writer.whenDurable(() => {
      durable = true
    })
    writer.record({ kind: 'fence', life: new Uint8Array(16) })
    await scene.round()
    expect(scene.world.fatal).toHaveLength(1)
    expect(durable).toBe(false)
    expect(writer.position()).toBe(before)
  })

  test('(!) PUBACK means dealt with, for refused ticks too, and frees no credit', async () => {
    const scene = await openScene()
    const device = await scene.device('ev-1')
    const committed = await device.commit()
    const { received } = device.client
    const sending = device.client.sendTicks({ ...tickOf(committed, 7), index: 8 })
    await scene.during(sending)
    expect(received.rejects).toMatchObject([{ reason: 'bad_word' }])
    expect(received.acks).toEqual([])
  })

  test('all slots that move in one message are acknowledged in one', async () => {
    const scene = await openScene()
    const device = await scene.device('ev-1', { units: ['Wh', 'Wh', 'Wh'] })
    const all = [await device.commit({}, 0), await device.commit({}, 1), await device.commit({}, 2)]
    await device.sendTicks(...all.map((one, slot) => tickOf(one, slot + 1, slot)))
    expect(device.client.received.acks.map(({ entries }) => entries)).toMatchObject([
      [{ index: 1 }, { index: 2 }, { index: 3 }],
    ])
  })

  test('an acknowledgement never overtakes what the device must hear first', async () => {
    const scene = await openScene()
    const device = await scene.device('ev-1')
    const first = await device.commit()
    const renewal = device.commitment(renewalOf(first))
    const order: string[] = []
    device.client.transport.onMessage((topic) => order.push(topic.split('/').at(-1) ?? ''))
    const release = scene.world.disk.holdSyncs()
    void device.client.sendTicks(tickOf(first, 99))
    await scene.round()
    void device.tick(first, 100)
    void device.sendCommitment(renewal.commitment)
    void device.tick(renewal, 1)
    await scene.round()
    release()
    await scene.round()
    expect(order).toEqual(['ack', 'ack', 'accept', 'ack'])
    expect(device.lastAck()).toMatchObject({ epoch: 2, index: 1 })
  })
})
