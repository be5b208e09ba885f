/** Metrics and health as pages: what they say is what the gateway holds, and what the page says. */
import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { defaultFraudConfig } from '../../../gateway/fraud/config.ts'
import { createMetricsText } from '../../../gateway/http/io/metricsText.ts'
import { metrics } from '../../../gateway/http/metrics.ts'
import { createPages } from '../../../gateway/http/pages.ts'
import { openScene, type Scene } from '../../support/gatewayScene.ts'
import { metricsTable, parseScrape, type Scrape } from '../../support/metricsPage.ts'
import { hasPromtool, promtool } from '../../support/promtool.ts'
import { tickOf } from '../../support/scriptedDevice.ts'
import { testConfig } from '../../support/virtualGateway.ts'

const page = readFileSync(new URL('../../../docs/metrics.md', import.meta.url), 'utf8')

const machine = () => ({
  lagSeconds: { '50': 0, '99': 0.002, '100': 0.01 },
  cpuSeconds: 1.5,
  memoryBytes: 1 << 26,
  startSeconds: 1_700_000_000,
})
const door = {
  open: true,
  reason: 'listening',
  connections: 3,
  logins: { accepted: 4, refused: { bad_credential: 2 }, closed: { protocol_error: 1 } },
}

function pagesOf(scene: Scene, change: { open?: boolean; unconfirmed?: boolean } = {}) {
  const { world } = scene
  const { core } = world.gateway
  const pages = createPages('gw-1', world.ports, machine)
  const attach = () =>
    pages.attach({
      core,
      disk: world.disk,
      door: () => ({ ...door, open: change.open ?? true }),
      isUnconfirmed: () => change.unconfirmed ?? false,
      text: createMetricsText(core.commits),
    })
  return { ...pages, attachNow: attach }
}

async function asked(scene: Scene, pages: ReturnType<typeof pagesOf>, path: string) {
  const answer = await scene.during(pages.answer(path))
  if (!answer) throw new Error(`nothing at ${path}`)
  return answer
}

async function scrape(scene: Scene, pages: ReturnType<typeof pagesOf>) {
  const { status, body } = await asked(scene, pages, '/metrics')
  expect(status).toBe(200)
  return { body, families: parseScrape(body) }
}

test('the page lists every metric as it is; else copy the table of this failure into it', () => {
  expect(page).toContain(metricsTable())
})

describe('a scrape', () => {
  test('has the documented metrics and no others', async () => {
    const scene = await openScene()
    const pages = pagesOf(scene)
    pages.attachNow()
    const { families } = await scrape(scene, pages)
    expect([...families].map(([name, { kind, help }]) => ({ name, kind, help }))).toEqual(
      metrics.map(({ name, kind, help }) => ({ name, kind, help })),
    )
  })

  test.skipIf(!hasPromtool)('is what promtool has nothing to say about', async () => {
    const scene = await openScene()
    const pages = pagesOf(scene)
    pages.attachNow()
    const { body } = await scrape(scene, pages)
    expect(promtool(['check', 'metrics'], body)).toBe('')
  })

  test('says what was accepted, refused, reserved and settled, to the unit', async () => {
    const scene = await openScene()
    const pages = pagesOf(scene)
    pages.attachNow()
    const device = await scene.device('ev-1')
    const committed = await device.commit({ length: 100 })
    await device.tick(committed, 7)
    await device.sendTicks({ ...tickOf(committed, 9), epoch: 5 })
    const value = (values: Scrape | undefined, labels = '') => values?.get(labels)
    const { families } = await scrape(scene, pages)
    const of = (name: string) => families.get(`tickpay_${name}`)?.values
    expect(value(of('ticks_accepted_total'))).toBe(7)
    expect([...(of('refusals_total') ?? [])]).toEqual([['{kind="tick",reason="unknown_epoch"}', 1]])
    expect(value(of('exposure'), '{asset="EUR"}')).toBe(2_100)
    expect(value(of('reserved'), '{asset="EUR"}')).toBe(30_000)
    expect(value(of('allocation_available'), '{fleet="acme"}')).toBe(10_000_000_000)
    expect(value(of('allocation_reserved'), '{fleet="acme"}')).toBe(30_000)
    expect(value(of('channels'), '{state="open"}')).toBe(1)
    expect(value(of('commit_seconds'), '_count')).toBeGreaterThan(0)
    expect(of('settlement_age_seconds')?.size).toBe(0)
    expect(value(of('logins_refused_total'), '{reason="bad_credential"}')).toBe(2)
    expect(value(of('claims_expire_seconds'))).toBeGreaterThan(86_400)
    await scene.call('settle')
    await scene.during(scene.world.time.advance(6_000))
    const after = (await scrape(scene, pages)).families
    expect(after.get('tickpay_settled_total')?.values.get('{asset="EUR"}')).toBe(2_100)
    expect(after.get('tickpay_exposure')?.values.get('{asset="EUR"}')).toBe(0)
    expect(after.get('tickpay_settlement_age_seconds')?.values.get('')).toBe(6)
    expect(after.get('tickpay_claims_expire_seconds')?.values.size).toBe(0)
  })

  test('counts what the watch told by rule and action', async () => {
    const scene = await openScene(testConfig({ fraud: defaultFraudConfig() }))
    const pages = pagesOf(scene)
    pages.attachNow()
    for (let i = 0; i < 12; i++) scene.world.gateway.core.signs.add('acme', 'ev-1', 'login_refused')
    await scene.during(scene.world.time.advance(20_000))
    const { families } = await scrape(scene, pages)
    const values = families.get('tickpay_findings_total')?.values
    expect([...(values ?? [])]).toEqual([['{rule="logins",action="notify"}', 1]])
  })

  test('asks a ledger that is away once, and says so', async () => {
    let asks = 0
    const wrapLedger = <L extends object>(ledger: L): L => ({
      ...ledger,
      allocation: async () => {
        asks += 1
        throw new Error('connection refused')
      },
    })
    const scene = await openScene()
    const { core } = scene.world.gateway
    Object.assign(core.ledger, wrapLedger(core.ledger))
    const pages = pagesOf(scene)
    pages.attachNow()
    const { families } = await scrape(scene, pages)
    expect(families.get('tickpay_ledger_up')?.values.get('')).toBe(0)
    const ready = await asked(scene, pages, '/readyz')
    expect(ready.status).toBe(503)
    expect(JSON.parse(ready.body).checks).toContainEqual({
      name: 'ledger',
      ok: false,
      reason: 'connection refused',
    })
    expect(asks).toBe(1)
  })
})

describe('health', () => {
  test('a gateway that opens, serves and stops lives; it is ready in between', async () => {
    const scene = await openScene()
    const pages = pagesOf(scene)
    const statuses = async () => ({
      health: (await asked(scene, pages, '/healthz')).status,
      ready: (await asked(scene, pages, '/readyz')).status,
    })
    expect(await statuses()).toEqual({ health: 200, ready: 503 })
    expect((await asked(scene, pages, '/metrics')).status).toBe(503)
    pages.attachNow()
    expect(await statuses()).toEqual({ health: 200, ready: 200 })
    const { body } = await asked(scene, pages, '/healthz')
    expect(JSON.parse(body)).toMatchObject({ status: 'alive', gateway: 'gw-1' })
    pages.retire()
    expect(await statuses()).toEqual({ health: 200, ready: 503 })
    expect(await pages.answer('/__proto__')).toBeUndefined()
  })

  test('a door that is closed is named', async () => {
    const scene = await openScene()
    const pages = pagesOf(scene, { open: false })
    pages.attachNow()
    const { status, body } = await asked(scene, pages, '/readyz')
    expect(status).toBe(503)
    expect(JSON.parse(body).checks).toContainEqual(
      expect.objectContaining({ name: 'broker', ok: false }),
    )
  })

  test('a commit that does not end within a minute is stuck', async () => {
    const scene = await openScene()
    const pages = pagesOf(scene)
    pages.attachNow()
    const release = scene.world.disk.holdSyncs()
    const call = scene.world.gateway.call('enrol_fleet', {})
    call.catch(() => {})
    scene.world.gateway.core.writer.record({ kind: 'life', life: new Uint8Array(16) })
    scene.world.gateway.core.writer.whenDurable(() => {})
    await scene.world.time.advance(61_000)
    const { status, body } = await asked(scene, pages, '/healthz')
    expect({ status, body: JSON.parse(body).status }).toEqual({ status: 503, body: 'stuck' })
    release()
    await scene.round()
    expect((await asked(scene, pages, '/healthz')).status).toBe(200)
  })
})
