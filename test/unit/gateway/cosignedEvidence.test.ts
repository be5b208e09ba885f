/** What gateway and fleet have both signed, shown from files alone: kept, exported, verified. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { run } from '../../../cli/run.ts'
import { readMeta } from '../../../gateway/store/meta.ts'
import { readNewestSnapshot, writeSnapshot } from '../../../gateway/store/snapshot.ts'
import { verifyFold } from '../../../gateway/store/verifyState.ts'
import { fastSha256 } from '../../../ledger/io/fastVerify.ts'
import type { EvidenceBundle } from '../../../ledger/rules/evidenceBundle.ts'
import { formatEvidence, parseEvidence } from '../../../ledger/rules/evidenceBundle.ts'
import { present } from '../../../protocol/assert.ts'
import { bytesToHex } from '../../../protocol/bytes.ts'
import { decodeReceipt } from '../../../protocol/receipts.ts'
import type { Scene, SceneDevice } from '../../support/gatewayScene.ts'
import { withoutLastField } from '../../support/gatewayState.ts'
import {
  cosign,
  cosigning,
  owingOnChain,
  owingScene,
  periodMs,
} from '../../support/statementScene.ts'
import { testTerminal } from '../../support/testTerminal.ts'

const folder = mkdtempSync(join(tmpdir(), 'tickpay-evidence-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

let files = 0
function fileOf(bundle: EvidenceBundle): string {
  const path = join(folder, `${files++}.json`)
  writeFileSync(path, formatEvidence(bundle))
  return path
}

/** `tickpay evidence verify` of one or two bundles. */
async function verified(...bundles: readonly EvidenceBundle[]) {
  const [first = '', other] = bundles.map(fileOf)
  const terminal = testTerminal()
  const words = ['evidence', 'verify', first, ...(other === undefined ? [] : ['--other', other])]
  const code = await run(words, terminal)
  return { code, said: terminal.outLines.join('\n') }
}

async function exported(scene: Scene, device: SceneDevice): Promise<EvidenceBundle> {
  const channel = bytesToHex(present(device.channelIds[0], 'a channel'))
  const { bundle } = (await scene.call('evidence', { channel })) as { readonly bundle: string }
  return present(parseEvidence(bundle), 'a bundle')
}

/** What the device itself can show: the newest receipt. */
function ofDevice(bundle: EvidenceBundle, device: SceneDevice): EvidenceBundle {
  const payload = present(device.client.received.receipts.at(-1), 'a receipt')
  const nothing = { tariffs: [], mandates: [], commitments: [], words: [], statements: [] }
  const receipts = [present(decodeReceipt(payload), 'a sound receipt')]
  return { ...bundle, ...nothing, channel: undefined, receipts }
}

async function cosignedScene() {
  const owing = await owingScene({ ...cosigning, receiptSeconds: 30 })
  await owing.scene.world.time.advance(periodMs)
  expect(await cosign(owing.scene)).toMatchObject({ status: 'paid' })
  return owing
}

const signatureIn = ({ statements: [one] }: EvidenceBundle) => one?.fleetSignature

/** The newest snapshot as a program wrote it that kept no co-signatures. */
async function makeSnapshotOlder({ world }: Scene): Promise<void> {
  const { snapshot } = await readNewestSnapshot(world.disk)
  const { position, state } = present(snapshot, 'a snapshot')
  await writeSnapshot(world.disk, { position, state: withoutLastField(state) })
}

async function findingsOf({ world }: Scene): Promise<readonly string[]> {
  const found: string[] = []
  const { storeId } = present(await readMeta(world.disk), 'a store')
  const find = (part: string, problem: string) => found.push(`${part} ${problem}`)
  const { coldStore: cold, disk } = world
  const { domain } = world.ledger
  const genesis = fastSha256(storeId)
  await verifyFold({ disk, cold, domain, genesis, seal: undefined, find }, 0n, fastSha256)
  return found
}

describe('a statement that both have signed', () => {
  test('is proved by the files alone, with the same verdict for both sides', async () => {
    const { scene, one } = await cosignedScene()
    const gateway = await exported(scene, one)
    const device = ofDevice(gateway, one)
    const ours = await verified(gateway, device)
    expect(ours).toEqual(await verified(device, gateway))
    expect(ours.code).toBe(0)
    expect(ours.said).toContain('gateway and fleet have both signed: 2100')
    expect(ours.said).toMatch(/statement 1, digest [0-9a-f]{64}: 2100, signed by both/)
    expect(ours.said).toContain('nothing contradicts')
    expect(ours.said).not.toMatch(/missing/)
  })

  test('names the party whose signature is missing or does not fit', async () => {
    const { scene, one } = await cosignedScene()
    const bundle = await exported(scene, one)
    const [stated] = bundle.statements
    const whole = present(stated, 'a statement')
    const alone = await verified({
      ...bundle,
      statements: [{ ...whole, fleetSignature: undefined }],
    })
    expect(alone.code).toBe(0)
    expect(alone.said).toContain(
      'signed by the gateway alone: the signature of the fleet is missing',
    )
    expect(alone.said).toContain('gateway and fleet have both signed: not proved here')
    const { value, signature } = whole.statement
    const swapped = await verified({
      ...bundle,
      statements: [{ ...whole, fleetSignature: signature }],
    })
    expect(swapped.code).toBe(1)
    expect(swapped.said).toContain('the signature of the fleet does not fit its key')
    const forged = { value, signature: present(whole.fleetSignature, 'a signature') }
    const fleetOnly = await verified({ ...bundle, statements: [{ ...whole, statement: forged }] })
    expect(fleetOnly.code).toBe(1)
    expect(fleetOnly.said).toContain(
      'signed by the fleet alone: the signature of the gateway does not fit its key',
    )
    expect(fleetOnly.said).toContain('gateway and fleet have both signed: not proved here')
  })

  test.each(['the journal', 'a snapshot'])(
    'is exported the same after a start from %s',
    async (from) => {
      const { scene, one } = await cosignedScene()
      const before = await exported(scene, one)
      expect(signatureIn(before)).toHaveLength(64)
      if (from === 'a snapshot')
        await scene.during(scene.world.gateway.withSnapshot(async () => {}))
      await scene.world.crash()
      await scene.world.restart()
      await scene.round()
      expect((await exported(scene, one)).statements).toEqual(before.statements)
    },
  )

  test('is in force again with its signature when a chain takes the next one back', async () => {
    const { scene, chain, ...owing } = await owingOnChain()
    await scene.world.time.advance(periodMs)
    await cosign(scene)
    const first = await exported(scene, owing.one)
    await owing.one.tick(owing.first, 9)
    await scene.world.time.advance(periodMs)
    await cosign(scene)
    expect(signatureIn(await exported(scene, owing.one))).not.toEqual(signatureIn(first))
    await chain.reorganise(1)
    await scene.world.time.advance(2_000)
    expect((await exported(scene, owing.one)).statements).toEqual(first.statements)
  })
})

describe('a store of a program that kept no co-signatures', () => {
  test('opens, says whose signature is missing, and has that of the next statement', async () => {
    const { scene, one, first } = await cosignedScene()
    await scene.during(scene.world.gateway.withSnapshot(async () => {}))
    await scene.world.crash()
    await makeSnapshotOlder(scene)
    await scene.world.restart()
    await scene.round()
    const bundle = await exported(scene, one)
    expect(bundle.statements).toHaveLength(1)
    expect(await verified(bundle)).toMatchObject({
      code: 0,
      said: expect.stringContaining('the signature of the fleet is missing'),
    })
    await one.reconnect()
    await one.tick(first, 9)
    await scene.world.time.advance(periodMs)
    await cosign(scene)
    expect((await verified(await exported(scene, one))).said).toContain('2700, signed by both')
  })

  test('is sound, with what the older and the newer program wrote', async () => {
    const { scene } = await cosignedScene()
    const { world } = scene
    await scene.during(world.gateway.withSnapshot(async () => {}))
    await world.crash()
    expect(await findingsOf(scene)).toEqual([])
    await makeSnapshotOlder(scene)
    expect(await findingsOf(scene)).toEqual([])
    await world.restart()
    await scene.round()
    await scene.during(world.gateway.withSnapshot(async () => {}))
    await world.crash()
    expect(await findingsOf(scene)).toEqual([])
  })
})
