/** Receipts: one signature for all that moved, the same to the byte whenever they are asked for. */
import { describe, expect, test } from 'vitest'
import { createReceipts } from '../../../gateway/receipts/receipts.ts'
import { present } from '../../../protocol/assert.ts'
import { bytesToHex } from '../../../protocol/bytes.ts'
import { publicKeyOf, verifyDigest } from '../../../protocol/keys.ts'
import type { ReceiptProof } from '../../../protocol/receipts.ts'
import { decodeReceipt, encodeReceiptRequest, receiptFault } from '../../../protocol/receipts.ts'
import { digestOf, receiptRootStructure } from '../../../protocol/structures.ts'
import type { Scene, SceneDevice } from '../../support/gatewayScene.ts'
import { openScene, renewalOf } from '../../support/gatewayScene.ts'
import { recoveredText, stateOf } from '../../support/gatewayState.ts'
import { gatewayKey, testConfig } from '../../support/virtualGateway.ts'

const PERIOD_MS = 30_000
const config = testConfig({ receiptSeconds: PERIOD_MS / 1_000 })
const topic = 'tickpay/1/_gateway/gw-1/receipts'

const proofsOf = ({ client }: SceneDevice): readonly ReceiptProof[] =>
  client.received.receipts.map((one) => present(decodeReceipt(one), 'a receipt'))
const lastOf = (device: SceneDevice) => present(proofsOf(device).at(-1), 'a receipt')

function faultOf(scene: Scene, proof: ReceiptProof) {
  const key = publicKeyOf(gatewayKey)
  const trust = { domain: scene.world.ledger.domain, gateway: 'gw-1', key }
  return receiptFault(proof, trust, verifyDigest)
}

/** A device that has shown 40 ticks of its first commitment. */
async function payingScene() {
  const scene = await openScene(config)
  const device = await scene.device('ev-1')
  const first = await device.commit()
  await device.tick(first, 40)
  return { scene, device, first }
}

const period = ({ world }: Scene) => world.time.advance(PERIOD_MS)

async function ask(scene: Scene, device: SceneDevice) {
  device.client.received.receipts.length = 0
  void device.client.send('receipt', encodeReceiptRequest({ slot: 0 }))
  await scene.round()
  return device.client.received.receipts
}

describe('a receipt', () => {
  test('says how far the channel had come, and proves it', async () => {
    const { scene, device, first } = await payingScene()
    await period(scene)
    const proof = lastOf(device)
    expect(proof.receipt).toMatchObject({
      channelId: device.channelIds[0],
      epoch: 1,
      index: 40,
      amount: 12_000n,
      units: 400n,
      register: 1_400n,
      tariffHash: first.commitment.value.tariffHash,
    })
    expect(faultOf(scene, proof)).toBeUndefined()
    const { channels, gateway, position } = proof.root.value
    expect({ channels, gateway }).toEqual({ channels: 1, gateway: 'gw-1' })
    expect(proof.receipt.position).toBeLessThanOrEqual(position)
  })

  test('of many devices has one signature, and each its own path', async () => {
    const scene = await openScene(config)
    const devices: SceneDevice[] = []
    for (let number = 0; number < 5; number++) {
      const device = await scene.device(`ev-${number}`, { units: ['Wh', 'Wh'] })
      await device.tick(await device.commit({}, 0), number + 1, 0)
      await device.tick(await device.commit({}, 1), number + 2, 1)
      devices.push(device)
    }
    await period(scene)
    const proofs = devices.flatMap(proofsOf)
    expect(proofs).toHaveLength(10)
    for (const proof of proofs) expect(faultOf(scene, proof)).toBeUndefined()
    expect(new Set(proofs.map(({ place, root }) => `${root.signature} ${place}`)).size).toBe(10)
  })

  test('comes once: only channels that moved get another one', async () => {
    const { scene, device, first } = await payingScene()
    await period(scene)
    await period(scene)
    expect(proofsOf(device)).toHaveLength(1)
    await device.tick(first, 41)
    await period(scene)
    expect(proofsOf(device).map(({ receipt }) => receipt.index)).toEqual([40, 41])
  })

  test('comes at once when a channel is closed, and after a settlement', async () => {
    const { scene, device, first } = await payingScene()
    await scene.call('settle')
    await scene.round()
    expect(lastOf(device).receipt.index).toBe(40)
    await device.tick(first, 44)
    await scene.call('channel_close', { fleet: 'acme', device: 'ev-1', meter: 'meter-0' })
    await scene.round()
    expect(lastOf(device).receipt.index).toBe(44)
  })

  test('goes on over a renewal', async () => {
    const { scene, device, first } = await payingScene()
    const second = await device.commit(renewalOf(first))
    await device.tick(first, 100)
    await device.tick(second, 3)
    await period(scene)
    expect(lastOf(device).receipt).toMatchObject({ epoch: 2, index: 3, amount: 30_900n })
  })
})

test('however many there are, no more than a bound wait for the disk', async () => {
  const scene = await openScene()
  const devices: SceneDevice[] = []
  for (let number = 0; number < 5; number++) {
    const device = await scene.device(`ev-${number}`, { units: ['Wh', 'Wh'] })
    await device.tick(await device.commit({}, 0), number + 1, 0)
    await device.tick(await device.commit({}, 1), number + 2, 1)
    devices.push(device)
  }
  const { core } = scene.world.gateway
  let waiting = 0
  let most = 0
  const { cold } = core.state
  const counted: typeof cold = {
    ...cold,
    putReceipt: (channel, payload) => {
      waiting += 1
      most = Math.max(most, waiting)
      cold.putReceipt(channel, payload)
    },
  }
  const drained = async () => {
    await core.writer.drained()
    waiting = 0
  }
  const writer = { ...core.writer, drained }
  const watched = { ...core, writer, state: { ...core.state, cold: counted } }
  const receipts = createReceipts(watched, PERIOD_MS / 1_000, 3)
  await period(scene)
  await scene.round()
  expect(devices.flatMap(proofsOf)).toHaveLength(10)
  expect(most).toBe(3)
  await scene.during(receipts.stop())
})

describe('asked for again', () => {
  test('is the same to the byte, also after a crash', async () => {
    const { scene, device } = await payingScene()
    await period(scene)
    const first = present(device.client.received.receipts.at(-1), 'a receipt')
    expect(await ask(scene, device)).toEqual([first])
    await scene.world.crash()
    await scene.world.restart()
    await device.reconnect()
    expect(await ask(scene, device)).toEqual([first])
  })

  test('(!) is made again to the byte when the gateway died before it was handed out', async () => {
    const { scene, device } = await payingScene()
    await period(scene)
    const sent = present(device.client.received.receipts.at(-1), 'a receipt')
    scene.world.gateway.core.state.cold.putReceipt(0, new Uint8Array([0]))
    await scene.round()
    await scene.world.crash()
    await scene.world.restart()
    await device.reconnect()
    expect(await ask(scene, device)).toEqual([sent])
  })

  test('before there is one, nothing is answered', async () => {
    const { scene, device } = await payingScene()
    expect(await ask(scene, device)).toEqual([])
    expect(device.client.received.rejects).toEqual([])
  })
})

describe('the roots', () => {
  test('are a chain over restarts, and the newest is retained', async () => {
    const { scene, device, first } = await payingScene()
    await period(scene)
    await device.tick(first, 50)
    await period(scene)
    const proofs = [...proofsOf(device)]
    await scene.world.crash()
    await scene.world.restart()
    await device.reconnect()
    await device.tick(first, 60)
    await period(scene)
    await scene.round()
    proofs.push(lastOf(device))
    const { domain } = scene.world.ledger
    const roots = proofs.map(({ root }) => root.value)
    const digests = roots.map((root) => digestOf(domain, receiptRootStructure, root))
    expect(roots.map(({ previous }) => previous)).toEqual(
      [new Uint8Array(32), ...digests].slice(0, 3),
    )
    const payload = present(scene.world.broker.retained.get(topic), 'a retained root')
    expect(JSON.parse(new TextDecoder().decode(payload))).toMatchObject({
      channels: 1,
      digest: bytesToHex(present(digests[2], 'a third root')),
    })
  })

  test('are part of the state: the journal alone and a snapshot lead to it', async () => {
    const { scene } = await payingScene()
    await period(scene)
    const live = stateOf(scene.world)
    expect(await recoveredText(scene.world, 'journal alone')).toBe(live)
    await scene.during(scene.world.time.advance(301_000))
    expect(await recoveredText(scene.world, 'snapshot and tail')).toBe(stateOf(scene.world))
    expect(scene.world.gateway.core.state.receipts.newest).toBeDefined()
    expect(scene.world.fatal).toEqual([])
  })
})
