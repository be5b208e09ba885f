/** One message a turn, the newest of each slot, within the limits on messages. */
import { describe, expect, test } from 'vitest'
import { createTickSender } from '../../../agent/tickSender.ts'
import { countTicks, tickAt } from '../../../protocol/tick.ts'
import { virtualTime } from '../../support/virtualTime.ts'

const tick = (slot: number, index: number, epoch = 1) => ({
  slot,
  epoch,
  index,
  word: new Uint8Array(32).fill(index),
})

function bench() {
  const time = virtualTime(0)
  const sent: string[][] = []
  const answers: { resolve: () => void; reject: (error: Error) => void }[] = []
  const sender = createTickSender(time, (message) => {
    const count = countTicks(message) ?? 0
    const ticks = Array.from({ length: count }, (_, place) => tickAt(message, place))
    sent.push(ticks.map((one) => `${one.slot}:${one.epoch}/${one.index}`))
    return new Promise((resolve, reject) => answers.push({ resolve, reject }))
  })
  return { time, sent, answers, sender }
}

describe('a tick sender', () => {
  test('sends all slots of a turn in one message, the newest of each', async () => {
    const { time, sent, sender } = bench()
    sender.show(0, [tick(0, 1)])
    sender.show(1, [tick(1, 5)])
    sender.show(0, [tick(0, 2)])
    await time.advance(0)
    expect(sent).toEqual([['0:1/2', '1:1/5']])
  })

  test('waits a moment for the other meters, which are read at the same time', async () => {
    const { time, sent, sender } = bench()
    sender.show(0, [tick(0, 1)])
    sender.show(1, [tick(1, 1)])
    await time.advance(250)
    sender.show(0, [tick(0, 2)])
    await time.advance(10)
    sender.show(1, [tick(1, 2)])
    await time.advance(20)
    expect(sent).toEqual([
      ['0:1/1', '1:1/1'],
      ['0:1/2', '1:1/2'],
    ])
  })

  test('keeps the two words of a slot together and in order', async () => {
    const { time, sent, sender } = bench()
    for (let slot = 0; slot < 40; slot++) {
      sender.show(slot, [tick(slot, 100), tick(slot, 3, 2)])
    }
    await time.advance(1_000)
    expect(sent.map(({ length }) => length)).toEqual([64, 16])
    expect(sent[0]?.slice(0, 2)).toEqual(['0:1/100', '0:2/3'])
    expect(sent[0]?.at(-1)?.split(':')[0]).toBe(sent[0]?.at(-2)?.split(':')[0])
  })

  test('sends at most 40 messages a second, never an old tick', async () => {
    const { time, sent, answers, sender } = bench()
    for (let ms = 1; ms <= 1_000; ms++) {
      sender.show(0, [tick(0, ms)])
      await time.advance(1)
      for (const { resolve } of answers.splice(0)) resolve()
    }
    expect(sent.length).toBeLessThanOrEqual(41)
    expect(sent.length).toBeGreaterThan(35)
    await time.advance(100)
    expect(sent.at(-1)).toEqual(['0:1/1000'])
  })

  test('waits while too many messages are in flight, then sends the newest', async () => {
    const { time, sent, answers, sender } = bench()
    for (let index = 1; index <= 30; index++) {
      sender.show(0, [tick(0, index)])
      await time.advance(50)
    }
    expect(sent).toHaveLength(12)
    answers[0]?.resolve()
    await time.advance(50)
    expect(sent).toHaveLength(13)
    expect(sent.at(-1)).toEqual(['0:1/30'])
    answers[1]?.reject(new Error('the connection ended'))
    sender.show(0, [tick(0, 31)])
    await time.advance(50)
    expect(sent.at(-1)).toEqual(['0:1/31'])
  })

  test('forgets what must not follow, and everything with the connection', async () => {
    const { time, sent, answers, sender } = bench()
    sender.show(0, [tick(0, 1)])
    sender.show(1, [tick(1, 1)])
    sender.forget(0)
    await time.advance(30)
    expect(sent).toEqual([['1:1/1']])
    for (let index = 2; index <= 20; index++) {
      sender.show(1, [tick(1, index)])
      await time.advance(30)
    }
    sender.reset()
    for (const { reject } of answers.splice(0)) reject(new Error('the connection ended'))
    await time.advance(1_000)
    expect(sent).toHaveLength(12)
    sender.show(1, [tick(1, 40)])
    await time.advance(30)
    expect(sent.at(-1)).toEqual(['1:1/40'])
  })
})
