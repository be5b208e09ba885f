/**
 * What the watch sees of one device in one round: counters and registers, sampled from what the
 * gateway keeps anyway. Cumulative figures only rise; a watcher looks at their differences.
 * @module
 */
/** A price per tick, and how many units a tick is. */
export type Price = { readonly unitsPerTick: number; readonly pricePerTick: number }

/** A register of the provider's own meter on the same line. */
export type ProviderReading = { readonly register: number; readonly atSeconds: number }

/** One meter of a device. Registers and readings in base units of the meter (Wh, mL, s, kB). */
export type MeterObservation = {
  /** Changes when the slot is given to another channel. */
  readonly channel: number
  readonly unit: string
  readonly epoch: number
  /** Ticks within the epoch. */
  readonly index: number
  /** Register that the held word has reached. */
  readonly paidReading: number
  /** Register that the device reported; undefined when it has not in this session. */
  readonly register: number | undefined
  /** What the running commitment says. */
  readonly price: Price
  readonly creditTicks: number
  /** What is in force for the unit, and since when. */
  readonly tariff: (Price & { readonly validFrom: number }) | undefined
  readonly provider: ProviderReading | undefined
}

/** Things that a device did, each counted since the watch began. */
export const signNames = [
  'bad_word',
  'gap_refused',
  'price_refused',
  'login_refused',
  'wrong_gateway',
  'foreign_mark',
  'session',
  'takeover',
] as const
export type SignName = (typeof signNames)[number]
export type SignCounts = Readonly<Record<SignName, number>>

export type DeviceObservation = {
  /** Seconds since 1970, by the gateway's clock. */
  readonly atSeconds: number
  readonly online: boolean
  /** A session shows words below what it was given at its start. */
  readonly cloneSuspected: boolean
  readonly signs: SignCounts
  readonly meters: readonly MeterObservation[]
}

export function noSigns(): Record<SignName, number> {
  return {
    bad_word: 0,
    gap_refused: 0,
    price_refused: 0,
    login_refused: 0,
    wrong_gateway: 0,
    foreign_mark: 0,
    session: 0,
    takeover: 0,
  }
}
