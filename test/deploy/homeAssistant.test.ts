/**
 * What Home Assistant would see on a person's own broker, a real one.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import * as v from 'valibot'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { type HomeAssistantLink, startHomeAssistant } from '../../fleet/homeAssistantLink.ts'
import type { DeviceReport } from '../../fleet/reports.ts'
import type { Transport } from '../../ports/index.ts'
import { mqttConnector } from '../../ports/io/mqttConnector.ts'
import { nodePorts } from '../../ports/io/node.ts'
import { hasMosquitto, startMosquitto } from '../support/mosquitto.ts'
import { until } from '../support/until.ts'

const channel = {
  fleet: 'acme',
  device: 'ev-1',
  slot: 0,
  channelId: '00'.repeat(32),
  meter: 'main',
  unit: 'Wh',
  asset: { code: 'EUR', scale: 6 },
  epoch: 1,
  index: 2,
  startReading: 0n,
  unitsPaid: 1_234n,
  register: 1_240n,
  paid: 370_200n,
  reserved: 0n,
  settled: 0n,
  exposure: 0n,
  creditUnits: 80n,
  supply: 'on',
  reason: 'ok',
  mandate: null,
  state: 'open',
} as const

function reportOf(reason: 'ok' | 'paused', online = true): DeviceReport {
  const supply = reason === 'paused' ? ('off' as const) : ('on' as const)
  return { device: 'ev-1', online, channels: [{ ...channel, supply, reason }] }
}

/** The device form, as far as it is used. */
const entity = { name: v.string(), unique_id: v.string(), value_template: v.string() }
const discoverySchema = v.strictObject({
  device: v.strictObject({
    identifiers: v.array(v.string()),
    name: v.string(),
    manufacturer: v.string(),
  }),
  origin: v.strictObject({ name: v.string(), sw_version: v.string() }),
  state_topic: v.string(),
  availability: v.array(v.strictObject({ topic: v.string() })),
  availability_mode: v.literal('all'),
  qos: v.literal(1),
  components: v.record(
    v.string(),
    v.variant('platform', [
      v.strictObject({ platform: v.literal('switch'), command_topic: v.string(), ...entity }),
      v.strictObject({
        platform: v.literal('sensor'),
        state_class: v.picklist(['total', 'total_increasing']),
        device_class: v.picklist(['energy', 'water', 'duration', 'data_size', 'monetary']),
        unit_of_measurement: v.string(),
        ...entity,
      }),
    ]),
  ),
})

const discovery = 'homeassistant/device/tickpay-acme-ev-1/config'
const values = 'tickpay-home/acme/ev-1/state'

describe.skipIf(!hasMosquitto)('Home Assistant', () => {
  const seen = new Map<string, string>()
  const switched: string[] = []
  let count = 0
  let ends: (() => unknown)[] = []
  let watcher: Transport
  let link: HomeAssistantLink

  beforeEach(async () => {
    const folder = mkdtempSync(join(tmpdir(), 'tickpay-home-'))
    ends.push(() => rmSync(folder, { recursive: true, force: true }))
    const started = await startMosquitto(folder)
    ends.push(() => started.broker.kill())
    watcher = started.watcher
    ends.push(() => watcher.close())
    seen.clear()
    switched.length = 0
    count = 0
    watcher.onMessage((topic, payload) => {
      count += 1
      seen.set(topic, new TextDecoder().decode(payload))
    })
    await watcher.subscribe(['#'])
    const connector = mqttConnector(started.url)
    const onSwitch = (device: string, verb: string) => void switched.push(`${verb} ${device}`)
    const options = { fleet: 'acme', prefix: 'homeassistant', version: '1', connector, onSwitch }
    link = startHomeAssistant(
      options,
      nodePorts(() => undefined),
    )
    ends.push(link.stop)
    link.take('ev-1', reportOf('ok'))
    await until('it is told', () => seen.get('tickpay-home/acme/ev-1/available') === 'online')
  })
  afterEach(async () => {
    for (const end of ends.reverse()) await end()
    ends = []
  })
  const say = (topic: string, text: string) =>
    watcher.publish(topic, new TextEncoder().encode(text), { retain: false })

  test('finds a device with units, money and a switch, and their values', () => {
    const found = v.parse(discoverySchema, JSON.parse(seen.get(discovery) ?? ''))
    expect(Object.keys(found.components)).toEqual(['supply', 'main-units', 'main-spent'])
    expect(found.state_topic).toBe(values)
    expect(found.availability.map(({ topic }) => seen.get(topic))).toEqual(['online', 'online'])
    expect(JSON.parse(seen.get(values) ?? '')).toEqual({
      supply: 'ON',
      meters: { main: { units: '1234', spent: '0.370200' } },
    })
  })

  test('switches supply, and shows what the gateway made of it', async () => {
    await say('tickpay-home/acme/ev-1/supply/set', 'OFF')
    await until('paused', () => switched.length === 1)
    link.take('ev-1', reportOf('paused'))
    await until('off', () => JSON.parse(seen.get(values) ?? '').supply === 'OFF')
    await say('tickpay-home/acme/ev-1/supply/set', 'perhaps')
    await say('tickpay-home/acme/stranger/supply/set', 'OFF')
    await say('tickpay-home/acme/ev-1/supply/set', 'ON')
    await until('resumed', () => switched.length === 2)
    expect(switched).toEqual(['pause ev-1', 'resume ev-1'])
  })

  test('is told nothing twice, and everything again after its own start', async () => {
    const before = count
    link.take('ev-1', reportOf('ok'))
    await say('homeassistant/status', 'online')
    await until('told again', () => count >= before + 5)
    // Its own message, the bridge, and three of the device.
    expect(count).toBe(before + 5)
  })

  test('sees a device that is away, one that is gone, and the end of the bridge', async () => {
    link.take('ev-1', reportOf('ok', false))
    await until('away', () => seen.get('tickpay-home/acme/ev-1/available') === 'offline')
    link.take('ev-1', undefined)
    await until('gone', () => seen.get(discovery) === '')
    await link.stop()
    await until('the end', () => seen.get('tickpay-home/acme/available') === 'offline')
  })
})
