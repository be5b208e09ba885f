/**
 * Driver of the project's own microcontroller link (docs/firmware-link.md): one host frame, one
 * status back, told apart from late answers by its sequence.
 * @module
 */
import type { Ports, Serial } from '../../ports/index.ts'
import { frameDecoder } from '../../protocol/frame.ts'
import {
  decodeStatus,
  encodeHostMessage,
  type HostMessage,
  type Status,
} from '../../protocol/frameMessages.ts'
import type {
  DriverOptions,
  Meter,
  MeterFault,
  PollOutcome,
  RawReading,
  SupplyOrder,
} from './types.ts'

/** Takes over an open line. */
export function firmwareLinkMeter(serial: Serial, ports: Ports, options: DriverOptions): Meter {
  const decoder = frameDecoder()
  let sequence = 0
  let waiting: ((outcome: PollOutcome) => void) | undefined
  let closed = false

  const settle = (outcome: PollOutcome) => {
    waiting?.(outcome)
    waiting = undefined
  }
  serial.onData((chunk) => {
    for (const body of decoder.push(chunk)) {
      const status = decodeStatus(body)
      if (status?.sequence === sequence) settle({ ok: true, reading: readingOf(status) })
    }
  })
  serial.onClose(() => {
    closed = true
    settle({ ok: false, reason: 'line_closed' })
  })

  const poll = (order: SupplyOrder) =>
    new Promise<PollOutcome>((done) => {
      if (closed) return done({ ok: false, reason: 'line_closed' })
      sequence = (sequence + 1) & 0xffff
      const badBefore = decoder.badFrames()
      const cancel = ports.timers.after(options.timeoutMs, () => {
        const heardNoise = decoder.badFrames() > badBefore
        settle({ ok: false, reason: heardNoise ? 'bad_answer' : 'no_answer' })
      })
      waiting = (outcome) => {
        cancel()
        done(outcome)
      }
      serial.write(encodeHostMessage(hostMessage(order, sequence))).catch(() => undefined)
    })
  return { poll, close: () => serial.close() }
}

function hostMessage(order: SupplyOrder, sequence: number): HostMessage {
  if (order.kind === 'query') return { kind: 'query', sequence }
  if (order.kind === 'off') return { kind: 'supply_off', sequence }
  return { kind: 'supply_on', sequence, untilRegister: order.register }
}

function readingOf(status: Status): RawReading {
  const faults: MeterFault[] = []
  if (status.counterLost) faults.push('counter_lost')
  if (status.pulsesStuck) faults.push('stuck')
  if (status.relayFailed) faults.push('relay_failed')
  return {
    register: status.counter,
    modulus: 1n << BigInt(status.counterBits),
    bootId: status.bootId,
    uptimeMs: Number(status.uptimeMs),
    meterNumber: status.deviceId.toString(16).padStart(16, '0'),
    unit: status.unit,
    relayClosed: status.relayClosed,
    flowing: status.flowing,
    faults,
  }
}
