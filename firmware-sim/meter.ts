/**
 * The microcontroller and its meter as pure state: a load behind a relay, a counter, a watchdog.
 * `advance` is the only way time passes.
 * @module
 */
import { assert } from '../protocol/assert.ts'
import { flow, type Load, passWithoutFlow, rateNow, startLoad } from './load.ts'
import type { Profile } from './profiles.ts'

/** A device that sees flow without pulses for so long opens its relay by itself. */
export const stuckOpensAfterMs = 5_000

export type Relay = {
  readonly closed: boolean
  /** Register at which it opens by itself, modulo the counter's; undefined: no such limit. */
  readonly limit: bigint | undefined
  /** Time since the last valid frame that was meant for the relay. */
  readonly silenceMs: number
  /** It opens by itself after so much silence. */
  readonly watchdogMs: number
}

export type MeterState = {
  /** Everything that ever flowed; the truth, which no fault touches. */
  readonly supplied: bigint
  /** The counter shows `(supplied - hidden) mod modulus`. */
  readonly hidden: bigint
  readonly modulus: bigint
  /** What a stuck counter shows; undefined while it counts. */
  readonly frozen: bigint | undefined
  /** How long the relay was closed while the counter was stuck. */
  readonly stuckMs: number
  readonly relay: Relay
  readonly load: Load
  /** Simulated milliseconds of load per millisecond. */
  readonly speed: number
  readonly uptimeMs: number
  readonly bootId: number
  readonly deviceId: bigint
  /** No saved counter was found at this boot. */
  readonly counterLost: boolean
}

export type MeterSetup = {
  readonly profile: Profile
  readonly seed: number
  readonly startDayMs: number
  readonly speed: number
  readonly modulus: bigint
  readonly initialRegister: bigint
  readonly watchdogMs: number
  readonly deviceId: bigint
  readonly bootId: number
}

/** A new meter: relay open, counter at `initialRegister`. */
export function newMeter(setup: MeterSetup): MeterState {
  assert(Number.isSafeInteger(setup.speed) && setup.speed >= 1, 'speed is a whole factor')
  return {
    supplied: 0n,
    hidden: -setup.initialRegister,
    modulus: setup.modulus,
    frozen: undefined,
    stuckMs: 0,
    relay: { closed: false, limit: undefined, silenceMs: 0, watchdogMs: setup.watchdogMs },
    load: startLoad(setup.profile, setup.seed, setup.startDayMs),
    speed: setup.speed,
    uptimeMs: 0,
    bootId: setup.bootId,
    deviceId: setup.deviceId,
    counterLost: false,
  }
}

/** What the counter shows. */
export function register(state: MeterState): bigint {
  return state.frozen ?? wrap(state.supplied - state.hidden, state.modulus)
}

/** Whether something flows right now. */
export function flowing(state: MeterState): boolean {
  return state.relay.closed && rateNow(state.load) > 0
}

/** Lets `elapsedMs` (whole) pass: the load runs, the relay opens at its limit and its watchdog. */
export function advance(state: MeterState, elapsedMs: number): MeterState {
  assert(Number.isSafeInteger(elapsedMs) && elapsedMs >= 0, 'time goes forward in whole ms')
  const untilOpenMs = msUntilOpen(state)
  if (!state.relay.closed || elapsedMs < untilOpenMs) return advanceEvenly(state, elapsedMs)
  const opened = withRelayOpen(advanceEvenly(state, untilOpenMs))
  return advanceEvenly(opened, elapsedMs - untilOpenMs)
}

/** The relay closes until the counter has moved on to `limit`; at or past it, it opens. */
export function closeUntil(state: MeterState, limit: bigint): MeterState {
  const wrapped = wrap(limit, state.modulus)
  if (remaining(state, wrapped) === 0n || stuckTooLong(state)) return withRelayOpen(state)
  return { ...state, relay: { ...state.relay, closed: true, limit: wrapped } }
}

/** The relay closes until the watchdog or a command opens it. */
export function closeRelay(state: MeterState): MeterState {
  return { ...state, relay: { ...state.relay, closed: true, limit: undefined } }
}

export function withRelayOpen(state: MeterState): MeterState {
  return { ...state, relay: { ...state.relay, closed: false, limit: undefined } }
}

/** A valid frame for the relay arrived: its watchdog starts again. */
export function heard(state: MeterState): MeterState {
  return { ...state, relay: { ...state.relay, silenceMs: 0 } }
}

/** Power fails and returns; the counter survives. */
export function reboot(state: MeterState, bootId: number): MeterState {
  const { relay } = withRelayOpen(state)
  return { ...state, relay: { ...relay, silenceMs: 0 }, bootId, uptimeMs: 0, counterLost: false }
}

/** Power fails and returns; the counter starts again at 0. */
export function rebootWithoutCounter(state: MeterState, bootId: number): MeterState {
  const reset = { ...state, hidden: state.supplied, frozen: undefined, stuckMs: 0 }
  return { ...reboot(reset, bootId), counterLost: true }
}

/** The counter shows `value` from now on, as after a glitch or an exchanged meter. */
export function showRegister(state: MeterState, value: bigint): MeterState {
  return { ...state, hidden: state.supplied - value, frozen: undefined, stuckMs: 0 }
}

/** Pulses no longer arrive. */
export function stick(state: MeterState): MeterState {
  return { ...state, frozen: register(state) }
}

/** Pulses arrive again; those in between were never counted. */
export function unstick(state: MeterState): MeterState {
  return state.frozen === undefined ? state : showRegister(state, state.frozen)
}

export function stuckTooLong(state: MeterState): boolean {
  return state.frozen !== undefined && state.stuckMs >= stuckOpensAfterMs
}

/** Units until `limit`; 0 when the counter is at or past it. Half of the circle is "past". */
function remaining(state: MeterState, limit: bigint): bigint {
  const ahead = wrap(limit - register(state), state.modulus)
  return ahead < state.modulus / 2n ? ahead : 0n
}

/** Time until the watchdog, or the guard against a stuck counter, opens the relay. */
function msUntilOpen(state: MeterState): number {
  const watchdogMs = Math.max(0, state.relay.watchdogMs - state.relay.silenceMs)
  if (state.frozen === undefined || state.relay.limit === undefined) return watchdogMs
  return Math.min(watchdogMs, Math.max(0, stuckOpensAfterMs - state.stuckMs))
}

/** Time passes in which nothing but the register limit can open the relay. */
function advanceEvenly(state: MeterState, elapsedMs: number): MeterState {
  const older = {
    ...state,
    uptimeMs: state.uptimeMs + elapsedMs,
    relay: { ...state.relay, silenceMs: state.relay.silenceMs + elapsedMs },
  }
  const loadMs = elapsedMs * state.speed
  if (!state.relay.closed) return { ...older, load: passWithoutFlow(state.load, loadMs) }
  const stuck = state.frozen !== undefined
  const { limit } = state.relay
  // A counter that does not move never reaches its limit.
  const most = limit === undefined || stuck ? undefined : remaining(state, limit)
  const { load, units, usedMs } = flow(state.load, loadMs, most ?? unlimitedUnits)
  const stuckMs = stuck ? state.stuckMs + elapsedMs : 0
  const later = { ...older, load, supplied: state.supplied + units, stuckMs }
  if (units !== most) return later
  return { ...withRelayOpen(later), load: passWithoutFlow(load, loadMs - usedMs) }
}

const unlimitedUnits = 1n << 64n

function wrap(value: bigint, modulus: bigint): bigint {
  const rest = value % modulus
  return rest < 0n ? rest + modulus : rest
}
