/**
 * A gateway whose store is restored from an older backup, while its ledger is a contract: the chain
 * knows what was paid.
 * @module
 */
import { beforeEach, describe, expect, test } from 'vitest'
import type { EmbeddedLedger } from '../../ledger/embedded/embeddedLedger.ts'
import type { NewAllocation } from '../../ledger/embedded/operator.ts'
import type { AllocationState } from '../../ledger/ledger.ts'
import { present } from '../../protocol/assert.ts'
import { algorithmByte } from '../../protocol/keys.ts'
import { allocationStructure, digestOf } from '../../protocol/structures.ts'
import { openScene, type Scene, type SceneDevice } from '../support/gatewayScene.ts'
import { backUp, restore } from '../support/gatewayState.ts'
import { START_SECONDS as GATEWAY_START_SECONDS, testConfig } from '../support/virtualGateway.ts'
import { START_SECONDS } from '../unit/ledger/world.ts'
import { type Adapter, openAdapter } from './adapter.ts'
import { escrowScene } from './scene.ts'
import { hasAnvil, hex, NOTICE_SECONDS } from './world.ts'

const { escrow, node } = escrowScene()
/** Of the chain's clock against the virtual gateway's at its start. */
const LATER_MS = (START_SECONDS - GATEWAY_START_SECONDS) * 1_000
/** Whom a virtual gateway names. */
const { payee } = testConfig()
const PRICE = 300n
const FUNDS = 10_000_000n

let adapter: Adapter
let id: Uint8Array
let scene: Scene
let device: SceneDevice

const openChain = () =>
  openAdapter({ ...escrow(), allocation: { payee } }, { policy: { confirmations: 1 } })

const stateAt = async (allocation: Uint8Array): Promise<AllocationState> =>
  present(await adapter.ledger.allocation(allocation), 'an allocation on the chain')

/** The payee keeps its key offline and has named who submits. */
async function nameSubmitter(): Promise<void> {
  await node().rpc('anvil_impersonateAccount', [hex(payee)])
  await node().rpc('anvil_setBalance', [hex(payee), '0xde0b6b3a7640000'])
  await escrow().run(hex(payee), 'nameSubmitter', [escrow().gateway, true])
}

/** What the fleet's owner does: opens with the terms that the gateway has. */
async function openOnChain(wanted: NewAllocation): Promise<AllocationState> {
  const { fleet, gateway, asset, feeBasisPoints, signerKey } = wanted
  const { opening, owner, run, domain } = escrow()
  const { code: assetCode, scale: assetScale } = asset
  id = digestOf(domain, allocationStructure, { fleet, gateway, payee, assetCode, assetScale })
  const terms = { fleet, gateway, payee: hex(payee), assetCode, assetScale, feeBasisPoints }
  const signer = {
    signerAlgorithm: algorithmByte(signerKey.algorithm),
    signerKey: hex(signerKey.bytes),
  }
  await run(owner, 'open', [
    { ...opening, ...terms, ...signer, noticeSeconds: NOTICE_SECONDS },
    FUNDS,
  ])
  return stateAt(id)
}

/** All that has to be known of a channel that only the chain knows is its position. */
const unknownChannel = {
  ...{ channelId: new Uint8Array(32), paid: 0n, evidencePaid: 0n },
  ...{ epoch: 0, index: 0, paidAtSeconds: 0 },
}

/** The contract in place of the books in the gateway's store. */
const onChain = (real: EmbeddedLedger): EmbeddedLedger => ({
  ...real,
  ...adapter.ledger,
  openAllocation: openOnChain,
  fund: (allocation) => stateAt(allocation),
  channelsPaid: (allocation) => {
    const first = adapter.ledger.firstPosition(allocation)
    return first > 0 ? [{ ...unknownChannel, position: first - 1 }] : []
  },
  close: real.close,
})

/** Lets the gateway's time go on while the node works. */
async function settle(): Promise<unknown> {
  let isDone = false
  const work = scene.world.gateway.call('settle', {}).finally(() => {
    isDone = true
  })
  work.catch(() => undefined)
  while (!isDone) {
    await scene.round()
    await new Promise((resolve) => setTimeout(resolve, 2))
  }
  return work
}

async function startAgain(): Promise<void> {
  adapter = await openChain()
  await stateAt(id)
  await scene.world.restart()
}

describe.skipIf(!hasAnvil)('(!) a gateway restored from an older backup', () => {
  beforeEach(async () => {
    await nameSubmitter()
    adapter = await openChain()
    scene = await openScene(undefined, { wrapLedger: onChain })
    scene.world.time.jumpWall(LATER_MS)
    device = await scene.device('ev-1')
  })

  // T02
  test('is paid nothing twice by the chain, and its books are the chain again', async () => {
    const first = await device.commit({ length: 1_000 })
    await device.tick(first, 10)
    expect(await settle()).toMatchObject({ channels: 1, paid: '3000', refused: 0 })
    const copy = backUp(scene.world)
    await device.tick(first, 50)
    const lost = await scene.device('ev-lost')
    await lost.tick(await lost.commit(), 2)
    expect(await settle()).toMatchObject({ channels: 2, paid: '12600', refused: 0 })
    const { mark } = present(device.client.received.acks.at(-1), 'an ack')
    await scene.world.crash()
    await restore(scene.world, copy)
    await startAgain()

    await device.reconnect(mark)
    await device.tick(first, 30)
    expect(await settle()).toMatchObject({ channels: 1, paid: '0', refused: 0 })
    expect(await stateAt(id)).toMatchObject({ paid: 52n * PRICE })
    const [report] = (await scene.call('channels')) as Record<string, unknown>[]
    expect(report).toMatchObject({ settled: String(50n * PRICE), exposure: '0' })

    await device.tick(first, 60)
    const fresh = await scene.device('ev-new')
    await fresh.tick(await fresh.commit(), 1)
    expect(await settle()).toMatchObject({ channels: 2, paid: String(11n * PRICE), refused: 0 })
    const { paid, fee } = await stateAt(id)
    expect(paid).toBe((60n + 2n + 1n) * PRICE)
    expect(await escrow().tokens(hex(payee))).toBe(paid - fee)
  })

  test('shows again what it had under way, and the chain pays it once', async () => {
    await device.tick(await device.commit(), 40)
    const copy = backUp(scene.world)
    expect(await settle()).toMatchObject({ paid: String(40n * PRICE) })
    await scene.world.crash()
    await restore(scene.world, copy)
    await startAgain()
    expect(await settle()).toMatchObject({ channels: 1, paid: '0', refused: 0 })
    expect(await stateAt(id)).toMatchObject({ paid: 40n * PRICE })
    expect(await scene.call('status')).toMatchObject({ unsettled: '0' })
  })
})
