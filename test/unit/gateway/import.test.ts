import { describe, expect, test } from 'vitest'
import type { ImportBatch } from '../../../gateway/import/importer.ts'
import { importBatches } from '../../../gateway/import/importer.ts'
import type { ImportRecord } from '../../../gateway/import/records.ts'
import { decodeImportRecord, encodeImportRecord } from '../../../gateway/import/records.ts'
import { fastVerify } from '../../../ledger/io/fastVerify.ts'
import { createRememberingVerify } from '../../../ledger/io/rememberingVerify.ts'
import type { Prover } from '../../../ledger/rules/proofTasks.ts'
import { present } from '../../../protocol/assert.ts'
import { parseHex } from '../../../protocol/bytes.ts'
import { decodeCbor } from '../../../protocol/cbor.ts'
import type { PrivateKey } from '../../../protocol/keys.ts'
import { algorithmByte, publicKeyOf } from '../../../protocol/keys.ts'
import type { Channel, Commitment, Mandate } from '../../../protocol/structures.ts'
import {
  channelStructure,
  digestOf,
  mandateStructure,
  RENEWAL,
  signedFromWire,
} from '../../../protocol/structures.ts'
import type { Scene } from '../../support/gatewayScene.ts'
import { login, openScene } from '../../support/gatewayScene.ts'
import type { Committed } from '../../support/scriptedDevice.ts'
import { commit, emptyHello, tickOf } from '../../support/scriptedDevice.ts'
import {
  enrolTestDevice,
  signedMandate,
  testConfig,
  testKey,
  testTariff,
} from '../../support/virtualGateway.ts'

type Change = {
  readonly key?: PrivateKey
  readonly signedBy?: PrivateKey
  readonly device?: string
  readonly unit?: string
  readonly channel?: Partial<Channel>
  readonly mandate?: Partial<Mandate>
  readonly commitment?: Partial<Commitment>
}

const deviceKey = testKey('p256', 77)

function identityOf({ world }: Scene, device: string, key: PrivateKey) {
  const { domain } = world.ledger
  const rootSecret = new Uint8Array(32).fill(9)
  return { fleet: 'acme', device, gateway: 'gw-1', domain, key, rootSecret }
}

/** A record that a gateway accepts, and the chain of its commitment. */
function made(scene: Scene, position: number, change: Change = {}) {
  const { key = deviceKey, device = 'hub-1' } = change
  const { world } = scene
  const { core } = world.gateway
  const publicKey = publicKeyOf(key)
  const channel: Channel = {
    payerAlgorithm: algorithmByte(publicKey.algorithm),
    payerKey: publicKey.bytes,
    payee: core.config.payee,
    feeBasisPoints: core.config.feeBasisPoints,
    fleet: 'acme',
    gateway: 'gw-1',
    assetCode: 'EUR',
    assetScale: 6,
    meter: `meter-${position}`,
    allocation: present(core.state.fleets.get('acme'), 'the fleet').allocation,
    position,
    salt: new Uint8Array(32).fill(position + 1),
    ...change.channel,
  }
  const channelId = digestOf(world.ledger.domain, channelStructure, channel)
  const wire = decodeCbor(present(parseHex(signedMandate(world, channelId, change.mandate)), 'hex'))
  const mandate = present(signedFromWire(mandateStructure, present(wire, 'cbor')), 'a mandate')
  const committed: Committed = commit(identityOf(scene, device, change.signedBy ?? key), {
    channelId,
    tariff: testTariff(),
    nowSeconds: scene.nowSeconds(),
    ...change.commitment,
  })
  const { commitment } = committed
  const { unit = 'Wh' } = change
  return { record: { device, unit, channel, mandate, commitment }, committed }
}

function record(scene: Scene, position: number, change?: Change): ImportRecord {
  return made(scene, position, change).record
}

async function* batchesOf(
  records: readonly (ImportRecord | Uint8Array)[],
  size: number,
): AsyncIterable<ImportBatch> {
  for (let at = 0; at < records.length; at += size) {
    const bodies = records
      .slice(at, at + size)
      .map((one) => (one instanceof Uint8Array ? one : encodeImportRecord(one).slice(4)))
    yield { first: at + 1, bodies }
  }
}

const noProver: Prover = async (tasks) => tasks.map(() => false)

async function imports(
  scene: Scene,
  records: readonly (ImportRecord | Uint8Array)[],
  { size = 2, prove = noProver }: { readonly size?: number; readonly prove?: Prover } = {},
) {
  const told: number[] = []
  const { core } = scene.world.gateway
  const work = importBatches(core, prove, batchesOf(records, size), ({ imported, known }) =>
    told.push(imported + known),
  )
  return { counts: await scene.during(work, 1_000), told }
}

function entryCount({ world }: Scene): number {
  return world.gateway.core.state.hot.count()
}

describe('an import', () => {
  test('opens channels that take ticks like all others, also after a restart', async () => {
    const scene = await openScene()
    const all = [0, 1, 2].map((position) => made(scene, position))
    const { counts, told } = await imports(
      scene,
      all.map((one) => one.record),
    )
    expect(counts).toEqual({ imported: 3, known: 0 })
    expect(told).toEqual([2, 3])
    await scene.world.crash()
    await scene.during(scene.world.restart())
    const { core } = scene.world.gateway
    expect(core.state.cold.device('acme', 'hub-1')?.channels).toEqual([0, 1, 2])
    expect(core.state.allocations[0]).toMatchObject({ reserved: 90_000n, nextPosition: 3 })
    const identity = identityOf(scene, 'hub-1', deviceKey)
    const client = await login(scene, identity)
    await scene.during(client.send('hello', emptyHello))
    const last = present(all[2], 'a third').committed
    await scene.during(client.sendTicks(tickOf(last, 7, 2)))
    expect(core.state.hot.columns.index[2]).toBe(7)
  })

  test('of the same file again changes nothing', async () => {
    const scene = await openScene()
    const records = [record(scene, 0), record(scene, 1), record(scene, 2)]
    await imports(scene, records)
    const before = scene.world.gateway.core.writer.position()
    const { counts } = await imports(scene, records)
    expect(counts).toEqual({ imported: 0, known: 3 })
    expect(scene.world.gateway.core.writer.position()).toBe(before)
  })

  test('that a crash cut short is completed by importing again', async () => {
    const scene = await openScene()
    const records = [0, 1, 2, 3, 4].map((position) => record(scene, position))
    // What is not yet flushed when the process ends, is torn wherever the power went.
    const { core } = scene.world.gateway
    await imports(scene, records.slice(0, 2))
    importBatches(core, noProver, batchesOf(records, 5), () => {}).catch(() => {})
    for (let turn = 0; turn < 50; turn++) await Promise.resolve()
    await scene.world.crash(700)
    await scene.during(scene.world.restart())
    expect(entryCount(scene)).toBe(2)
    const { counts } = await imports(scene, records)
    expect(counts).toEqual({ imported: 3, known: 2 })
    expect(scene.world.gateway.core.state.allocations[0]?.openChannels).toBe(5)
  })

  test('takes signatures that a thread has proved, and no others', async () => {
    const scene = await openScene()
    const memory = createRememberingVerify(fastVerify)
    const asked: number[] = []
    const prove: Prover = async (tasks) => {
      asked.push(tasks.length)
      return tasks.map((task) => {
        if (task.kind === 'signature') memory.verify(task.key, task.digest, task.signature)
        return true
      })
    }
    Object.assign(scene.world.gateway.core, { verify: memory.knows })
    const { counts } = await imports(scene, [record(scene, 0), record(scene, 1)], { prove })
    expect(counts.imported).toBe(2)
    expect(asked).toEqual([4])
    // A prover that says yes to everything opens nothing: the judge asks for itself.
    const bad = record(scene, 2, { signedBy: testKey('p256', 78) })
    await expect(imports(scene, [bad], { prove })).rejects.toThrow('bad_signature')
  })
})

/** What each of these must be refused for, and nothing of it may stay. */
const wrongs: readonly (readonly [string, Change, string])[] = [
  ['a commitment of another key', { signedBy: testKey('p256', 78) }, 'bad_signature'],
  ['a renewal', { commitment: { kind: RENEWAL } }, 'not_continuous'],
  ['a base above 0', { commitment: { base: 5n } }, 'not_continuous'],
  ['another price', { commitment: { pricePerTick: 1n } }, 'wrong_price'],
  ['an unknown tariff', { commitment: { tariffHash: new Uint8Array(32) } }, 'tariff_not_in_force'],
  ['a commitment that has expired', { commitment: { expiry: 1 } }, 'expired'],
  ['a commitment beyond the mandate', { mandate: { limit: 10n } }, 'over_mandate'],
  ['a commitment after the mandate', { commitment: { expiry: 2_000_000_000 } }, 'expiry_too_late'],
  ['a commitment of another channel', { commitment: { channelId: new Uint8Array(32) } }, 'unknown'],
  ['a mandate of another channel', { mandate: { channelId: new Uint8Array(32) } }, 'unknown'],
  ['a mandate that has expired', { mandate: { expiry: 5, notBefore: 1 } }, 'mandate is refused'],
  ['a mandate that outlives the notice', { mandate: { claimUntil: 2_000_000_000 } }, 'bad_window'],
  ['another gateway', { channel: { gateway: 'gw-2' } }, 'not those of the configuration'],
  ['another fee', { channel: { feeBasisPoints: 1 } }, 'not those of the configuration'],
  ['another allocation', { channel: { allocation: new Uint8Array(32) } }, 'the allocation of'],
  ['a fleet that is not enrolled', { channel: { fleet: 'umbra' } }, 'not enrolled'],
  ['a position that was given', { channel: { position: 0 } }, 'position 0 is not free'],
  ['a position beyond all', { channel: { position: 1 << 20 } }, 'is not free'],
  ['a meter that is open', { channel: { meter: 'meter-0' } }, 'has an open channel'],
  ['a device with another key', { key: testKey('p256', 79) }, 'enrolled with another key'],
  ['a key of another device', { device: 'hub-2' }, 'the key is that of device'],
  ['a name that is none', { device: 'Hub' }, 'is no valid name'],
  ['a unit without tariff', { unit: 'mL' }, 'no tariff for unit'],
  [
    'a key that is no point of the curve',
    { device: 'hub-3', channel: { payerKey: new Uint8Array(64).fill(5) } },
    'payer key is no sound key',
  ],
]

describe('an import refuses', () => {
  test.each(wrongs)('%s', async (_what, change, why) => {
    const scene = await openScene()
    const records = [record(scene, 0), record(scene, 1, change), record(scene, 2)]
    await expect(imports(scene, records, { size: 3 })).rejects.toThrow(
      new RegExp(`^record 2 .*${why}.*; 1 channels before it are imported`),
    )
    expect(entryCount(scene)).toBe(1)
    expect(scene.world.gateway.core.state.cold.device('acme', 'hub-1')?.channels).toEqual([0])
    expect(scene.world.gateway.core.state.cold.device('acme', 'hub-3')).toBeUndefined()
    const { counts } = await imports(scene, [record(scene, 0), record(scene, 1)])
    expect(counts).toEqual({ imported: 1, known: 1 })
  })

  test('a mandate that another signer than the fleet has signed', async () => {
    const scene = await openScene()
    const one = record(scene, 0)
    const signature = one.mandate.signature.slice()
    signature[3] = (signature[3] ?? 0) ^ 1
    const bad = { ...one, mandate: { ...one.mandate, signature } }
    await expect(imports(scene, [bad])).rejects.toThrow('its mandate is refused (bad_signature)')
    expect(entryCount(scene)).toBe(0)
  })

  test('more than the deposit covers, as it is used up by the records before', async () => {
    const scene = await openScene(testConfig(), { funds: 105_000n })
    const records = [0, 1, 2].map((position) => record(scene, position))
    await expect(imports(scene, records)).rejects.toThrow(/^record 3 .*(no_funds|too_long)/)
    expect(entryCount(scene)).toBe(2)
  })

  test('more channels than a device may have', async () => {
    const config = testConfig()
    const limits = { ...config.limits, channelsPerDevice: 1 }
    const scene = await openScene({ ...config, limits })
    const records = [record(scene, 0), record(scene, 1)]
    await expect(imports(scene, records)).rejects.toThrow(/^record 2 .*limits.channelsPerDevice/)
  })

  test('a channel that the store has for another device', async () => {
    const scene = await openScene()
    await imports(scene, [record(scene, 0)])
    const moved = { ...record(scene, 0), device: 'hub-9' }
    await expect(imports(scene, [moved])).rejects.toThrow('this channel is that of acme/hub-1')
  })

  test('what is no record', async () => {
    const scene = await openScene()
    const bad = new Uint8Array([1, 2, 3])
    await expect(imports(scene, [record(scene, 0), bad])).rejects.toThrow(/^record 2: it is not/)
    expect(entryCount(scene)).toBe(1)
  })

  test('a position that was given to a device enrolled in the usual way', async () => {
    const scene = await openScene()
    await scene.during(enrolTestDevice(scene.world, 'ev-1', testKey('p256', 80)))
    await expect(imports(scene, [record(scene, 0)])).rejects.toThrow('the next one is 1')
    const { counts } = await imports(scene, [record(scene, 1)])
    expect(counts.imported).toBe(1)
  })
})

test('a record is read as it was written', async () => {
  const scene = await openScene()
  const one = record(scene, 4)
  expect(decodeImportRecord(encodeImportRecord(one).slice(4))).toEqual(one)
  expect(decodeImportRecord(encodeImportRecord(one).slice(5))).toBeUndefined()
})
