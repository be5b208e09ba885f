/** What a gateway takes for paid is never more than what its ledger has paid. */
import { expect, test } from 'vitest'
import { raisePaid } from '../../../../gateway/state/allocations.ts'
import { verifyPaid } from '../../../../gateway/store/verifyPaid.ts'
import { formatPublicKey } from '../../../../ports/keyText.ts'
import { publicKeyOf } from '../../../../protocol/keys.ts'
import type { Scene } from '../../../support/gatewayScene.ts'
import { cosign, owingScene, periodMs } from '../../../support/statementScene.ts'
import { signerKey } from '../../../support/virtualGateway.ts'

function problemsOf({ world }: Scene): readonly string[] {
  const problems: string[] = []
  const find = (_: 'ledger', problem: string) => void problems.push(problem)
  verifyPaid(world.gateway.core.state, world.ledgerStore, find)
  return problems
}

/** Two devices that a statement paid 2100 and 600, and one of another fleet, which owes nothing. */
async function paidScene() {
  const { scene } = await owingScene()
  const key = formatPublicKey(publicKeyOf(signerKey))
  await scene.call('enrol_fleet', { fleet: 'other', signerKey: key })
  await scene.call('ledger_fund', { fleet: 'other', amount: '100000' })
  const publicKey = formatPublicKey(publicKeyOf(signerKey))
  const meters = [{ meter: 'm-0', unit: 'Wh' }]
  await scene.call('enrol_device', { fleet: 'other', device: 'o-1', publicKey, meters })
  await scene.world.time.advance(periodMs)
  await cosign(scene)
  return scene
}

test('what a statement has paid is paid, though it names no channel', async () => {
  expect(problemsOf(await paidScene())).toEqual([])
})

test('one more than a statement has paid is found', async () => {
  const scene = await paidScene()
  raisePaid(scene.world.gateway.core.state, 1, 601n)
  expect(problemsOf(scene)).toEqual([
    'paid 0 for channel 0, which the gateway takes for 2100',
    'paid 0 for channel 1, which the gateway takes for 601',
  ])
})

test("what was paid from a fleet's allocation pays nothing of another fleet", async () => {
  const scene = await paidScene()
  const { state } = scene.world.gateway.core
  state.hot.columns.paid[0] = 2_099n
  state.hot.columns.paid[2] = 1n
  expect(problemsOf(scene)).toEqual(['paid 0 for channel 2, which the gateway takes for 1'])
})
