/**
 * A microcontroller with its meter at the end of a virtual serial line. Flow is steady, so it needs
 * no timers: whoever looks moves it on. It keeps the truth that everything else is compared with.
 * @module
 */
import type { Clock, Serial, Timers } from '../../ports/index.ts'
import { frameDecoder } from '../../protocol/frame.ts'
import {
  decodeHostMessage,
  encodeStatus,
  type HostMessage,
  hostSilenceMs,
  type LinkUnit,
} from '../../protocol/frameMessages.ts'

export type SimMeter = {
  readonly unit: LinkUnit
  readonly open: () => Promise<Serial>
  /** Units that flowed since the beginning, through all meters that ever stood here. */
  readonly delivered: () => bigint
  /** Monotonic time of the last frame that it understood. */
  readonly heardMs: () => number
  readonly relayClosed: () => boolean
  /** Loss of power for a moment; the register starts again at 0 unless it is kept. */
  readonly reboot: (keepsRegister: boolean) => void
  /** Another meter takes its place. */
  readonly swap: (register: bigint) => void
  readonly cut: () => void
}

type State = {
  readonly unit: LinkUnit
  readonly ratePerSecond: number
  readonly clock: Clock
  deviceId: bigint
  bootId: number
  bootMs: number
  register: bigint
  limit: bigint | undefined
  heardMs: number
  movedMs: number
  /** Thousandths of a unit. */
  remainder: number
  delivered: bigint
  readonly line: Line
}

/** The serial line of a meter: one program at a time has it open. */
export type Line = { open: { readonly close: (reason: string) => void } | undefined }

const answerMs = 3

export type SimMeterPlan = {
  readonly unit: LinkUnit
  readonly ratePerSecond: number
  readonly register: bigint
}

export function simMeter(plan: SimMeterPlan, clock: Clock, timers: Timers): SimMeter {
  const state: State = {
    unit: plan.unit,
    ratePerSecond: plan.ratePerSecond,
    clock,
    deviceId: 1n,
    bootId: 1,
    bootMs: clock.monotonicMs(),
    register: plan.register,
    limit: undefined,
    heardMs: Number.NEGATIVE_INFINITY,
    movedMs: clock.monotonicMs(),
    remainder: 0,
    delivered: 0n,
    line: { open: undefined },
  }
  const restart = () => {
    move(state)
    state.limit = undefined
    state.bootId += 1
    state.bootMs = clock.monotonicMs()
    state.line.open?.close('the meter lost its power')
  }
  return {
    unit: plan.unit,
    open: async () => openLine(state.line, timers, (body) => answer(state, body)),
    delivered: () => {
      move(state)
      return state.delivered
    },
    heardMs: () => state.heardMs,
    relayClosed: () => {
      move(state)
      return state.limit !== undefined
    },
    reboot: (keepsRegister) => {
      restart()
      if (!keepsRegister) state.register = 0n
    },
    swap: (register) => {
      restart()
      state.deviceId += 1n
      state.register = register
    },
    cut: () => state.line.open?.close('the cable was cut'),
  }
}

/** What flowed since the last look. */
function move(state: State): void {
  const nowMs = state.clock.monotonicMs()
  const endMs = Math.min(nowMs, state.heardMs + hostSilenceMs)
  const { limit } = state
  if (limit !== undefined && endMs > state.movedMs) {
    const thousandths = state.remainder + (endMs - state.movedMs) * state.ratePerSecond
    const possible = BigInt(Math.floor(thousandths / 1_000))
    const room = limit - state.register
    const units = possible < room ? possible : room
    state.remainder = thousandths % 1_000
    state.register += units
    state.delivered += units
    if (units === room) state.limit = undefined
  }
  if (nowMs >= state.heardMs + hostSilenceMs) state.limit = undefined
  state.movedMs = nowMs
}

/** `answer` is told each frame's body and gives the reply, if there is one. */
export function openLine(
  line: Line,
  timers: Timers,
  answer: (body: Uint8Array) => Uint8Array | undefined,
): Serial {
  line.open?.close('another program opened the line')
  const decoder = frameDecoder()
  const ears: ((bytes: Uint8Array) => void)[] = []
  const closes: ((reason: string) => void)[] = []
  let isOpen = true
  const close = (reason: string) => {
    if (!isOpen) return
    isOpen = false
    for (const listener of closes) timers.soon(() => listener(reason))
  }
  line.open = { close }
  const hear = (bytes: Uint8Array) => {
    if (!isOpen) return
    for (const body of decoder.push(bytes)) {
      const reply = answer(body)
      if (reply === undefined) continue
      timers.after(answerMs, () => {
        if (isOpen) for (const ear of ears) ear(reply)
      })
    }
  }
  return {
    write: async (bytes) => {
      if (!isOpen) throw new Error('the line is closed')
      const copy = bytes.slice()
      timers.after(answerMs, () => hear(copy))
    },
    onData: (listener) => {
      ears.push(listener)
    },
    onClose: (listener) => {
      closes.push(listener)
    },
    close: async () => close('closed'),
  }
}

function answer(state: State, body: Uint8Array): Uint8Array | undefined {
  const message = decodeHostMessage(body)
  return message && replyTo(state, message)
}

function replyTo(state: State, message: HostMessage): Uint8Array {
  move(state)
  state.heardMs = state.clock.monotonicMs()
  if (message.kind === 'supply_off') state.limit = undefined
  if (message.kind === 'supply_on') {
    state.limit = message.untilRegister > state.register ? message.untilRegister : undefined
  }
  return encodeStatus({
    sequence: message.sequence,
    deviceId: state.deviceId,
    bootId: state.bootId,
    uptimeMs: BigInt(state.clock.monotonicMs() - state.bootMs),
    counter: state.register,
    relayLimit: state.limit ?? 0n,
    counterBits: 64,
    unit: state.unit,
    relayClosed: state.limit !== undefined,
    counterLost: false,
    pulsesStuck: false,
    relayFailed: false,
    flowing: state.limit !== undefined,
  })
}
