/**
 * The weather on all wires: what becomes of a message while some disturbance goes on.
 * @module
 */
import type { Dice } from '../../firmware-sim/dice.ts'
import type { Weather } from '../support/virtualNetwork.ts'

export type Disturbance = {
  readonly kind: 'lose' | 'repeat' | 'delay' | 'reorder'
  /** Undefined: everybody's messages. */
  readonly device: string | undefined
  /** Share of messages that it meets, 0..1. */
  readonly share: number
  readonly forMs: number
  readonly dice: Dice
}

export type Sky = {
  readonly weather: Weather
  readonly add: (disturbance: Disturbance) => void
  readonly clear: () => void
}

const latencyMs = 4
const delayMsMax = 3_000
const apartMsMax = 500

export function openSky(nowMs: () => number): Sky {
  let active: { readonly one: Disturbance; readonly untilMs: number }[] = []
  return {
    weather: (_, topic) => {
      let arrivals: readonly number[] = [latencyMs]
      if (active.length === 0) return arrivals
      active = active.filter(({ untilMs }) => untilMs > nowMs())
      for (const { one } of active) {
        if (one.device !== undefined && !topic.includes(`/${one.device}/`)) continue
        if (one.dice.chance(one.share)) arrivals = meet(one, arrivals)
      }
      return arrivals
    },
    add: (one) => {
      active.push({ one, untilMs: nowMs() + one.forMs })
    },
    clear: () => {
      active = []
    },
  }
}

function meet({ kind, dice }: Disturbance, arrivals: readonly number[]): readonly number[] {
  switch (kind) {
    case 'lose':
      return []
    case 'repeat':
      return arrivals.flatMap((ms) => [ms, ms + dice.between(0, apartMsMax)])
    case 'delay':
      return arrivals.map((ms) => ms + dice.between(apartMsMax, delayMsMax))
    case 'reorder':
      return arrivals.map((ms) => ms + dice.between(0, apartMsMax))
  }
}
