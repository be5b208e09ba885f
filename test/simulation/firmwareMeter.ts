/**
 * A meter whose microcontroller is the project's own: relay, register, watchdog and answers are
 * those of `firmware-sim/`.
 * @module
 */
import { answerHost, counterModulus } from '../../firmware-sim/firmwareLink.ts'
import * as firmware from '../../firmware-sim/meter.ts'
import type { Clock, Timers } from '../../ports/index.ts'
import { hostSilenceMs } from '../../protocol/frameMessages.ts'
import { type Line, openLine, type SimMeter, type SimMeterPlan } from './meter.ts'

const secondsPerHour = 3_600

export function firmwareMeter(plan: SimMeterPlan, clock: Clock, timers: Timers): SimMeter {
  const ratePerHour = plan.ratePerSecond * secondsPerHour
  let state = firmware.newMeter({
    profile: { kind: 'steady', unit: plan.unit, ratePerHour },
    seed: 1,
    startDayMs: 0,
    speed: 1,
    modulus: counterModulus[64],
    initialRegister: plan.register,
    watchdogMs: hostSilenceMs,
    deviceId: 1n,
    bootId: 1,
  })
  let movedMs = clock.monotonicMs()
  let heardMs = Number.NEGATIVE_INFINITY
  const line: Line = { open: undefined }
  const move = () => {
    const nowMs = clock.monotonicMs()
    state = firmware.advance(state, nowMs - movedMs)
    movedMs = nowMs
  }
  const restart = (next: firmware.MeterState) => {
    state = next
    line.open?.close('the meter lost its power')
  }
  return {
    unit: plan.unit,
    open: async () =>
      openLine(line, timers, (body) => {
        move()
        heardMs = clock.monotonicMs()
        const { state: next, reply } = answerHost(state, body)
        state = next
        return reply
      }),
    delivered: () => {
      move()
      return state.supplied
    },
    heardMs: () => heardMs,
    relayClosed: () => {
      move()
      return state.relay.closed
    },
    reboot: (keepsRegister) => {
      move()
      const bootId = state.bootId + 1
      restart(
        keepsRegister
          ? firmware.reboot(state, bootId)
          : firmware.rebootWithoutCounter(state, bootId),
      )
    },
    swap: (register) => {
      move()
      const other = firmware.reboot(firmware.showRegister(state, register), state.bootId + 1)
      restart({ ...other, deviceId: state.deviceId + 1n })
    },
    cut: () => line.open?.close('the cable was cut'),
  }
}
