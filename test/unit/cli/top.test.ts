/**
 * `tickpay top` on answers of a gateway: what is asked, what is shown, and how the screen is left.
 */
import { expect, test } from 'vitest'
import { UnreachableError } from '../../../cli/exitCodes.ts'
import type { Calls } from '../../../cli/io/controlClient.ts'
import { lastingCalls } from '../../../cli/io/lastingCalls.ts'
import { CHANNELS_LOOKED_AT_MAX, everyPart, look } from '../../../cli/live/look.ts'
import { fullCanvas, inlineCanvas } from '../../../cli/live/screen.ts'
import { runTop, topView, watch } from '../../../cli/live/top.ts'
import { present } from '../../../protocol/assert.ts'
import { fakeChannel, reportOf } from '../../support/fleetGateway.ts'
import { testTerminal } from '../../support/testTerminal.ts'

type Asked = readonly [string, unknown]

/** A gateway that reports `devices`, and says that it has `count` channels. */
function gatewayOf(devices: readonly string[], count = devices.length) {
  const asked: Asked[] = []
  const channels = devices.flatMap((device) => {
    return JSON.parse(new TextDecoder().decode(reportOf(fakeChannel(device)))).channels
  })
  const money = { acceptedAmount: '5000', settled: '4000', unsettled: '1000', ledgerSum: '0' }
  const status = {
    ...{ gateway: 'depot', sessions: 2, channels: count, accepted: 7, refused: { closed: 2 } },
    ...{ ...money, settlements: 2, lastSettlementAtSeconds: 1_000, signatures: {} },
  }
  const answers: Readonly<Record<string, unknown>> = { status, channels, list: { channels } }
  const calls: Calls = {
    call: async (verb, args) => {
      asked.push([verb, args])
      return answers[verb]
    },
    close: async () => {},
  }
  return { calls, asked }
}

test('--once --json is one line with the figures and the devices', async () => {
  const terminal = testTerminal()
  const { calls } = gatewayOf(['ev', 'pump'])
  await runTop(calls, { part: everyPart, looks: 1, output: 'json' }, terminal)
  expect(terminal.outLines).toHaveLength(1)
  expect(JSON.parse(terminal.outLines[0] ?? '')).toMatchObject({
    ...{ gateway: 'depot', sessions: 2, channels: 2, ticks: 7, ticksPerSecond: 0 },
    ...{ accepted: '5000', settled: '4000', unsettled: '1000', refused: { closed: 2 } },
    devices: [
      { device: expect.stringMatching(/\/ev$/) },
      { device: expect.stringMatching(/\/pump$/) },
    ],
  })
})

test('a large gateway is asked for one page of one fleet, or for no channel at all', async () => {
  const large = gatewayOf(['ev'], CHANNELS_LOOKED_AT_MAX + 1)
  const whole = await look(large.calls, new Map(), 0)
  expect(large.asked.map(([verb]) => verb)).toEqual(['status'])
  expect(topView([whole], everyPart, 5, 0)?.note).toContain('--fleet')
  const part = { fleet: 'acme', device: undefined }
  const some = await look(large.calls, new Map(), 0, part)
  expect(large.asked.at(-1)).toEqual(['list', { fleet: 'acme', device: undefined, from: 0 }])
  expect(topView([some], part, 5, 0)).toMatchObject({ note: '', devices: [{ unit: 'Wh' }] })
})

test('where there is no room for all, the busiest stay, in their order', async () => {
  const before = await look(gatewayOf(['a', 'b', 'c', 'd']).calls, new Map(), 0)
  const after = { ...before, atMs: 1_000 }
  const spent = [0n, 9n, 1n, 5n]
  const channels = before.channels.map((one, place) => {
    const channelId = `${place}`.repeat(64)
    return { ...one, channelId, paid: one.paid + present(spent[place], 'spent') }
  })
  const older = before.channels.map((one, place) => ({ ...one, channelId: `${place}`.repeat(64) }))
  const sights = [
    { ...before, channels: older },
    { ...after, channels },
  ]
  const view = present(topView(sights, everyPart, 2, 0), 'view')
  expect(view.devices.map(({ device }) => device.split('/')[1])).toEqual(['b', 'd'])
  expect(view.unseen).toBe(2)
})

test('a gateway that goes away is told of and waited for, on a screen alone', async () => {
  const { calls } = gatewayOf(['ev'])
  let looks = 0
  const opened: string[] = []
  const first: Calls = {
    ...calls,
    call: (verb, args) => {
      looks += verb === 'status' ? 1 : 0
      return looks < 2 ? calls.call(verb, args) : Promise.reject(new UnreachableError('gone'))
    },
  }
  const open = async () => {
    opened.push('again')
    if (opened.length < 2) throw new UnreachableError('not yet')
    return calls
  }
  const told: string[] = []
  let stop = () => {}
  const stopAsked = new Promise<void>((resolve) => {
    stop = resolve
  })
  const seen = (sights: readonly unknown[]) => {
    told.push(`seen ${sights.length}`)
    if (told.length > 3) stop()
  }
  const lasting = lastingCalls(first, open)
  await watch(lasting, everyPart, stopAsked, seen, (sights) => told.push(`away ${sights.length}`))
  expect(told).toEqual(['seen 1', 'away 1', 'away 1', 'seen 1'])
  expect(opened).toHaveLength(2)
  const gone = lastingCalls({ ...calls, call: first.call }, open)
  await expect(watch(gone, everyPart, stopAsked, seen)).rejects.toThrow('gone')
})

test('a device that is not here is said to be unknown', async () => {
  const part = { fleet: undefined, device: 'nobody' }
  const seen = await look(gatewayOf([]).calls, new Map(), 0, part)
  expect(topView([seen], part, 5, 0)?.note).toContain('nobody')
})

test('the whole screen is given back as it was, once', () => {
  const terminal = testTerminal()
  const canvas = fullCanvas(terminal)
  canvas.paint(Array.from({ length: 60 }, (_, place) => `line ${place}`))
  expect(terminal.drawn.at(-1)).toContain('line 39')
  expect(terminal.drawn.at(-1)).not.toContain('line 40')
  canvas.close()
  canvas.close()
  canvas.paint(['too late'])
  expect(terminal.drawn).toHaveLength(3)
  expect(terminal.drawn[0]).toContain('\u001b[?1049h')
  expect(terminal.drawn[2]).toBe('\u001b[?7h\u001b[?25h\u001b[?1049l')
})

test('a terminal of another width is cleared, and what was printed comes back', () => {
  let columns = 100
  const terminal = { ...testTerminal(), columns: () => columns }
  const canvas = inlineCanvas(terminal, ['where the dashboard is'])
  canvas.paint(['a', 'b'])
  canvas.paint(['c', 'd'])
  columns = 60
  canvas.paint(['e', 'f'])
  expect(terminal.drawn[1]?.startsWith('\u001b[2A')).toBe(true)
  expect(terminal.drawn.slice(2)).toEqual([
    '\u001b[2J\u001b[Hwhere the dashboard is\n',
    '\r\u001b[2Ke\n\r\u001b[2Kf\n',
  ])
})
