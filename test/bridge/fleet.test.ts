import { afterEach, expect, test } from 'vitest'
import { readAmountText } from '../../fleet/amountText.ts'
import type { FleetService } from '../../fleet/service.ts'
import { startFleetService } from '../../fleet/service.ts'
import { nodePorts } from '../../ports/io/node.ts'
import { present } from '../../protocol/assert.ts'
import { until } from '../support/until.ts'
import type { Mosquitto } from './mosquitto.ts'
import { startMosquitto } from './mosquitto.ts'
import type { Site } from './site.ts'
import { fleet, gateway, loginAt, openSite } from './site.ts'

let mosquitto: Mosquitto
let site: Site
let service: FleetService

afterEach(async () => {
  await service.stop()
  await site.close()
  await mosquitto.close()
})

test('the service of a fleet signs in at the broker and keeps mandates alive', async () => {
  mosquitto = await startMosquitto({ users: ['depot', 'acme/_'] })
  site = await openSite(mosquitto)
  const { channelId } = await site.enrol('ev-1')
  const amount = present(readAmountText('2EUR'), 'an amount')
  const { gatewayKey, signer } = site
  service = startFleetService(
    {
      identity: {
        fleet,
        signerKey: signer.privateKey,
        gateway: { id: gateway, key: gatewayKey },
        domain: site.domain(),
      },
      policy: {
        default: { limit: amount, limitPerDay: amount },
        devices: new Map(),
        lifeSeconds: 86_400,
      },
      connector: await loginAt(mosquitto),
    },
    nodePorts(() => {}),
  )
  let channels: unknown
  const ask = async () => {
    channels = await site.call('channels', {})
  }
  await until('a mandate', () => {
    void ask()
    return JSON.stringify(channels ?? '').includes('"sequence":1')
  })
  expect(channels).toMatchObject([{ channelId, mandate: { limit: '2000000', sequence: 1 } }])
})
