import { describe, expect, test } from 'vitest'
import type { Verdict } from '../../gateway/broker/io/gate.ts'
import { Gate } from '../../gateway/broker/io/gate.ts'
import { createTurnEnd } from '../../gateway/broker/io/lineWriter.ts'
import { packet, publishPacket, subscribePacket } from './rawClient.ts'
import { TestLine } from './testLine.ts'

function gateOn(admit: (type: number, bytes: Buffer) => Verdict) {
  const line = new TestLine()
  const told: string[] = []
  const gate = new Gate(line, {
    packetBytesMax: 4_096,
    turnEnd: createTurnEnd(),
    onArrival: () => {},
    admit: ({ type, bytes, start, end }) => admit(type, Buffer.from(bytes.subarray(start, end))),
    onViolation: (why) => told.push(why),
    onBlocked: () => told.push('blocked'),
    onDrain: () => told.push('drain'),
  })
  const passed: Buffer[] = []
  gate.on('data', (chunk: Buffer) => passed.push(chunk))
  return { line, gate, told, passed }
}

const turn = () => new Promise((resolve) => setImmediate(resolve))

describe('packets that arrive in pieces', () => {
  const packets = [
    publishPacket('a/b', 'one', { id: 1 }),
    subscribePacket(2, ['a/#']),
    publishPacket('a/b', 'x'.repeat(200), { id: 3 }),
    packet(0xc0),
  ]
  const stream = Buffer.concat(packets)

  test('are whole wherever the bytes are cut', async () => {
    for (let cut = 1; cut < stream.length; cut++) {
      const taken: Buffer[] = []
      const { line, passed } = gateOn((type, bytes) => {
        if (type !== 3) return 'pass'
        taken.push(bytes)
        return 'taken'
      })
      await turn()
      line.push(stream.subarray(0, cut))
      await turn()
      line.push(stream.subarray(cut))
      await turn()
      expect(taken).toEqual([packets[0], packets[2]])
      expect(Buffer.concat(passed)).toEqual(Buffer.concat(packets.filter((_, at) => at % 2 === 1)))
    }
  })

  test('a tail waits for its rest, and does not keep the bytes it came in', async () => {
    const taken: Buffer[] = []
    const { line } = gateOn((_type, bytes) => {
      taken.push(bytes)
      return 'taken'
    })
    await turn()
    const chunk = Buffer.concat([stream, stream.subarray(0, 5)])
    line.push(chunk)
    await turn()
    expect(taken).toEqual(packets)
    chunk.fill(0)
    line.push(stream.subarray(5))
    await turn()
    expect(taken).toEqual([...packets, ...packets])
  })

  test('that are held come when they may, in order', async () => {
    const taken: number[] = []
    let room = 1
    const { line, gate } = gateOn((type) => {
      if (room === 0) return 'hold'
      room -= 1
      taken.push(type)
      return 'taken'
    })
    await turn()
    line.push(stream)
    await turn()
    expect(taken).toEqual([3])
    expect(line.isPaused()).toBe(true)
    room = 2
    gate.admitHeld()
    expect(taken).toEqual([3, 8, 3])
    room = 9
    gate.admitHeld()
    await turn()
    expect(taken).toEqual([3, 8, 3, 12])
    expect(line.isPaused()).toBe(false)
  })

  test('are not looked at behind a violation', async () => {
    let shown = 0
    const { line, told, gate } = gateOn(() => (++shown === 2 ? 'malformed_packet' : 'taken'))
    await turn()
    line.push(stream)
    await turn()
    expect([shown, told, gate.destroyed]).toEqual([2, ['malformed_packet'], true])
  })
})

describe('what is sent', () => {
  const topic = Buffer.from('a/b')
  const head = { qos: 1 as const, retain: false, topic, packetId: 7 }

  test('in one turn leaves in one write, in the order of the calls', async () => {
    const { line, gate } = gateOn(() => 'taken')
    gate.writer.puback(1)
    gate.cork()
    gate.write(Buffer.from('library'))
    gate.uncork()
    gate.writer.publish(head, Buffer.from('payload'))
    expect(line.written).toEqual([])
    await turn()
    expect(line.written).toEqual([
      Buffer.concat([
        packet(0x40, Buffer.from([0, 1])),
        Buffer.from('library'),
        publishPacket('a/b', 'payload', { id: 7 }),
      ]),
    ])
  })

  test('in turns that follow does not change what was written before', async () => {
    for (const stuck of [undefined, []]) {
      const { line, gate } = gateOn(() => 'taken')
      line.stuck = stuck
      const chunks: Buffer[] = []
      for (let id = 1; id <= 50; id++) {
        gate.writer.publish({ ...head, packetId: id }, Buffer.alloc(100, id))
        chunks.push(publishPacket('a/b', Buffer.alloc(100, id), { id }))
        await turn()
      }
      while (stuck && stuck.length > 0) (stuck as (() => void)[]).shift()?.()
      await turn()
      expect(Buffer.concat(line.written)).toEqual(Buffer.concat(chunks))
    }
  })

  test('leaves before the end of the turn when it is much', async () => {
    const { line, gate } = gateOn(() => 'taken')
    for (let id = 1; id <= 10; id++) gate.writer.publish(head, Buffer.alloc(4_000))
    expect(line.written.length).toBeGreaterThan(1)
    await turn()
    expect(Buffer.concat(line.written).length).toBe(
      10 * publishPacket('a/b', 'x'.repeat(4_000)).length,
    )
  })

  test('tells when the line takes no more, and when it does again', async () => {
    const { line, gate, told } = gateOn(() => 'taken')
    line.stuck = []
    gate.writer.append(Buffer.alloc(20_000))
    await turn()
    expect([told, gate.writer.blocked]).toEqual([['blocked'], true])
    line.stuck.shift()?.()
    await turn()
    expect([told, gate.writer.blocked]).toEqual([['blocked', 'drain'], false])
  })

  test('leaves before the line is ended or destroyed', async () => {
    for (const end of [(gate: Gate) => gate.end(), (gate: Gate) => gate.destroy()]) {
      const { line, gate } = gateOn(() => 'taken')
      gate.writer.puback(1)
      end(gate)
      await turn()
      expect(line.written).toEqual([packet(0x40, Buffer.from([0, 1]))])
    }
  })
})
