/** (!) A gateway that lost what it stated gets it back from the fleet, and nothing else counts. */
import { expect, test } from 'vitest'
import { giveBack } from '../../../fleet/giveBack.ts'
import { signedStatements } from '../../../fleet/signedStatements.ts'
import type { ChannelReport } from '../../../gateway/reports.ts'
import { present } from '../../../protocol/assert.ts'
import { parseHex } from '../../../protocol/bytes.ts'
import { signDigest } from '../../../protocol/keys.ts'
import { leafFromText } from '../../../protocol/merkleText.ts'
import { digestOf, statementStructure } from '../../../protocol/structures.ts'
import type { Scene } from '../../support/gatewayScene.ts'
import { backUp, restore } from '../../support/gatewayState.ts'
import { memoryDisk } from '../../support/memoryDisk.ts'
import {
  cosign,
  cosigning,
  leavesOf,
  owingScene,
  periodMs,
  settled,
  statementOf,
} from '../../support/statementScene.ts'
import { gatewayKey, signerKey } from '../../support/virtualGateway.ts'

/** The fleet's own folder, and the way to its gateway. */
function fleetOf(scene: Scene) {
  const signed = signedStatements(memoryDisk())
  return {
    signed,
    ask: (verb: string, fields: Readonly<Record<string, unknown>>) =>
      scene.call(verb.replaceAll('-', '_'), { fleet: 'acme', ...fields }),
  }
}

/** What waits, and the fleet's service keeps it: it does so before it signs. */
async function keepWaiting(scene: Scene, { signed }: ReturnType<typeof fleetOf>) {
  const value = await statementOf(scene)
  const leaves = (await leavesOf(scene, value.sequence)).map((one) =>
    present(leafFromText(one), 'a leaf'),
  )
  const digest = digestOf(scene.world.ledger.domain, statementStructure, value)
  await signed.put(value, digest, leaves)
  return { value, digest }
}

async function cosignAndKeep(scene: Scene, fleet: ReturnType<typeof fleetOf>) {
  await keepWaiting(scene, fleet)
  expect(await cosign(scene)).toMatchObject({ status: 'paid' })
}

const statesOf = async (scene: Scene) =>
  ((await scene.call('channels')) as readonly ChannelReport[]).map(({ state }) => state)

/** A gateway whose backup is older than its statement, with a device enrolled in between. */
async function restoredScene() {
  const owing = await owingScene()
  const { scene } = owing
  const copy = backUp(scene.world)
  const third = await scene.device('ev-3')
  const last = await third.commit({ length: 1_000 })
  await third.tick(last, 4)
  await owing.one.tick(owing.first, 8)
  await scene.world.time.advance(periodMs)
  const fleet = fleetOf(scene)
  await cosignAndKeep(scene, fleet)
  await scene.world.crash()
  await restore(scene.world, copy)
  await scene.world.restart()
  await scene.round()
  return { ...owing, fleet }
}

test('(!) is told so, asks the fleet, and settles again to the last minor unit', async () => {
  const { scene, one, first, fleet } = await restoredScene()
  await one.reconnect()
  await one.tick(first, 10)
  await scene.world.time.advance(periodMs)
  const said = await scene.call('statement', { fleet: 'acme' })
  expect(said).toMatchObject({ state: 'forgotten', sequence: 1 })
  expect(await settled(scene)).toEqual(['0', '0'])
  expect(await scene.during(giveBack(fleet, said))).toBe('known')
  await scene.world.time.advance(2_000)
  // The lost channel keeps its leaf, and the others are paid what they owe beyond theirs.
  await scene.world.time.advance(periodMs + 240_000)
  expect(await settled(scene)).toEqual(['3000', '600'])
  const [state] = await scene.world.ledger.allocations()
  expect(state?.paid).toBe(3_000n + 600n + 1_200n)
  expect(scene.world.ledger.audit()).toEqual([])
})

test('and states again with the leaf of the channel that it has lost', async () => {
  const { scene, one, first, fleet } = await restoredScene()
  await scene.world.time.advance(periodMs)
  await scene.during(giveBack(fleet, await scene.call('statement', { fleet: 'acme' })))
  await scene.world.time.advance(periodMs)
  await one.reconnect()
  await one.tick(first, 11)
  await scene.world.time.advance(periodMs)
  const leaves = await leavesOf(scene, (await statementOf(scene)).sequence)
  expect(leaves.map(([position, , amount]) => [position, amount])).toEqual([
    [0, '3300'],
    [1, '600'],
    [2, '1200'],
  ])
  await cosignAndKeep(scene, fleet)
  const [state] = await scene.world.ledger.allocations()
  expect(state?.paid).toBe(3_300n + 600n + 1_200n)
  await scene.world.crash()
  await scene.world.restart()
  await scene.world.time.advance(periodMs)
  expect(await settled(scene)).toEqual(['3300', '600'])
})

test('(!) other leaves, or some of them, prove nothing', async () => {
  const { scene, fleet } = await restoredScene()
  await scene.world.time.advance(periodMs)
  const { sequence, allocation } = (await scene.call('statement', { fleet: 'acme' })) as {
    readonly sequence: number
    readonly allocation: string
  }
  const kept = present(
    await fleet.signed.former(present(parseHex(allocation), 'hex'), sequence),
    'what was signed',
  )
  const all = [...kept.leaves].map(([position, one]) => [position, one.channelId, `${one.amount}`])
  const bring = (leaves: unknown, from = 0) =>
    scene.call('statement_known', { fleet: 'acme', sequence, from, leaves, isLast: true })
  expect(await bring(all.slice(1))).toMatchObject({ status: 'wrong_root' })
  const altered = all.map(([position, id]) => [position, id, '1'])
  expect(await bring(altered)).toMatchObject({ status: 'wrong_root' })
  await expect(bring(all, 2)).rejects.toThrow('in order')
  await expect(bring([[0, 'ff', '1']])).rejects.toThrow('cannot be read')
  expect(await bring(all)).toMatchObject({ status: 'known' })
  expect(await bring(all)).toMatchObject({ status: 'not_needed' })
})

test('a fleet that has lost them too says what to do', async () => {
  const { scene } = await restoredScene()
  await scene.world.time.advance(periodMs)
  const said = await scene.call('statement', { fleet: 'acme' })
  await expect(giveBack(fleetOf(scene), said)).rejects.toThrow('restore the folder')
})

test('a gateway that makes no statements any more still has to know the one in force', async () => {
  const { scene, one, first, fleet } = await restoredScene()
  await scene.world.crash()
  const { periodSeconds, minimumAmount, expiryMarginSeconds } = cosigning.settlement
  const settlement = { periodSeconds, minimumAmount, expiryMarginSeconds }
  await scene.world.restart({ ...cosigning, settlement })
  await one.reconnect()
  await one.tick(first, 10)
  await scene.world.time.advance(periodMs)
  await scene.during(giveBack(fleet, await scene.call('statement', { fleet: 'acme' })))
  await scene.world.time.advance(periodMs)
  expect(await settled(scene)).toEqual(['3000', '600'])
})

test('(!) a channel ends at a position that a statement on its way gave to another', async () => {
  const { scene, one, first } = await owingScene()
  const copy = backUp(scene.world)
  const lost = await scene.device('ev-3')
  await lost.tick(await lost.commit({ length: 1_000 }), 4)
  await scene.world.time.advance(periodMs)
  const fleet = fleetOf(scene)
  const { value, digest } = await keepWaiting(scene, fleet)
  await scene.world.crash()
  await restore(scene.world, copy)
  await scene.world.restart()
  const late = await scene.device('ev-4')
  await late.tick(await late.commit({ length: 1_000 }), 3)
  const [gatewaySignature, fleetSignature] = [
    signDigest(gatewayKey, digest),
    signDigest(signerKey, digest),
  ]
  const onItsWay = { statement: value, gatewaySignature, fleetSignature }
  await scene.during(scene.world.ledger.submitStatement(onItsWay, 'on-its-way'))
  await scene.world.time.advance(periodMs)
  await scene.during(giveBack(fleet, await scene.call('statement', { fleet: 'acme' })))
  expect(await statesOf(scene)).toEqual(['open', 'open', 'closed'])
  await one.reconnect()
  await one.tick(first, 9)
  await scene.world.time.advance(periodMs)
  // The others go on by statement, with the leaf of the channel that was lost.
  await cosignAndKeep(scene, fleet)
  expect(await settled(scene)).toEqual(['2700', '600', '0'])
  await scene.world.time.advance(periodMs)
  const refused = [{ channel: 'acme/ev-4/meter-0', reason: 'foreign_leaf', exposure: '900' }]
  expect(await scene.call('status')).toMatchObject({ quarantine: refused })
  await scene.call('device_replace', { fleet: 'acme', device: 'ev-4', meter: 'meter-0' })
  expect(await statesOf(scene)).toEqual(['open', 'open', 'closed', 'open'])
  expect(scene.world.ledger.audit()).toEqual([])
})

test('what waited in the backup and is past at the ledger is not offered any more', async () => {
  const { scene } = await owingScene()
  await scene.world.time.advance(periodMs)
  const fleet = fleetOf(scene)
  const copy = backUp(scene.world)
  await cosignAndKeep(scene, fleet)
  await scene.world.crash()
  await restore(scene.world, copy)
  await scene.world.restart()
  expect(await scene.call('statement', { fleet: 'acme' })).not.toMatchObject({ state: 'waiting' })
})
