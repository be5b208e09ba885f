/**
 * The real agent with a simulated meter, behind a real broker: gateway and broker go away and come
 * back, and at the end the three books agree.
 */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import * as v from 'valibot'
import { afterEach, beforeEach, expect, test } from 'vitest'
import type { Agent } from '../../agent/agent.ts'
import { startAgent } from '../../agent/agent.ts'
import { agentSchema } from '../../agent/config.ts'
import { openSerial } from '../../agent/io/serial.ts'
import { parseMeterSimConfig } from '../../firmware-sim/config.ts'
import { openLines } from '../../firmware-sim/io/lines.ts'
import type { MeterSim } from '../../firmware-sim/simulator.ts'
import { startMeterSim } from '../../firmware-sim/simulator.ts'
import { brokerConnector } from '../../ports/io/brokerLogin.ts'
import { nodeDisk } from '../../ports/io/disk.ts'
import { nodePorts } from '../../ports/io/node.ts'
import { formatPublicKey } from '../../ports/keyText.ts'
import { present } from '../../protocol/assert.ts'
import { bytesToHex } from '../../protocol/bytes.ts'
import { signDigest } from '../../protocol/keys.ts'
import { until } from '../support/until.ts'
import type { Mosquitto } from './mosquitto.ts'
import { startMosquitto } from './mosquitto.ts'
import type { Enrolled, Site } from './site.ts'
import { gateway, openSite, pricePerTick, unitsPerTick } from './site.ts'

let mosquitto: Mosquitto
let site: Site
let meter: MeterSim
let agent: Agent
let folder: string
let enrolled: Enrolled

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tickpay-attached-agent-'))
  mosquitto = await startMosquitto({ users: ['depot', 'acme/ev-1'] })
  site = await openSite(mosquitto)
  enrolled = await site.enrol('ev-1')
  const mandates = [site.mandate(enrolled.channelId, 1, 10_000n)]
  await site.call('mandate_put', { mandates })
  const ports = nodePorts(() => {})
  // Two ticks a second.
  const load = { profile: 'steady', unit: 'Wh', ratePerHour: 72_000, initialRegister: 5_000 }
  const config = { ...load, kind: 'firmware-link', line: 'tcp-listen://127.0.0.1:0' }
  meter = await startMeterSim(parseMeterSimConfig(config), ports, { openLines, disk: undefined })
})

afterEach(async () => {
  await meter.close()
  await site.close()
  await mosquitto.close()
  await rm(folder, { recursive: true })
})

async function start(): Promise<void> {
  const { domain, gatewayKey, signer } = site
  const { chainId, verifyingContract } = domain()
  const url = `mqtt://127.0.0.1:${mosquitto.port}`
  const config = v.parse(agentSchema, {
    fleet: 'acme',
    device: 'ev-1',
    gateway: {
      id: gateway,
      url,
      key: formatPublicKey(gatewayKey),
      login: { passwordFile: mosquitto.passwordFile },
    },
    ledger: { chainId: Number(chainId), contract: bytesToHex(verifyingContract) },
    fleetSigner: formatPublicKey(signer.publicKey),
    key: { file: 'unused', passphraseEnv: 'UNUSED' },
    meters: [
      {
        name: 'main',
        unit: 'Wh',
        driver: 'firmware-link',
        source: meter.where().replace('tcp-listen:', 'tcp:'),
        pollMs: 100,
      },
    ],
  })
  const { privateKey, publicKey, rootSecret } = enrolled.key
  agent = await startAgent(config, {
    ports: nodePorts(() => {}),
    connector: await brokerConnector(config.gateway, {}),
    openSerial,
    disk: await nodeDisk(folder),
    signer: { publicKey, sign: (digest) => signDigest(privateKey, digest) },
    rootSecret,
    version: '0.0.0',
  })
}

const channelsSchema = v.array(
  v.object({ unitsPaid: v.string(), paid: v.string(), settled: v.string(), supply: v.string() }),
)

async function channel() {
  return present(v.parse(channelsSchema, await site.call('channels', {}))[0], 'a channel')
}

async function paidMore(): Promise<void> {
  const before = BigInt((await channel()).unitsPaid)
  let now = before
  const ask = async () => {
    now = BigInt((await channel()).unitsPaid)
  }
  await until('more is paid', () => {
    void ask().catch(() => {})
    return now > before + unitsPerTick
  })
}

test('gateway and broker restart; no unit is lost or paid twice', async () => {
  await start()
  await paidMore()
  await site.restart()
  await paidMore()
  await mosquitto.kill()
  await mosquitto.start()
  await paidMore()
  await site.restart(async () => {
    await mosquitto.kill()
    await mosquitto.start()
  })
  await paidMore()
  await agent.close()
  const units = meter.register() - 5_000n
  const { unitsPaid, paid } = await channel()
  const status = present(agent.status().meters[0], 'a meter')
  expect(units).toBe(BigInt(unitsPaid) + BigInt(status.unitsUnpaid) + BigInt(status.remainder))
  expect(status.unitsUnpaid).toBe('0')
  expect(BigInt(paid)).toBe((BigInt(unitsPaid) / unitsPerTick) * pricePerTick)
  await site.call('settle', {})
  expect((await channel()).settled).toBe(paid)
  expect(await site.call('ledger_balance', {})).toMatchObject({ sum: '0' })
}, 60_000)
