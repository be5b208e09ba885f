/**
 * A fleet's service at a real gateway on virtual time: three days that nobody looks at.
 */

import * as v from 'valibot'
import { expect, test } from 'vitest'
import { readAmountText } from '../../../fleet/amountText.ts'
import { type ChannelReport, channelReportSchema } from '../../../fleet/reports.ts'
import { startFleetService } from '../../../fleet/service.ts'
import { formatPublicKey } from '../../../ports/keyText.ts'
import { present } from '../../../protocol/assert.ts'
import { publicKeyOf } from '../../../protocol/keys.ts'
import {
  enrolTestFleet,
  gatewayKey,
  signerKey,
  testKey,
  virtualWorld,
  type World,
} from '../../support/virtualGateway.ts'

const hourMs = 3_600_000
const minuteMs = 60_000

const allowance = {
  limit: present(readAmountText('5EUR'), 'amount'),
  limitPerDay: present(readAmountText('1EUR'), 'amount'),
}
const policy = { default: allowance, devices: new Map(), lifeSeconds: 86_400 }

function startService(world: World) {
  const identity = {
    fleet: 'acme',
    signerKey,
    gateway: { id: 'gw-1', key: publicKeyOf(gatewayKey) },
    domain: world.ledger.domain,
  }
  return startFleetService({ identity, policy, connector: world.broker.connect }, world.ports)
}

async function enrol(world: World, device: string, seed: number): Promise<void> {
  const publicKey = formatPublicKey(publicKeyOf(testKey('p256', seed)))
  const meters = [{ meter: 'main', unit: 'Wh' }]
  await world.gateway.call('enrol_device', { fleet: 'acme', device, publicKey, meters })
}

async function channels(world: World): Promise<readonly ChannelReport[]> {
  return v.parse(v.array(channelReportSchema), await world.gateway.call('channels', {}))
}

test('72 hours: devices come, the gateway dies and returns, mandates never end', async () => {
  const world = await virtualWorld()
  await enrolTestFleet(world)
  await enrol(world, 'ev-1', 21)
  const service = startService(world)
  await world.time.advance(minuteMs)
  for (let hour = 0; hour < 72; hour++) {
    if (hour === 20) await enrol(world, 'ev-2', 22)
    if (hour % 17 === 11) {
      await world.crash()
      await world.time.advance(40 * minuteMs)
      await world.restart()
      await world.time.advance(20 * minuteMs)
    } else {
      await world.time.advance(hourMs)
    }
    const nowSeconds = world.time.clock.nowMs() / 1_000
    const all = await channels(world)
    expect(all).toHaveLength(hour >= 20 ? 2 : 1)
    for (const { mandate } of all) {
      expect(mandate?.expiry, `hour ${hour}`).toBeGreaterThan(nowSeconds)
      expect(mandate).toMatchObject({ limit: 5_000_000n, limitPerDay: 1_000_000n })
    }
  }
  const [first] = await channels(world)
  expect(first?.mandate?.sequence).toBeGreaterThanOrEqual(6)
  expect(first?.mandate?.sequence).toBeLessThanOrEqual(8)
  expect(world.fatal).toEqual([])
  await service.stop()
}, 120_000)
