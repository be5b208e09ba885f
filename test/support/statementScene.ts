/**
 * A gateway with two devices that owe something, and a fleet that co-signs when a test says so.
 */
import type { ChannelReport } from '../../gateway/reports.ts'
import { present } from '../../protocol/assert.ts'
import { bytesToHex, parseHex } from '../../protocol/bytes.ts'
import { decodeCbor } from '../../protocol/cbor.ts'
import { signDigest } from '../../protocol/keys.ts'
import { digestOf, signedFromWire, statementStructure } from '../../protocol/structures.ts'
import { chainLedger } from './chainLedger.ts'
import type { Scene } from './gatewayScene.ts'
import { openScene } from './gatewayScene.ts'
import type { WorldOptions } from './virtualGateway.ts'
import { signerKey, testConfig } from './virtualGateway.ts'

export const periodMs = 601_000
export const cosigning = testConfig({
  settlement: {
    ...{ periodSeconds: 600, minimumAmount: 0n, expiryMarginSeconds: 172_800 },
    cosignSeconds: 120,
  },
})
export const settled = async (scene: Scene) =>
  ((await scene.call('channels')) as readonly ChannelReport[]).map((one) => one.settled)

type Waiting = { readonly state: string; readonly sequence: number; readonly statement: string }
export const waitingOf = (scene: Scene) =>
  scene.call('statement', { fleet: 'acme' }) as Promise<Waiting>

export async function statementOf(scene: Scene) {
  const { statement } = await waitingOf(scene)
  const wire = decodeCbor(present(parseHex(statement), 'hex'))
  return present(signedFromWire(statementStructure, present(wire, 'CBOR')), 'a statement').value
}

type Page = { readonly leaves: readonly (readonly [number, string, string])[] }

export async function leavesOf(scene: Scene, sequence: number): Promise<Page['leaves']> {
  return ((await scene.call('statement_leaves', { fleet: 'acme', sequence })) as Page).leaves
}

/** Co-signs what waits. */
export async function cosign(scene: Scene, key = signerKey) {
  const value = await statementOf(scene)
  const digest = digestOf(scene.world.ledger.domain, statementStructure, value)
  const signature = bytesToHex(signDigest(key, digest))
  return scene.call('cosign', { fleet: 'acme', sequence: value.sequence, signature })
}

/** Two devices that owe 2100 and 600. */
export async function owingScene(config = cosigning, options: WorldOptions = {}) {
  const scene = await openScene(config, options)
  const [one, two] = [await scene.device('ev-1'), await scene.device('ev-2')]
  const first = await one.commit({ length: 1_000 })
  await one.tick(first, 7)
  const second = await two.commit({ length: 1_000 })
  await two.tick(second, 2)
  return { scene, one, first, two, second }
}

/** The same on a ledger that can take back what it has done. */
export async function owingOnChain(config = cosigning) {
  let scene: Scene | undefined
  const chain = chainLedger(() => present(scene, 'a scene').world.ledgerStore)
  const owing = await owingScene(config, chain)
  scene = owing.scene
  return { ...owing, chain }
}
