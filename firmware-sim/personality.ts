/**
 * The protocols that a simulated meter can speak, behind one shape: bytes in, actions out.
 * @module
 */
import { frameDecoder } from '../protocol/frame.ts'
import type { MeterSimConfig } from './config.ts'
import { answerEastron } from './eastron.ts'
import { type Answer, answerHost } from './firmwareLink.ts'
import type { MeterState } from './meter.ts'
import { type ModbusRequest, modbusReceiver } from './modbus.ts'
import { answerRelayBoard } from './relayBoard.ts'

/** What one message does to the meter, and what it answers. */
export type Action = (state: MeterState) => Answer

/** Takes bytes of one line as they come; holds what is incomplete. */
export type Personality = (chunk: Uint8Array, nowMs: number) => Action[]

export function personality(config: MeterSimConfig): Personality {
  const { kind } = config
  if (kind === 'firmware-link') {
    const decoder = frameDecoder()
    return (chunk) => decoder.push(chunk).map((body) => (state) => answerHost(state, body))
  }
  const receiver = modbusReceiver()
  const act = (request: ModbusRequest): Action | undefined => {
    if (request.unitId === config.unitId) {
      return (state) => ({ state, reply: answerEastron(kind, state, request) })
    }
    if (request.unitId !== config.relayUnitId) return undefined
    return (state) => answerRelayBoard(state, request)
  }
  return (chunk, nowMs) => {
    const actions = receiver.push(chunk, nowMs).map(act)
    return actions.filter((action) => action !== undefined)
  }
}
