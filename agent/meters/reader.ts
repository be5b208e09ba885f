/**
 * Turns raw registers into units that never go back. Pure.
 *
 * A meter's register is not what a payer can count on: it wraps at its end, starts again after a
 * loss of power, is exchanged, or arrives wrong. `units = register + offset`, and only these rules
 * move the offset:
 *
 * - **start**: two readings in a row must agree before anything is believed. Units continue from
 *   the saved offset; if they would be below what was counted or paid for before (the floor), the
 *   register was set back while nobody looked, and the offset is raised to meet the floor.
 * - **forward** within what the maximum rate allows since the last reading: believed at once.
 * - **rollover**: the register is lower, and the way around its end is plausible: the modulus is
 *   added. Believed at once.
 * - **reset**: the register is lower and the boot id is new. The meter counted from 0 since it
 *   started, so its whole register is added, if its uptime makes that plausible. What it supplied
 *   between the last reading and its death is nobody's.
 * - **set back**: the register is lower for no such reason (glitch, exchanged meter, a meter
 *   without boot id). The reading is ignored until `confirmations` readings in a row agree; then
 *   units continue from the last believed one, with the first of those readings as the new base.
 * - **exchange**: the meter shows another number of its own. Confirmed like a start; units continue
 *   from the last believed one, with its register as the new base.
 * - **jump**: the register is further than the maximum rate allows. Also ignored until confirmed;
 *   then units move on by no more than the rate allows, and `implausible_step` is reported.
 *
 * So an error of the meter costs the payer nothing that the maximum rate does not allow, and a
 * single wrong answer costs nobody anything. Saved are only the offset and where it was valid, and
 * only when it moved.
 * @module
 */
import { assert } from '../../protocol/assert.ts'

export type ReaderRules = {
  /** Most units a meter can supply in one second; noise cannot move the register faster. */
  readonly unitsPerSecondMax: bigint
  /** Readings that must agree, the first included, before a strange one is believed. */
  readonly confirmations: number
  /** Something flows and the register stands still for so long: stuck. */
  readonly stuckAfterMs: number
}

export const defaultReaderRules: Omit<ReaderRules, 'unitsPerSecondMax'> = {
  confirmations: 3,
  stuckAfterMs: 600_000,
}

/** What must survive a restart; the register may be much older than the last reading. */
export type SavedReader = {
  readonly offset: bigint
  readonly lastRegister: bigint
  readonly bootId: number | undefined
  readonly meterNumber: string | undefined
}

export type Sample = {
  readonly register: bigint
  readonly modulus: bigint | undefined
  readonly bootId: number | undefined
  readonly uptimeMs: number | undefined
  readonly meterNumber: string | undefined
  readonly flowing: boolean | undefined
  /** Monotonic time at which the answer arrived. */
  readonly atMs: number
}

type Suspect = {
  readonly first: Sample
  readonly last: Sample
  readonly count: number
}

export type Reader = {
  readonly rules: ReaderRules
  readonly saved: SavedReader | undefined
  /** Last believed sample of this run. */
  readonly last: Sample | undefined
  readonly suspect: Suspect | undefined
  /** Units never fall below this. */
  readonly floor: bigint
  readonly stillSinceMs: number
}

/** `first`: this reader never saw a meter before. */
export type ReaderNote =
  | 'first'
  | 'rollover'
  | 'reset'
  | 'set_back'
  | 'exchanged'
  | 'jump'
  | 'below_floor'

export type ReaderOutcome =
  | {
      readonly kind: 'units'
      readonly reader: Reader
      readonly units: bigint
      /**
       * What moved the offset, if anything did. `reader.saved` is a new object when it must be made
       * durable, and the same one otherwise.
       */
      readonly note: ReaderNote | undefined
      readonly stuck: boolean
    }
  | { readonly kind: 'waiting'; readonly reader: Reader; readonly reason: 'unconfirmed' }

/** A reader that continues where `saved` ended, or begins with the meter's own register. */
export function startReader(rules: ReaderRules, saved: SavedReader | undefined): Reader {
  assert(rules.confirmations >= 2, 'a strange reading needs at least one more')
  return { rules, saved, last: undefined, suspect: undefined, floor: 0n, stillSinceMs: 0 }
}

/** Units that were counted before, for instance those the payee holds a proof for. */
export function raiseFloor(reader: Reader, units: bigint): Reader {
  return units > reader.floor ? { ...reader, floor: units } : reader
}

/**
 * Register at which the meter will have counted `units`; undefined while nobody can say: before the
 * first reading, after a strange one, and until a reading has met a floor that was raised since.
 */
export function registerAt(reader: Reader, units: bigint): bigint | undefined {
  const { floor, last, saved, suspect } = reader
  if (last === undefined || saved === undefined || suspect !== undefined) return undefined
  if (last.register + saved.offset < floor) return undefined
  const { modulus } = last
  const register = units - saved.offset
  if (modulus === undefined) return register < 0n ? 0n : register
  return ((register % modulus) + modulus) % modulus
}

/** Judges one answer of the meter. */
export function readSample(reader: Reader, sample: Sample): ReaderOutcome {
  const { last, saved } = reader
  if (last === undefined || saved === undefined) return readFirst(reader, sample)
  const step = sample.register - last.register
  const allowed = allowedUnits(reader.rules, sample.atMs - last.atMs)
  if (isAnother(sample, last)) return readStrange(reader, sample, last, saved)
  if (step >= 0n && step <= allowed) return believe(reader, sample, saved.offset, undefined)
  const around = sample.modulus === undefined ? -1n : step + sample.modulus
  if (step < 0n && around >= 0n && around <= allowed) {
    return believe(reader, sample, saved.offset + (sample.modulus ?? 0n), 'rollover')
  }
  return readStrange(reader, sample, last, saved)
}

/** Nothing was believed in this run yet: two readings must agree. */
function readFirst(reader: Reader, sample: Sample): ReaderOutcome {
  const agreeing = agree(reader, sample)
  if (agreeing.count < 2) return waiting(reader, agreeing)
  const { saved } = reader
  if (saved === undefined) return believe(reader, sample, 0n, 'first')
  const units = saved.offset + saved.lastRegister
  if (isAnother(sample, saved)) {
    return believe(reader, sample, units - agreeing.first.register, 'exchanged')
  }
  if (sample.register >= saved.lastRegister) return believe(reader, sample, saved.offset, undefined)
  const sameBoot = sample.bootId !== undefined && sample.bootId === saved.bootId
  if (sameBoot && wrappedSince(sample, saved)) {
    return believe(reader, sample, saved.offset + (sample.modulus ?? 0n), 'rollover')
  }
  const rebooted = sample.bootId !== undefined && !sameBoot
  if (rebooted && countedSinceBoot(reader.rules, sample)) {
    return believe(reader, sample, units, 'reset')
  }
  return believe(reader, sample, units - agreeing.first.register, 'set_back')
}

/** A reading that does not follow from the last one, until enough of its kind agree. */
function readStrange(
  reader: Reader,
  sample: Sample,
  last: Sample,
  saved: SavedReader,
): ReaderOutcome {
  const agreeing = agree(reader, sample)
  const rebooted = sample.bootId !== undefined && sample.bootId !== last.bootId
  if (agreeing.count < (rebooted ? 2 : reader.rules.confirmations)) return waiting(reader, agreeing)
  const units = last.register + saved.offset
  const { first } = agreeing
  if (isAnother(sample, last)) return believe(reader, sample, units - first.register, 'exchanged')
  const forward = first.register > last.register
  if (rebooted && !forward && countedSinceBoot(reader.rules, sample)) {
    return believe(reader, sample, units, 'reset')
  }
  const moved = forward ? allowedUnits(reader.rules, first.atMs - last.atMs) : 0n
  const note = forward ? 'jump' : 'set_back'
  return believe(reader, sample, units + moved - first.register, note)
}

/** Whether a counter that never restarted has passed its end: by less than half of its circle. */
function wrappedSince(sample: Sample, saved: SavedReader): boolean {
  const { modulus, register } = sample
  return modulus !== undefined && register + modulus - saved.lastRegister < modulus / 2n
}

/** Whether two meters tell different numbers of their own; one that tells none is not another. */
function isAnother(sample: Sample, known: Sample | SavedReader): boolean {
  if (sample.meterNumber === undefined || known.meterNumber === undefined) return false
  return sample.meterNumber !== known.meterNumber
}

/** The suspicion with `sample` added, or a new one that starts with it. */
function agree(reader: Reader, sample: Sample): Suspect {
  const { suspect } = reader
  if (suspect === undefined) return { first: sample, last: sample, count: 1 }
  const step = sample.register - suspect.last.register
  const allowed = allowedUnits(reader.rules, sample.atMs - suspect.last.atMs)
  const sameMeter = sample.bootId === suspect.last.bootId && !isAnother(sample, suspect.last)
  if (!sameMeter || step < 0n || step > allowed) return { first: sample, last: sample, count: 1 }
  return { ...suspect, last: sample, count: suspect.count + 1 }
}

function waiting(reader: Reader, suspect: Suspect): ReaderOutcome {
  return { kind: 'waiting', reader: { ...reader, suspect }, reason: 'unconfirmed' }
}

function believe(
  reader: Reader,
  sample: Sample,
  offset: bigint,
  note: ReaderNote | undefined,
): ReaderOutcome {
  const below = sample.register + offset < reader.floor
  const raised = below ? reader.floor - sample.register : offset
  const units = sample.register + raised
  const still = sample.flowing === true && reader.last?.register === sample.register
  const stillSinceMs = still ? reader.stillSinceMs : sample.atMs
  const saved = savedAfter(reader.saved, sample, raised)
  const next = { ...reader, saved, last: sample, suspect: undefined, floor: units, stillSinceMs }
  const stuck = still && sample.atMs - stillSinceMs >= reader.rules.stuckAfterMs
  return { kind: 'units', reader: next, units, note: below ? 'below_floor' : note, stuck }
}

/** The same object while the offset and the meter stay, so that nothing is written needlessly. */
function savedAfter(saved: SavedReader | undefined, sample: Sample, offset: bigint): SavedReader {
  const meterNumber = sample.meterNumber ?? saved?.meterNumber
  if (saved?.offset === offset && saved.meterNumber === meterNumber) return saved
  return { offset, lastRegister: sample.register, bootId: sample.bootId, meterNumber }
}

/** What the maximum rate allows in `elapsedMs`, with a second's worth to spare. */
function allowedUnits(rules: ReaderRules, elapsedMs: number): bigint {
  const seconds = BigInt(Math.ceil(Math.max(0, elapsedMs) / 1000)) + 1n
  return rules.unitsPerSecondMax * seconds
}

/** Whether the whole register can have been counted since the meter started. */
function countedSinceBoot(rules: ReaderRules, sample: Sample): boolean {
  if (sample.uptimeMs === undefined) return false
  return sample.register <= allowedUnits(rules, sample.uptimeMs)
}
