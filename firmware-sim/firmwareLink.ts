/**
 * How the microcontroller answers on its own link (docs/firmware-link.md).
 * @module
 */
import {
  decodeHostMessage,
  encodeStatus,
  type HostMessage,
  type LinkUnit,
} from '../protocol/frameMessages.ts'
import {
  closeUntil,
  flowing,
  heard,
  type MeterState,
  register,
  stuckTooLong,
  withRelayOpen,
} from './meter.ts'

export type Answer = { readonly state: MeterState; readonly reply: Uint8Array | undefined }

/** Counters of this link are 32 or 64 bits wide. */
export const counterModulus = { 32: 1n << 32n, 64: 1n << 64n } as const

/** Obeys one frame body and answers with a status; what is no message gets no answer. */
export function answerHost(state: MeterState, body: Uint8Array): Answer {
  const message = decodeHostMessage(body)
  if (message === undefined) return { state, reply: undefined }
  const obeyed = obey(heard(state), message)
  return { state: obeyed, reply: statusFrame(obeyed, message.sequence) }
}

function obey(state: MeterState, message: HostMessage): MeterState {
  if (message.kind === 'supply_on') return closeUntil(state, message.untilRegister)
  return message.kind === 'supply_off' ? withRelayOpen(state) : state
}

function statusFrame(state: MeterState, sequence: number): Uint8Array {
  return encodeStatus({
    sequence,
    deviceId: state.deviceId,
    bootId: state.bootId,
    uptimeMs: BigInt(state.uptimeMs),
    counter: register(state),
    relayLimit: state.relay.limit ?? 0n,
    counterBits: state.modulus === counterModulus[32] ? 32 : 64,
    unit: linkUnit(state),
    relayClosed: state.relay.closed,
    counterLost: state.counterLost,
    pulsesStuck: stuckTooLong(state),
    relayFailed: false,
    flowing: flowing(state),
  })
}

function linkUnit(state: MeterState): LinkUnit {
  return state.load.profile.unit
}
