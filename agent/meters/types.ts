/**
 * The one small interface behind which meters sit. A driver speaks one protocol on an open line;
 * it keeps no opinion about money, only exchanges an order for a reading.
 * @module
 */
import type { LinkUnit } from '../../protocol/frameMessages.ts'

/**
 * What the relay shall do, in the meter's own register. Every poll repeats it. `query` leaves the
 * relay as it is, for one who only looks.
 */
export type SupplyOrder =
  | { readonly kind: 'query' }
  | { readonly kind: 'off' }
  | { readonly kind: 'on_until'; readonly register: bigint }

/** What a meter or the reader noticed. `stuck`: something flows and the register stands still. */
export type MeterFault = 'counter_lost' | 'stuck' | 'relay_failed' | 'implausible_step'

/** One answer of a meter. */
export type RawReading = {
  /** Base units as the meter counts them. */
  readonly register: bigint
  /** The register goes from `modulus - 1` to 0; undefined when nobody knows where it wraps. */
  readonly modulus: bigint | undefined
  /** Changes with every start of the meter; undefined when it has none (Modbus). */
  readonly bootId: number | undefined
  readonly uptimeMs: number | undefined
  /** The meter's own number; a different one is a different meter. */
  readonly meterNumber: string | undefined
  /** What the register counts; undefined when the meter does not say. */
  readonly unit: LinkUnit | undefined
  readonly relayClosed: boolean
  /** Whether something flows right now; undefined when the meter cannot tell. */
  readonly flowing: boolean | undefined
  readonly faults: readonly MeterFault[]
}

export type PollFailure = 'no_answer' | 'bad_answer' | 'refused' | 'line_closed'

export type PollOutcome =
  | { readonly ok: true; readonly reading: RawReading }
  | { readonly ok: false; readonly reason: PollFailure }

/** A meter on an open line. Never throws, never rejects. */
export type Meter = {
  /** Gives the order and reads the register; one at a time. */
  readonly poll: (order: SupplyOrder) => Promise<PollOutcome>
  /** Stops listening and closes the line. */
  readonly close: () => Promise<void>
}

export type MeterKind = 'firmware-link' | 'sdm120' | 'sdm630'

export type DriverOptions = {
  /** Longest wait for one answer. */
  readonly timeoutMs: number
  /** Modbus address of the meter. */
  readonly unitId: number
  /** Modbus address of the relay board; undefined when the meter has none. */
  readonly relayUnitId: number | undefined
}
