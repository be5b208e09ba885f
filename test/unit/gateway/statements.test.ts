/** Settlement by statement: what is signed, what waits, and that nothing is paid twice or stuck. */
import { describe, expect, test } from 'vitest'
import { present } from '../../../protocol/assert.ts'
import { bytesToHex, parseHex } from '../../../protocol/bytes.ts'
import { signDigest } from '../../../protocol/keys.ts'
import { merkleRoot, statementLeaf } from '../../../protocol/merkle.ts'
import { digestOf, statementStructure } from '../../../protocol/structures.ts'
import { checkpointOf } from '../../support/gatewayScene.ts'
import {
  cosign,
  leavesOf,
  owingScene,
  periodMs,
  settled,
  statementOf,
  waitingOf,
} from '../../support/statementScene.ts'
import { signerKey } from '../../support/virtualGateway.ts'

describe('a statement', () => {
  test('is made with the period, shown in leaves, and settles all channels once', async () => {
    const { scene } = await owingScene()
    await scene.world.time.advance(periodMs)
    expect(await settled(scene)).toEqual(['0', '0'])
    const value = await statementOf(scene)
    expect(value).toMatchObject({ sequence: 1, total: 2_700n, evidencePaid: 0n, positions: 2 })
    const leaves = await leavesOf(scene, 1)
    expect(leaves.map(([position, , amount]) => [position, amount])).toEqual([
      ...[[0, '2100'] as const],
      ...[[1, '600'] as const],
    ])
    const hashed = leaves.map(([position, channelId, amount]) => {
      const id = present(parseHex(channelId), 'hex')
      return [position, statementLeaf({ position, channelId: id, amount: BigInt(amount) })] as const
    })
    expect(merkleRoot(new Map(hashed))).toEqual(value.root)
    expect(await cosign(scene)).toEqual({ sequence: 1, status: 'paid' })
    expect(await settled(scene)).toEqual(['2100', '600'])
    expect(await scene.call('status')).toMatchObject({ settlements: 1, unsettled: '0' })
    expect(scene.world.ledger.audit()).toEqual([])
  })

  test('that the fleet does not co-sign in time expires, and evidence settles', async () => {
    const { scene } = await owingScene()
    await scene.world.time.advance(periodMs)
    expect((await waitingOf(scene)).state).toBe('waiting')
    await scene.world.time.advance(240_000)
    expect(await settled(scene)).toEqual(['2100', '600'])
    expect((await waitingOf(scene)).state).toBe('none')
    expect(await scene.call('status')).toMatchObject({ unsettled: '0' })
    expect(scene.world.ledger.audit()).toEqual([])
  })

  test('(!) of a clock that was ahead ends once it is right, and evidence settles', async () => {
    const { scene } = await owingScene()
    const aheadMs = 10_800_000
    scene.world.time.jumpWall(aheadMs)
    await scene.world.time.advance(periodMs)
    expect((await waitingOf(scene)).state).toBe('waiting')
    scene.world.time.jumpWall(-aheadMs)
    await scene.world.time.advance(periodMs)
    expect((await waitingOf(scene)).state).toBe('none')
    expect(await settled(scene)).toEqual(['2100', '600'])
  })

  test('(!) a co-signature that comes too late, or by another key, changes nothing', async () => {
    const { scene } = await owingScene()
    await scene.world.time.advance(periodMs)
    const value = await statementOf(scene)
    expect(await cosign(scene, scene.world.gateway.core.key)).toMatchObject({
      status: 'bad_signature',
    })
    const digest = digestOf(scene.world.ledger.domain, statementStructure, value)
    const signature = bytesToHex(signDigest(signerKey, digest))
    await scene.world.time.advance(240_000)
    const late = { fleet: 'acme', sequence: 1, signature }
    expect(await scene.call('cosign', late)).toEqual({ sequence: 1, status: 'not_waiting' })
    expect(await settled(scene)).toEqual(['2100', '600'])
    expect(scene.world.ledger.audit()).toEqual([])
  })

  test('(!) and evidence take turns without paying anything twice', async () => {
    const { scene, one, first, two, second } = await owingScene()
    await scene.world.time.advance(periodMs)
    await cosign(scene)
    await one.tick(first, 9)
    await scene.world.time.advance(periodMs + 240_000)
    expect(await settled(scene)).toEqual(['2700', '600'])
    await two.tick(second, 5)
    await scene.world.time.advance(periodMs - 240_000)
    expect(await statementOf(scene)).toMatchObject({
      ...{ sequence: 3, total: 4_200n, evidencePaid: 600n },
    })
    expect(await cosign(scene)).toEqual({ sequence: 3, status: 'paid' })
    expect(await settled(scene)).toEqual(['2700', '1500'])
    await one.tick(first, 10)
    await scene.world.time.advance(periodMs + 240_000)
    expect(await settled(scene)).toEqual(['3000', '1500'])
    const [state] = await scene.world.ledger.allocations()
    expect(state).toMatchObject({ paid: 4_500n, fee: 45n })
    expect(scene.world.ledger.audit()).toEqual([])
  })

  test('a checkpoint beyond a stated amount is evidence for the rest alone', async () => {
    const { scene, one, first } = await owingScene()
    await scene.world.time.advance(periodMs)
    await cosign(scene)
    const next = one.commitment(checkpointOf(first, 27))
    await one.sendCommitment(next.commitment)
    await scene.world.time.advance(periodMs + 240_000)
    expect((await settled(scene))[0]).toBe(`${27 * 300}`)
    expect(scene.world.ledger.audit()).toEqual([])
  })
})

describe('a gateway that dies', () => {
  test.each(['before', 'after'])('%s a statement is co-signed pays it once', async (when) => {
    const { scene } = await owingScene()
    await scene.world.time.advance(periodMs)
    const value = await statementOf(scene)
    if (when === 'after') {
      const digest = digestOf(scene.world.ledger.domain, statementStructure, value)
      const { core } = scene.world.gateway
      core.writer.record({
        ...{ kind: 'cosigned', allocation: value.allocation },
        signature: signDigest(signerKey, digest),
      })
      await scene.during(core.writer.drained())
    }
    await scene.world.crash()
    await scene.world.restart()
    await scene.round()
    if (when === 'before') {
      expect(await statementOf(scene)).toEqual(value)
      expect(await cosign(scene)).toMatchObject({ status: 'paid' })
    }
    expect(await settled(scene)).toEqual(['2100', '600'])
    expect(scene.world.ledger.audit()).toEqual([])
  })

  test('(!) after the ledger has paid and before it knows takes the answer again', async () => {
    const { scene } = await owingScene()
    await scene.world.time.advance(periodMs)
    const value = await statementOf(scene)
    const digest = digestOf(scene.world.ledger.domain, statementStructure, value)
    const fleetSignature = signDigest(signerKey, digest)
    const { core } = scene.world.gateway
    const name = bytesToHex(value.allocation)
    const underWay = present(core.state.statements.underWay.get(name), 'a statement')
    core.writer.record({
      ...{ kind: 'cosigned', allocation: value.allocation, signature: fleetSignature },
    })
    await scene.during(core.writer.drained())
    const gatewaySignature = underWay.statement.signature
    const submission = { statement: value, gatewaySignature, fleetSignature }
    await scene.during(scene.world.ledger.submitStatement(submission, 'k'))
    await scene.world.crash()
    await scene.world.restart()
    await scene.round()
    expect(await settled(scene)).toEqual(['2100', '600'])
    const [state] = await scene.world.ledger.allocations()
    expect(state).toMatchObject({ paid: 2_700n })
  })

  test('and comes back from a snapshot knows what it has stated', async () => {
    const { scene, one, first } = await owingScene()
    await scene.world.time.advance(periodMs)
    await cosign(scene)
    await one.tick(first, 9)
    await scene.world.time.advance(periodMs)
    await scene.during(scene.world.gateway.withSnapshot(async () => {}))
    const value = await statementOf(scene)
    await scene.world.crash()
    await scene.world.restart()
    await scene.round()
    expect(await statementOf(scene)).toEqual(value)
    await scene.world.time.advance(periodMs)
    expect((await settled(scene))[0]).toBe('2700')
    expect(scene.world.ledger.audit()).toEqual([])
  })
})
