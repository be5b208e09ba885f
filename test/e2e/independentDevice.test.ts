import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { DeviceProcess } from '../independent/deviceProcess.ts'
import { startDevice } from '../independent/deviceProcess.ts'
import type { Payee } from '../independent/payee.ts'
import { feeBasisPoints, funded, openPayee, pricePerTick } from '../independent/payee.ts'
import { missingPython } from '../independent/python.ts'

let payee: Payee
let device: DeviceProcess

beforeEach(async () => {
  const missing = missingPython()
  if (missing !== undefined) throw new Error(missing)
  payee = await openPayee()
})

afterEach(async () => {
  await device?.kill()
  await payee.close()
})

/** What `ticks` come to, as the gateway and the ledger write it. */
function amount(ticks: bigint): string {
  return `${ticks * pricePerTick}`
}

async function expectChannel(fields: Readonly<Record<string, unknown>>): Promise<void> {
  expect(await payee.call('channels', {})).toMatchObject([fields])
}

/** A device with a mandate, whose reading went from 500 to 520. */
async function payTwoTicks(beforeStart: () => Promise<unknown> = async () => {}) {
  const { channelId, configFile } = await payee.enrol('charger-1', 'p256')
  await payee.mandate(channelId, 1, 100n)
  await beforeStart()
  device = startDevice(await configFile())
  await device.see('slot', { channelId })
  device.command({ reading: '500' })
  await device.see('accepted', { epoch: '1' })
  device.command({ reading: '520' })
  await device.see('ack', { epoch: 1, index: 2 })
  return { configFile }
}

it('opens, ticks, renews, resumes after a kill, closes a gap and is settled', async () => {
  const { channelId, configFile } = await payee.enrol('charger-1', 'p256')
  await payee.mandate(channelId, 1, 40n)
  const config = await configFile()
  device = startDevice(config)
  await device.see('welcome', { slots: 1, tariffs: 1 })
  await device.see('slot', { channelId, heldEpoch: null })

  device.command({ reading: '1000' })
  await device.see('accepted', { kind: '2', epoch: '1', base: '0', length: '40' })
  await device.see('relay', { until: '1160' })
  device.command({ reading: '1109' })
  await device.see('ack', { epoch: 1, index: 10 })
  await device.see('relay', { until: '1260' })
  await expectChannel({ epoch: 1, index: 10, unitsPaid: '100', paid: amount(10n) })

  // A new mandate in the running session leaves room for an epoch after this one.
  await payee.mandate(channelId, 2, 100n)
  await device.see('slot', { heldEpoch: 1, heldIndex: 10, heldReading: '1100' })
  device.command({ reading: '1325' })
  const renewal = { kind: '1', epoch: '2', base: amount(40n), startReading: '1400', length: '60' }
  await device.see('accepted', renewal)
  await expectChannel({ epoch: 1, index: 32, paid: amount(32n), reserved: amount(100n) })
  device.command({ reading: '1455' })
  await device.see('ack', { epoch: 2, index: 5 })
  await expectChannel({ epoch: 2, index: 5, unitsPaid: '450', paid: amount(45n) })

  await device.kill()
  device = startDevice(config)
  await device.see('slot', { heldEpoch: 2, heldIndex: 5, heldReading: '1450' })
  device.command({ reading: '1461' })
  await device.see('ack', { epoch: 2, index: 6 })
  await expectChannel({ epoch: 2, index: 6, unitsPaid: '460', paid: amount(46n) })

  // 2,000 ticks at once are more than a jump: a checkpoint pays them.
  await payee.mandate(channelId, 3, 5_000n)
  await device.see('slot', { heldEpoch: 2, heldIndex: 6 })
  device.command({ reading: '21465' })
  const gap = { kind: '2', epoch: '3', base: amount(2_046n), startReading: '21460' }
  await device.see('accepted', gap)
  device.command({ reading: '21500' })
  await device.see('ack', { epoch: 3, index: 4 })
  expect(device.events.filter(({ event }) => event === 'reject')).toEqual([])
  await expectSettled(2_050n)
  expect(device.errors()).toBe('')
})

/** The ledger pays once, keeps the fee of one per cent, and its books add up to nothing. */
async function expectSettled(ticks: bigint): Promise<void> {
  const paid = amount(ticks)
  expect(await payee.call('settle', {})).toEqual({ channels: 1, paid, refused: 0 })
  expect(await payee.call('settle', {})).toMatchObject({ paid: '0', refused: 0 })
  await expectChannel({ unitsPaid: `${ticks * 10n}`, paid, settled: paid, exposure: '0' })
  const fee = (ticks * pricePerTick * BigInt(feeBasisPoints)) / 10_000n
  expect(await payee.call('ledger_balance', {})).toMatchObject({
    balances: [
      { account: expect.stringMatching(/^allocation:/), amount: `${funded - BigInt(paid)}` },
      { account: 'external', amount: `-${funded}` },
      { account: 'fee:gw-1', amount: `${fee}` },
      { account: 'fleet:acme', amount: '0' },
      { account: expect.stringMatching(/^payee:/), amount: `${BigInt(paid) - fee}` },
    ],
    sum: '0',
  })
}

describe('a device with a key of another kind', () => {
  it.each(['ed25519', 'secp256k1'] as const)('%s: pays and resumes', async (algorithm) => {
    const { channelId, configFile } = await payee.enrol('pump-1', algorithm)
    await payee.mandate(channelId, 1, 100n)
    const config = await configFile()
    device = startDevice(config)
    await device.see('slot', { channelId })
    device.command({ reading: '0' })
    await device.see('accepted', { epoch: '1' })
    device.command({ reading: '30' })
    await device.see('ack', { epoch: 1, index: 3 })
    await device.kill()
    device = startDevice(config)
    await device.see('slot', { heldEpoch: 1, heldIndex: 3, heldReading: '30' })
    device.command({ reading: '40' })
    await device.see('ack', { epoch: 1, index: 4 })
    await expectChannel({ paid: amount(4n) })
  })
})

it('logs in with a clock at zero, once the gateway has told it the time', async () => {
  const { channelId, configFile } = await payee.enrol('pi-1', 'p256')
  device = startDevice(await configFile({ clockOffsetSeconds: -4_000_000_000 }))
  await device.see('time')
  await device.see('welcome', { slots: 1 })
  await device.see('slot', { channelId })
})

it('logs in with a clock that is an hour fast', async () => {
  const { channelId, configFile } = await payee.enrol('pi-2', 'p256')
  device = startDevice(await configFile({ clockOffsetSeconds: 3_600 }))
  await device.see('time')
  await device.see('welcome', { slots: 1 })
  await device.see('slot', { channelId })
})

it('goes on where it was when the gateway comes back', async () => {
  await payTwoTicks()
  await payee.restart()
  await device.see('offline')
  device.command({ reading: '570' })
  await device.see('slot', { heldEpoch: 1, heldIndex: 2 })
  await device.see('ack', { epoch: 1, index: 7, supply: { level: 'on', reason: 'ok' } })
  await expectChannel({ paid: amount(7n) })
})

it('trusts nothing that it cannot compute itself', async () => {
  const { configFile } = await payTwoTicks()
  await device.kill()

  device = startDevice(await configFile({ rootSecret: '00'.repeat(32) }))
  await device.see('distrust', { about: 'slot', reason: 'the root is not of our chain' })
  await device.kill()
  const otherKey = `02${'c9'.repeat(32)}`
  device = startDevice(await configFile({ gatewayKey: otherKey }))
  const unsigned = 'a tariff that the gateway did not sign'
  await device.see('distrust', { about: 'welcome', reason: unsigned })
  await device.kill()
  device = startDevice(await configFile({ meters: [{ meter: 'other', unit: 'Wh' }] }))
  await device.see('distrust', { reason: 'the channel is for a meter we do not have' })
  await expectChannel({ paid: amount(2n) })
})

it('ends its channel when told to, and pays nothing more', async () => {
  await payTwoTicks()
  device.command({ do: 'close' })
  await device.see('relay', { until: null })
  await device.see('stopped', { reason: 'closed' })
  await expectChannel({ state: 'closed', paid: amount(2n) })
})

it('shows a word again later when it caused too many hashes at once', async () => {
  const { channelId, configFile } = await payee.enrol('charger-1', 'p256')
  await payee.mandate(channelId, 1, 5_000n)
  device = startDevice(await configFile())
  await device.see('slot', { channelId })
  device.command({ reading: '0' })
  await device.see('accepted', { epoch: '1' })
  device.command({ reading: '10000' })
  await device.see('ack', { index: 1_000 })
  device.command({ reading: '12000' })
  await device.see('reject', { refused: 'tick', reason: 'slow_down' })
  await device.see('ack', { index: 1_200 })
  await expectChannel({ paid: amount(1_200n) })
})

it('pays up to its mandate, and what was used beyond with the next one', async () => {
  const { channelId, configFile } = await payee.enrol('charger-1', 'p256')
  await payee.mandate(channelId, 1, 10n)
  device = startDevice(await configFile())
  await device.see('slot', { channelId })
  device.command({ reading: '0' })
  await device.see('accepted', { epoch: '1', length: '10' })
  device.command({ reading: '155' })
  await device.see('ack', { index: 10, supply: { level: 'off', reason: 'over_limit' } })
  await expectChannel({ paid: amount(10n) })
  await payee.mandate(channelId, 2, 100n)
  await device.see('accepted', { kind: '2', base: amount(15n), startReading: '150' })
  await expectChannel({ paid: amount(15n) })
})

it('pays again with a checkpoint what a gateway has forgotten', async () => {
  await payTwoTicks()
  await payee.backUp()
  device.command({ reading: '550' })
  await device.see('ack', { epoch: 1, index: 5 })
  await payee.restore()
  const fenced = { level: 'off', reason: 'fenced' }
  await device.see('slot', { heldEpoch: 1, heldIndex: 2, supply: fenced })
  await device.see('accepted', { kind: '2', epoch: '2', base: amount(5n), startReading: '550' })
  await expectChannel({ paid: amount(5n), supply: 'on' })
})

it('opens anew where it has paid to when the gateway has forgotten everything', async () => {
  await payTwoTicks(payee.backUp)
  await payee.restore()
  device.command({ reading: '550' })
  await device.see('accepted', { kind: '2', base: '0', startReading: '520' })
  await device.see('ack', { index: 3 })
  await expectChannel({ paid: amount(3n) })
})
