/** Evidence of unsettled channels in a file, settled from somewhere else. */
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { exportClaims, followClaims, readClaims, submitClaims } from '../../../cli/io/claimFiles.ts'
import { CLAIM_FILE_VERSION, decodeClaim, splitItems } from '../../../gateway/store/claimFile.ts'
import { present } from '../../../protocol/assert.ts'
import { bytesToHex } from '../../../protocol/bytes.ts'
import type { Scene, SceneDevice } from '../../support/gatewayScene.ts'
import { openScene } from '../../support/gatewayScene.ts'
import { backUp, restore } from '../../support/gatewayState.ts'
import type { Committed } from '../../support/scriptedDevice.ts'

let folder = ''
let scene: Scene
let device: SceneDevice
let first: Committed

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'tickpay-claims-'))
  scene = await openScene()
  device = await scene.device('ev-1')
  first = await device.commit({ length: 1_000 })
})

afterEach(() => rmSync(folder, { recursive: true, force: true }))

const file = () => join(folder, 'claims.cbor')
const calls = () => ({
  call: (verb: string, args: Readonly<Record<string, unknown>>) => scene.call(verb, args),
  close: async () => {},
})
const price = 300n

async function exported(): Promise<number> {
  rmSync(file(), { force: true })
  return scene.during(exportClaims(calls(), file(), 1_000))
}

async function submitted() {
  const read = await readClaims(file())
  return scene.during(submitClaims(calls(), file(), read))
}

test('(!) what a lost gateway was owed is settled from the file, once', async () => {
  const copy = backUp(scene.world)
  await device.tick(first, 10)
  expect(await exported()).toBe(1)
  expect(statSync(file()).mode & 0o777).toBe(0o600)
  await scene.world.crash()
  await restore(scene.world, copy)
  await scene.world.restart()
  expect(await scene.call('settle')).toMatchObject({ paid: '0' })
  expect(await submitted()).toMatchObject([{ status: 'paid', paid: `${10n * price}` }])
  expect(await submitted()).toMatchObject([{ status: 'paid' }])
  await exported()
  expect(await scene.call('ledger_balance', {})).toMatchObject({ sum: '0' })
  // The device comes back and pays more: only the difference is still due.
  await device.reconnect()
  await device.tick(first, 30)
  expect(await scene.call('settle')).toMatchObject({ paid: `${20n * price}`, refused: 0 })
})

test('a channel that owes nothing is not in the file', async () => {
  expect(await exported()).toBe(0)
  await device.tick(first, 10)
  await scene.call('settle')
  expect(await exported()).toBe(0)
  expect(await submitted()).toEqual([])
})

test('an existing file is never replaced', async () => {
  writeFileSync(file(), 'precious')
  await expect(scene.during(exportClaims(calls(), file(), 0))).rejects.toThrow(/EEXIST/)
})

test('a file that is followed is replaced when more was accepted, and only then', async () => {
  await device.tick(first, 10)
  const one = await scene.during(followClaims(calls(), file(), 1_000, undefined))
  const { ino } = statSync(file())
  expect(await scene.during(followClaims(calls(), file(), 2_000, one))).toBe(one)
  expect(statSync(file()).ino).toBe(ino)
  await device.tick(first, 30)
  const two = await scene.during(followClaims(calls(), file(), 3_000, one))
  expect(two).not.toBe(one)
  const { head, claims } = await readClaims(file())
  expect(head.createdAtSeconds).toBe(3)
  expect(claims.map((bytes) => decodeClaim(bytes)?.index)).toEqual([30])
})

test('(!) the ledger refuses a claim that was altered, whatever the file says', async () => {
  await device.tick(first, 10)
  await exported()
  const { claims } = await readClaims(file())
  const claim = present(claims[0], 'a claim').slice()
  claim[claim.length - 1] = (claim.at(-1) ?? 0) ^ 1
  const results = await scene.call('submit_claims', { claims: [bytesToHex(claim)] })
  expect(results).toMatchObject([{ status: 'refused', reason: 'bad_word', paid: '0' }])
  await expect(scene.call('submit_claims', { claims: ['00'] })).rejects.toThrow(/claim 1 is not/)
})

test('a file for another ledger is refused', async () => {
  await device.tick(first, 10)
  await exported()
  const read = await readClaims(file())
  const domain = { chainId: 0n, verifyingContract: new Uint8Array(20) }
  const other = { ...read, head: { ...read.head, domain } }
  await expect(submitClaims(calls(), file(), other)).rejects.toThrow(/no other ledger can pay/)
})

test('a file that is cut short or holds anything else is refused', async () => {
  await device.tick(first, 10)
  await exported()
  const whole = readFileSync(file())
  expect(present(splitItems(whole), 'items')).toHaveLength(2)
  for (let length = 0; length < whole.length; length += 7) {
    writeFileSync(file(), whole.subarray(0, length))
    await expect(readClaims(file())).rejects.toThrow(/no file of claims|cut short/)
  }
  for (const bytes of [[0xff], [0x41], [0x5a, 0, 0, 0, 0], [0x40], [0xa0]]) {
    writeFileSync(file(), Buffer.from(bytes))
    await expect(readClaims(file())).rejects.toThrow(/no file of claims/)
  }
  expect(decodeClaim(new Uint8Array([0x80]))).toBeUndefined()
  expect(CLAIM_FILE_VERSION).toBe(1)
})
