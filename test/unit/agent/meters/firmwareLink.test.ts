import { expect, test } from 'vitest'
import { firmwareLinkMeter } from '../../../../agent/meters/firmwareLink.ts'
import { meterSetup, parseMeterSimConfig } from '../../../../firmware-sim/config.ts'
import { answerHost } from '../../../../firmware-sim/firmwareLink.ts'
import { newMeter, showRegister } from '../../../../firmware-sim/meter.ts'
import { frameDecoder } from '../../../../protocol/frame.ts'
import { virtualPorts } from '../../../support/meterBench.ts'
import { virtualCable } from '../../../support/virtualSerial.ts'
import { virtualTime } from '../../../support/virtualTime.ts'

const options = { timeoutMs: 500, unitId: 1, relayUnitId: undefined }
const config = parseMeterSimConfig({ line: 'serial:///dev/x', profile: 'household' })

/** A device that answers each frame `delaysMs` later, the n-th time with register n. */
function slowDevice(delaysMs: readonly number[]) {
  const time = virtualTime(0)
  const { left, right, cut } = virtualCable(time.timers)
  const decoder = frameDecoder()
  let asked = 0
  right.onData((chunk) => {
    for (const body of decoder.push(chunk)) {
      const delayMs = delaysMs[asked++] ?? 0
      const state = showRegister(newMeter(meterSetup(config, 1)), BigInt(asked))
      const { reply = new Uint8Array() } = answerHost(state, body)
      time.timers.after(delayMs, () => void right.write(reply))
    }
  })
  const meter = firmwareLinkMeter(left, virtualPorts(time), options)
  return { meter, time, cut, right }
}

test('an answer that comes too late is not taken for the next one', async () => {
  const { meter, time } = slowDevice([700, 400])
  const first = meter.poll({ kind: 'query' })
  await time.advance(500)
  expect(await first).toEqual({ ok: false, reason: 'no_answer' })
  const second = meter.poll({ kind: 'query' })
  await time.advance(450)
  expect(await second).toMatchObject({ ok: true, reading: { register: 2n, unit: 'Wh' } })
})

test('noise instead of an answer is told apart from silence', async () => {
  const { meter, time, right } = slowDevice([10_000])
  const outcome = meter.poll({ kind: 'query' })
  await time.advance(10)
  await right.write(Uint8Array.of(0x55, 0x66, 0))
  await time.advance(500)
  expect(await outcome).toEqual({ ok: false, reason: 'bad_answer' })
})

test('a line that closes ends the poll at once, and every later one', async () => {
  const { meter, time, cut } = slowDevice([10_000])
  const outcome = meter.poll({ kind: 'off' })
  cut('unplugged')
  await time.settle()
  expect(await outcome).toEqual({ ok: false, reason: 'line_closed' })
  expect(await meter.poll({ kind: 'off' })).toEqual({ ok: false, reason: 'line_closed' })
})
