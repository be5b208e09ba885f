/**
 * An upgrade with open channels: data folders as an earlier layout of this program wrote them, once
 * after a stop and once after a crash, are opened by this one. `data/README.md` says how they came
 * about.
 */
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import * as v from 'valibot'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { gatewayConfigSchema } from '../../gateway/config.ts'
import { type OpenGateway, openGateway } from '../../gateway/io/openGateway.ts'
import { COPY_FOLDER, RELEASE, RELEASE_PATH } from '../../gateway/io/upgradeCopy.ts'
import { nodeClock, nodePorts } from '../../ports/io/node.ts'
import { present } from '../../protocol/assert.ts'
import { parseHex } from '../../protocol/bytes.ts'
import { CHECKPOINT } from '../../protocol/structures.ts'
import { loginSession } from '../support/deviceSession.ts'
import { commit } from '../support/scriptedDevice.ts'
import { testKey, testTariff } from '../support/virtualGateway.ts'

const archive = fileURLToPath(new URL('data/store-2026-11.tar.gz', import.meta.url))
const madeSchema = v.object({ atMs: v.number(), channels: v.array(v.string()) })

/** As they were when the data was written. */
const tariffs = [{ unit: 'Wh', unitsPerTick: '10', pricePerTick: '300' }]
const tariff = testTariff({ validUntil: Date.UTC(2100, 0, 1) / 1_000 })
const shownTicks = [40, 41]

let root: string

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'tickpay-upgrade-'))
  execFileSync('tar', ['xzf', archive, '-C', root])
  process.env['TICKPAY_TEST_UPGRADE'] = 'secret'
})

afterEach(() => rmSync(root, { recursive: true, force: true }))

const made = () => v.parse(madeSchema, JSON.parse(readFileSync(join(root, 'made.json'), 'utf8')))

/** A minute after the data was written. */
function clockThen() {
  const startMs = nodeClock.monotonicMs()
  const { atMs } = made()
  return {
    ...nodeClock,
    nowMs: () => atMs + 60_000 + Math.floor(nodeClock.monotonicMs() - startMs),
  }
}

function open(folder: string, logs: string[] = []): Promise<OpenGateway> {
  const settings = v.parse(gatewayConfigSchema, {
    gateway: 'gw-1',
    data: join(root, folder),
    key: { file: join(root, 'gateway.key'), passphraseEnv: 'TICKPAY_TEST_UPGRADE' },
    payee: 'acme-energy',
    asset: { code: 'EUR', scale: 6 },
    listeners: [{ kind: 'tcp', port: 0 }],
    tariffs,
  })
  const ports = { ...nodePorts((_, message) => logs.push(message)), clock: clockThen() }
  return openGateway(settings, ports, (error) => {
    throw error
  })
}

/** The device as it was, with the chains that it had. */
async function login({ gateway, listening }: OpenGateway) {
  const clock = clockThen()
  const identity = {
    fleet: 'acme',
    device: 'ev-1',
    gateway: 'gw-1',
    domain: gateway.core.state.domain,
    key: testKey('p256', 30),
    rootSecret: new Uint8Array(32).fill(1),
  }
  const channelIds = made().channels.map((hex) => present(parseHex(hex), 'a channel id'))
  const port = present(listening[0], 'a listener')
  const nonce = new Uint8Array(32).fill(77)
  const session = await loginSession({ identity, channelIds, port, tariff, clock, nonce })
  const issuedAt = Math.floor(made().atMs / 1_000)
  const committed = channelIds.map((channelId) =>
    commit(identity, {
      channelId,
      tariff,
      nowSeconds: issuedAt,
      length: 1_000,
      expiry: issuedAt + 86_400,
    }),
  )
  return { session, committed, nowSeconds: Math.floor(clock.nowMs() / 1_000) }
}

describe.each(['stopped', 'crashed'])('a folder of an earlier layout, %s', (folder) => {
  test('opens with its channels, which go on and settle; the books agree', async () => {
    const opened = await open(folder)
    const { call } = opened.gateway
    const { session, committed, nowSeconds } = await login(opened)
    const slots = [...session.received.slots].sort((a, b) => a.slot - b.slot)
    expect(slots.map(({ held }) => held?.index)).toEqual(shownTicks)
    expect(slots.map(({ held }) => held?.commitment.value.root)).toEqual(
      committed.map(({ commitment }) => commitment.value.root),
    )
    for (const [slot, one] of committed.entries()) await session.tick(one, 100, slot)
    const next = await session.commit({
      kind: CHECKPOINT,
      epoch: 2,
      base: 30_000n,
      startReading: 2_000n,
      nowSeconds,
    })
    await session.tick(next, 7)
    await call('settle', {})
    await session.transport.close()
    const channels = (await call('channels', {})) as readonly object[]
    expect(channels).toMatchObject([
      { paid: '32100', settled: '32100', unitsPaid: '1070' },
      { paid: '30000', settled: '30000', unitsPaid: '1000' },
    ])
    expect(await call('status', {})).toMatchObject({ ledgerSum: '0', unsettled: '0' })
    await opened.close()
  })
})

test('a folder is copied first, once, and the copy can be gone back to', async () => {
  const folder = join(root, 'crashed')
  const store = readFileSync(join(folder, 'store.json'))
  const before = readdirSync(folder, { recursive: true }).sort()
  const logs: string[] = []
  await (await open('crashed', logs)).close()
  const copy = join(folder, COPY_FOLDER)
  expect(readdirSync(copy, { recursive: true }).sort()).toEqual(before)
  expect(readFileSync(join(copy, 'store.json'))).toEqual(store)
  expect(logs).toContain('the store was written by another release: a copy is kept')
  const again: string[] = []
  await (await open('crashed', again)).close()
  expect(again.join()).not.toContain('a copy is kept')
  const back = await open(join('crashed', COPY_FOLDER))
  const channels = (await back.gateway.call('channels', {})) as readonly { paid: string }[]
  expect(channels.map(({ paid }) => paid)).toEqual(['12000', '12300'])
  await back.close()
})

test('a folder of a newer layout is refused, says what to do, and is left as it is', async () => {
  const path = join(root, 'stopped', 'store.json')
  const newer = readFileSync(path, 'utf8').replace('"format": 1', '"format": 9')
  writeFileSync(path, newer)
  const before = readdirSync(join(root, 'stopped'), { recursive: true }).sort()
  const refused = /made by a newer version \(format 9.*upgrade this program/
  await expect(open('stopped')).rejects.toThrow(refused)
  expect(readFileSync(path, 'utf8')).toBe(newer)
  expect(readdirSync(join(root, 'stopped'), { recursive: true }).sort()).toEqual(before)
})

test('a store of this release is written without a copy, and says who wrote it', async () => {
  await (await open('fresh')).close()
  const text = readFileSync(join(root, 'fresh', RELEASE_PATH), 'utf8')
  expect(JSON.parse(text)).toEqual({ release: RELEASE })
  expect(readdirSync(join(root, 'fresh'))).not.toContain(COPY_FOLDER)
})

test('the release is the one of package.json', () => {
  const path = new URL('../../package.json', import.meta.url)
  expect(JSON.parse(readFileSync(path, 'utf8'))).toMatchObject({ version: RELEASE })
})
