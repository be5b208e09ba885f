import { expect, test } from 'vitest'
import {
  type DeviceFigures,
  differences,
  type Figures,
  figuresJson,
  figuresLines,
} from '../../../cli/demo/reconcile.ts'

const ev: DeviceFigures = {
  device: 'ev',
  kind: 'sdm630',
  link: 'pty',
  unit: 'Wh',
  units: 1_234n,
  unitsPaid: 1_200n,
  unitsUnpaid: 30n,
  creditUnits: 160n,
  unitsPerTick: 10n,
}

const figures: Figures = {
  asset: { code: 'EUR', scale: 6 },
  devices: [ev],
  ticks: 120,
  accepted: 36_000n,
  refused: { stale: 1 },
  settled: 30_000n,
  unsettled: 6_000n,
  settlements: 4,
  ledgerSum: 0n,
  signatures: { connects: 3 },
}

function changed(changes: Partial<DeviceFigures>): Figures {
  return { ...figures, devices: [{ ...ev, ...changes }] }
}

test('books that agree show no difference', () => {
  expect(differences(figures)).toEqual([])
  expect(differences(changed({ units: 1_230n }))).toEqual([])
  expect(differences(changed({ units: 1_239n }))).toEqual([])
})

test.each([
  ['one unit missing in the meter', changed({ units: 1_229n }), /^ev: 1229 Wh \(meter\).*-1 Wh/],
  ['a whole tick more in the meter', changed({ units: 1_240n }), /^ev: 1240 Wh \(meter\).*10 Wh/],
  ['a tick more in the store', changed({ unitsPaid: 1_210n }), /^ev: .*1210 paid \(gateway\)/],
  ['a tick less in the agent', changed({ unitsUnpaid: 20n }), /^ev: .*20 unpaid \(agent\)/],
  [
    'more unpaid than the credit',
    changed({ units: 1_370n, unitsUnpaid: 170n }),
    /^ev: 170 Wh unpaid exceed the credit of 160$/,
  ],
  ['one minor unit more settled', { ...figures, settled: 30_001n }, /^money: 30001 settled/],
  ['one minor unit less accepted', { ...figures, accepted: 35_999n }, /^money: .*35999 accepted/],
  ['only one settlement', { ...figures, settlements: 1 }, /^settlements: 1 \(ledger\)/],
  ['a ledger out of balance', { ...figures, ledgerSum: 1n }, /^ledger: .*1, not to 0$/],
])('%s is told in one line', (_what, altered, line) => {
  expect(differences(altered)).toEqual([expect.stringMatching(line)])
})

test('for programs the figures are decimal strings, counts are numbers', () => {
  expect(JSON.parse(JSON.stringify(figuresJson(figures)))).toEqual({
    devices: [
      {
        device: 'ev',
        kind: 'sdm630',
        link: 'pty',
        units: '1234',
        unitsPaid: '1200',
        unitsUnpaid: '30',
        remainder: '4',
        creditUnits: '160',
      },
    ],
    ticks: 120,
    accepted: '36000',
    refused: { stale: 1 },
    settled: '30000',
    unsettled: '6000',
    settlements: 4,
    ledgerSum: '0',
    signatures: { connects: 3 },
  })
})

test('for people every figure names its source', () => {
  expect(figuresLines(figures)).toEqual([
    'device  meter        units (meter)  = paid (gateway)  + unpaid (agent)  + remainder  credit',
    'ev      sdm630, pty       1 234 Wh             1 200                30            4     160',
    '',
    'accepted 0.036000 EUR (gateway) in 120 ticks, 1 messages refused',
    '  = settled 0.030000 EUR (ledger, 4 settlements) + unsettled 0.006000 EUR (gateway)',
    'ledger: all accounts together 0',
  ])
})
