/** What a gateway says of its journal, and how long it keeps it. */
import { beforeEach, describe, expect, test } from 'vitest'
import { readMeta } from '../../../../gateway/store/meta.ts'
import { parseSegmentName, readSegment, segmentPath } from '../../../../gateway/store/segment.ts'
import { verifyJournal } from '../../../../gateway/store/verifyJournal.ts'
import { fastSha256 } from '../../../../ledger/io/fastVerify.ts'
import { present } from '../../../../protocol/assert.ts'
import { parseHex } from '../../../../protocol/bytes.ts'
import type { Scene, SceneDevice } from '../../../support/gatewayScene.ts'
import { openScene } from '../../../support/gatewayScene.ts'
import type { Committed } from '../../../support/scriptedDevice.ts'

let scene: Scene
let device: SceneDevice
let first: Committed

beforeEach(async () => {
  scene = await openScene()
  device = await scene.device('ev-1')
  first = await device.commit({ length: 1_000 })
})

const healthPeriodMs = 30_000
const snapshotPeriodMs = 300_000

function publishedHead() {
  const bytes = scene.world.broker.retained.get('tickpay/1/_gateway/gw-1/health')
  const { journal } = JSON.parse(new TextDecoder().decode(bytes))
  return {
    position: BigInt(journal.position),
    hash: present(parseHex(journal.hash), 'a hash is hex'),
  }
}

async function verify(published: ReturnType<typeof publishedHead>) {
  const { disk } = scene.world
  const { storeId } = present(await readMeta(disk), 'a store')
  const genesis = fastSha256(storeId)
  return verifyJournal(disk, { genesis, seal: undefined, hash: fastSha256, published: [published] })
}

test('the head of the journal is published and met by the chain from then on', async () => {
  await device.tick(first, 10)
  await scene.world.time.advance(healthPeriodMs)
  const head = publishedHead()
  const { position, hash: last } = scene.world.gateway.core.journal.head()
  expect(head).toEqual({ position, hash: new Uint8Array(last) })
  for (const index of [20, 30]) await device.tick(first, index)
  const verdict = await verify(head)
  expect(verdict.fault).toBeUndefined()
  expect(verdict.head.position).toBeGreaterThan(head.position)
  const hash = head.hash.slice()
  hash[31] = (hash[31] ?? 0) ^ 1
  expect((await verify({ ...head, hash })).fault).toBeDefined()
})

describe('segments that no snapshot needs', () => {
  const segments = () =>
    scene.world.disk
      .paths()
      .filter((path) => parseSegmentName(path.replace('journal/', '')) !== undefined)

  /** Gives each record a segment of its own, which is where segments may end. */
  async function split(): Promise<number> {
    const { disk } = scene.world
    const [path = ''] = segments()
    const bytes = present(disk.bytes(path), path).slice()
    const records: { readonly from: number; readonly position: bigint }[] = []
    readSegment(bytes, undefined, ({ offset, header }) => {
      records.push({ from: offset, position: header.position })
    })
    await disk.remove(path)
    for (const [place, { from, position }] of records.entries()) {
      disk.put(segmentPath(position), bytes.slice(from, records[place + 1]?.from))
    }
    return records.length
  }

  test.each([
    [0, 'go'],
    [1, 'stay'],
  ])('with journalDays %i they %s', async (journalDays) => {
    for (const index of [10, 20, 30]) await device.tick(first, index)
    await scene.call('settle')
    await scene.world.crash()
    const before = await split()
    expect(before).toBeGreaterThan(5)
    await scene.world.restart({ ...scene.world.gateway.core.config, journalDays })
    await scene.call('settle')
    for (let i = 0; i < 3; i++) await scene.world.time.advance(snapshotPeriodMs)
    const left = segments().length
    if (journalDays === 0) expect(left).toBe(1)
    else expect(left).toBeGreaterThanOrEqual(before)
  })
})
