import { expect, test } from 'vitest'
import { agentSchema } from '../../../agent/config.ts'
import { agentYaml, demoDevices, gatewayYaml, readDuration } from '../../../cli/demo/plan.ts'
import { type GatewayStatus, remember, type Sight, viewOf } from '../../../cli/live/look.ts'
import { readDeviceReport } from '../../../fleet/reports.ts'
import { gatewayConfigSchema } from '../../../gateway/config.ts'
import { parseConfig } from '../../../ports/config.ts'
import { formatPublicKey } from '../../../ports/keyText.ts'
import { present } from '../../../protocol/assert.ts'
import { publicKeyOf } from '../../../protocol/keys.ts'
import { fakeChannel, gatewayKey, reportOf } from '../../support/fleetGateway.ts'

const [channel] = present(readDeviceReport(reportOf(fakeChannel('ev'))), 'report').channels

function sight(atMs: number, accepted: number, changes: Partial<GatewayStatus> = {}): Sight {
  const gateway = { gateway: 'depot', sessions: 1, channels: 1 }
  const money = { acceptedAmount: '5000', settled: '4000', unsettled: '1000' }
  const counts = { settlements: 2, lastSettlementAtSeconds: 1_000, refused: {}, signatures: {} }
  return {
    atMs,
    status: { ...gateway, accepted, ...money, ...counts, ledgerSum: '0', ...changes },
    channels: [{ ...present(channel, 'channel'), unitsPaid: 120n }],
    agents: new Map([['ev', { units: 1_127n, unitsPaid: 1_120n }]]),
  }
}

const setting = {
  forSeconds: undefined,
  title: 'demo',
  place: 'ptys',
  note: '',
  asset: { code: 'EUR', scale: 6 },
  nameOf: ({ device }: { readonly device: string }) => ({ device, meter: 'sdm630' }),
  devicesMax: 10,
  startedMs: 0,
  nowSeconds: 1_004,
}

test('what is unpaid comes from the agent, what is paid from the gateway', () => {
  const view = viewOf([sight(10_000, 7)], setting)
  expect(view).toMatchObject({
    elapsedSeconds: 10,
    settlements: 2,
    sinceSettlementSeconds: 4,
    accepted: 5_000n,
    settled: 4_000n,
  })
  expect(view?.devices).toMatchObject([{ meter: 'sdm630', units: 127n, unitsUnpaid: 7n }])
})

test('ticks a second are counted over the last five seconds', () => {
  let sights: readonly Sight[] = []
  for (let second = 0; second <= 20; second++) {
    const accepted = second <= 10 ? 0 : (second - 10) * 8
    sights = remember(sights, sight(second * 1_000, accepted))
  }
  expect(sights).toHaveLength(6)
  expect(viewOf(sights, setting)?.ticksPerSecond).toBe(8)
  expect(viewOf([], setting)).toBeUndefined()
})

test('before the first settlement there is no age of the last one', () => {
  const view = viewOf([sight(0, 0, { lastSettlementAtSeconds: null })], setting)
  expect(view?.sinceSettlementSeconds).toBeUndefined()
})

test('durations', () => {
  expect(['30s', '30', '5m', '2h'].map(readDuration)).toEqual([30, 30, 300, 7_200])
  for (const typed of ['', '0', '0s', '-5s', '1.5m', '5d', 's']) {
    expect(readDuration(typed), typed).toBeUndefined()
  }
})

test('the files of the demo are sound, whatever its folder is called', () => {
  const folder = '/tmp/a "strange": folder'
  const source = (text: string) => ({ text, origin: 'x', environment: {}, prefix: 'X' })
  const gateway = parseConfig(source(gatewayYaml(folder, 'statements')), gatewayConfigSchema)
  expect(gateway.data).toBe(`${folder}/data`)
  const key = formatPublicKey(publicKeyOf(gatewayKey))
  const ledger = { chainId: '0', contract: `0x${'07'.repeat(20)}` }
  const answer = { device: 'ev', gateway: { id: 'gate', key }, ledger, channels: [] }
  for (const plan of demoDevices) {
    const places = { answer, url: 'mqtt://127.0.0.1:1883', source: 'tcp://127.0.0.1:4001' }
    const agent = parseConfig(source(agentYaml(folder, plan, places)), agentSchema)
    expect(agent.meters).toMatchObject([{ driver: plan.kind, unit: plan.unit }])
  }
})
